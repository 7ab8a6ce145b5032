"""Writes the histories that future releases must still be able to replay.

    python -m workflows_testing.record_histories

Each kind of workflow is run through its branches on a time-skipping server, and left both finished and in the middle
of its waits. The files go to ``tests/histories/<release>/``. Run it once per release, before changing a workflow
again. A file that is there is never written anew: it stands for what may be running somewhere.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from unioncard.clock_segments import Segment
from unioncard.contracts.cards import Channel, CheckRequested
from workflows.attribute_types import SEARCH_ATTRIBUTES
from workflows.bank_state import BankStateFetch, BankStateStart
from workflows.card_errands import errand_of
from workflows.namespace import add_search_attributes
from workflows_testing.campaign_stories import CAMPAIGN_STORIES
from workflows_testing.card_office import (
    CALL_DUE,
    MEMBERS,
    NUMBERS_DUE,
    SUBMITTED,
    CardOffice,
    Season,
    counts,
)
from workflows_testing.claim_stories import CLAIM_STORIES
from workflows_testing.claims_office import FILED, Claiming, ClaimsOffice
from workflows_testing.insurance_office import EVE, Campaigning, InsuranceOffice
from workflows_testing.time_travel import eventually

HISTORIES = Path(__file__).parents[1] / "tests" / "histories"
TIME_SKIPPING_SERVER = Path(sys.executable).with_name("temporal-test-server")
MACHINE = {"identity", "stackTrace", "binaryChecksum"}
SECOND = timedelta(seconds=1)

ISSUED = counts(issued=9, failed=1)
COLLECTED = counts(issued=9, failed=1, collected=9)

Handle = WorkflowHandle[Any, Any]


async def straight(season: Season) -> Handle:
    """Numbers, call, pickup, all in time."""
    batch = await season.start()
    await season.go_to(NUMBERS_DUE - SECOND)
    await season.answer(batch, "answered", ISSUED)
    await eventually(lambda: len(season.office.notices()) == 1)
    await batch.signal("called", date(2026, 9, 30))
    await season.answer(batch, "picked_up", COLLECTED)
    await batch.result()
    return batch


async def late_and_overdue(season: Season) -> Handle:
    """Half an answer, late, overdue, two reminders; still waiting."""
    batch = await season.start()
    await season.answer(batch, "answered", counts(issued=4))
    await season.go_to(NUMBERS_DUE + SECOND)
    await eventually(lambda: len(season.office.notices()) == 2)
    await season.answer(batch, "answered", ISSUED)
    await season.go_to(CALL_DUE + SECOND)
    await eventually(lambda: len(season.office.notices()) == 3)
    await season.go_to(CALL_DUE + timedelta(days=61))
    await eventually(lambda: len(season.office.notices()) == 5)
    return batch


async def reminded_for_years(season: Season) -> Handle:
    """The first run, which ended by continuing as new."""
    batch = await season.start()
    await season.answer(batch, "answered", ISSUED)
    await batch.signal("called", date(2026, 9, 30))
    await season.go_to(datetime(2026, 9, 30, tzinfo=UTC) + timedelta(days=30 * 13))
    await eventually(lambda: len(season.office.notices()) == 14)
    return season.client.get_workflow_handle(batch.id, run_id=batch.result_run_id)


async def special(season: Season) -> Handle:
    """No call is awaited; closed by staff after the first reminder."""
    season.office.channel = Channel.SPECIAL
    batch = await season.start()
    await season.answer(batch, "answered", ISSUED)
    await eventually(lambda: len(season.office.notices()) == 1)
    await season.go_to(SUBMITTED + timedelta(days=32))
    await eventually(lambda: len(season.office.notices()) == 2)
    await batch.signal("closed")
    await batch.result()
    return batch


async def rehearsed(season: Season) -> Handle:
    """The clock stands still, then jumps past the numbers' deadline; still waiting."""
    batch = await season.start()
    await eventually(lambda: len(season.office.asked) == 1)
    now = await season.env.get_current_time()
    halted = [*season.office.segments, Segment(now, SUBMITTED + timedelta(hours=1), speed=0)]
    await batch.signal("clock_changed", halted)
    await season.env.sleep(timedelta(days=1))
    season.office.segments = [*halted, Segment(await season.env.get_current_time(), NUMBERS_DUE)]
    await batch.signal("clock_changed", season.office.segments)
    await eventually(lambda: len(season.office.notices()) == 1)
    return batch


async def refused(season: Season) -> Handle:
    """The bank will not have it."""
    season.office.refusal = "batch-incomplete"
    batch = await season.start()
    await eventually(lambda: _closed(batch))
    return batch


async def all_failed(season: Season) -> Handle:
    """Nothing to announce."""
    batch = await season.start()
    await season.answer(batch, "answered", counts(failed=MEMBERS))
    await batch.result()
    return batch


async def check(season: Season) -> Handle:
    """A system check of ten chunks."""
    event = CheckRequested(
        check_id="20260921-1",
        union_id=345,
        district_code="036",
        channel=Channel.NORMAL,
        total=1000,
        chunks=10,
        requested_at=SUBMITTED,
    )
    errand = errand_of(event, [])
    assert errand is not None
    started: Handle = await season.client.start_workflow(
        errand.workflow, errand.start, id=errand.workflow_id, task_queue=season.task_queue
    )
    await started.result()
    return started


async def bank_state(season: Season) -> Handle:
    """The nightly fetch, as the schedule starts it."""
    started: Handle = await season.client.start_workflow(
        BankStateFetch.run, BankStateStart(), id="bank-state-nightly", task_queue=season.task_queue
    )
    await started.result()
    return started


STORIES: list[Callable[[Season], Awaitable[Handle]]] = [
    straight,
    late_and_overdue,
    reminded_for_years,
    special,
    rehearsed,
    refused,
    all_failed,
    check,
    bank_state,
]


async def _closed(handle: Handle) -> bool:
    return (await handle.describe()).close_time is not None


def names() -> list[str]:
    """Of all stories."""
    return [story.__name__ for story in (*STORIES, *CAMPAIGN_STORIES, *CLAIM_STORIES)]


async def history_of(name: str) -> str:
    """The history of one story, as JSON."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TIME_SKIPPING_SERVER), data_converter=pydantic_data_converter
    ) as env:
        await add_search_attributes(env.client, list(SEARCH_ATTRIBUTES))
        queue = f"record-{uuid.uuid4()}"
        now = await env.get_current_time()
        for of_cards in STORIES:
            if of_cards.__name__ == name:
                cards = CardOffice([Segment(now, SUBMITTED)])
                async with cards.worker(env.client, queue):
                    return await _told(of_cards(Season(env, cards, queue)))
        for of_campaigns in CAMPAIGN_STORIES:
            if of_campaigns.__name__ == name:
                insurance = InsuranceOffice([Segment(now, EVE)])
                async with insurance.worker(env.client, queue):
                    return await _told(of_campaigns(Campaigning(env, insurance, queue)))
        of_claims = next(story for story in CLAIM_STORIES if story.__name__ == name)
        office = ClaimsOffice([Segment(now, FILED)])
        async with office.worker(env.client, queue):
            return await _told(of_claims(Claiming(env, office, queue)))


async def _told(story: Awaitable[Handle]) -> str:
    history = await (await story).fetch_history()
    return json.dumps(_without_the_machine(history.to_json_dict()), ensure_ascii=False, indent=1)


def _without_the_machine(found: Any) -> Any:
    """Leave out who recorded it and where: replay needs neither."""
    if isinstance(found, list):
        return [_without_the_machine(one) for one in found]
    if isinstance(found, dict):
        return {name: _without_the_machine(one) for name, one in found.items() if name not in MACHINE}
    return found


async def record(folder: Path) -> list[Path]:
    """Write the histories that the folder does not have yet."""
    written = []
    for name in names():
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_text(await history_of(name) + "\n", encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    release = HISTORIES / version("unioncard-workflows")
    release.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(record(release)):
        sys.stdout.write(f"{path}\n")
    sys.stdout.flush()
    # A temporalio client sometimes crashes the interpreter at its exit, when all is written.
    os._exit(0)
