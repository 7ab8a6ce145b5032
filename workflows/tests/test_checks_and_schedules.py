"""The system check's progress, and what starts by itself."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

from unioncard.clock import FileClock, Segment, append_segment
from unioncard.contracts.cards import Channel, CheckRequested
from unioncard.dates import SHANGHAI
from workflows.business_day import BusinessDay
from workflows.business_time import signal_clock_changed
from workflows.card_check_view import CardCheckEnd, CardCheckStart, Tally, details
from workflows.card_errands import errand_of
from workflows.schedules import (
    BANK_STATE_NIGHTLY,
    CAMPAIGNS_DAILY,
    PERSONAL_NIGHTLY,
    ensure_schedules,
    fetch_bank_state,
)
from workflows_testing.card_office import SUBMITTED, CardOffice, Command
from workflows_testing.time_travel import eventually


async def test_a_check_has_four_chunks_under_way_at_a_time(client: Client, task_queue: str) -> None:
    office = CardOffice()
    under_way = most = 0
    go = asyncio.Event()

    async def slowly(_command: Command) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go.wait()
        under_way -= 1

    office.slow = slowly
    event = CheckRequested(
        check_id=task_queue,
        union_id=345,
        district_code="036",
        channel=Channel.NORMAL,
        total=1000,
        chunks=10,
        requested_at=SUBMITTED,
    )
    errand = errand_of(event, [])
    assert errand is not None
    async with office.worker(client, task_queue):
        check = await client.start_workflow(errand.workflow, errand.start, id=errand.workflow_id, task_queue=task_queue)
        await eventually(lambda: under_way == 4)
        go.set()
        assert await check.result() == CardCheckEnd(passed=970, not_passed=20, gone=10)
    assert most == 4


def test_a_checks_progress_reads_well() -> None:
    start = CardCheckStart(
        check_id="1",
        union_id=345,
        district_code="036",
        channel=Channel.NORMAL,
        total=1000,
        chunks=10,
        requested_at=SUBMITTED,
    )
    assert details(start, Tally(passed=380, not_passed=15, gone=5)) == (
        "### 校验中\n"
        "- **进度**：已校验 400/1000\n"
        "- **结果**：通过 380 · 未通过 15 · 已不在待办 5\n"
        "- **自**：2026年9月21日10:00\n"
        "- **怎么办**：无需操作。人口办或人保库暂时无法连接时系统自动重试。"
    )


async def test_the_nightly_fetch_is_scheduled_once_and_keeps_its_pause(client: Client, task_queue: str) -> None:
    await ensure_schedules(client, task_queue)
    handle = client.get_schedule_handle(BANK_STATE_NIGHTLY)
    await handle.pause(note="银行停机维护")
    await ensure_schedules(client, task_queue)
    found = await handle.describe()
    await handle.unpause()
    assert found.schedule.state.paused
    assert found.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert found.schedule.policy.catchup_window == timedelta(hours=12)
    assert found.schedule.policy.pause_on_failure
    # 22:00 in Shanghai is 14:00 in UTC.
    assert {(at.hour, at.minute) for at in found.info.next_action_times} == {(14, 0)}


async def test_campaigns_and_personal_batches_are_scheduled_after_midnight(client: Client, task_queue: str) -> None:
    await ensure_schedules(client, task_queue)
    # 00:05 and 00:10 in Shanghai are 16:05 and 16:10 of the day before in UTC.
    for name, minute in ((CAMPAIGNS_DAILY, 5), (PERSONAL_NIGHTLY, 10)):
        found = await client.get_schedule_handle(name).describe()
        assert {(at.hour, at.minute) for at in found.info.next_action_times} == {(16, minute)}
        assert found.schedule.policy.pause_on_failure
        assert found.schedule.policy.catchup_window == timedelta(hours=12)


async def test_the_nightly_fetch_asks_for_the_day_it_was_due(client: Client, task_queue: str) -> None:
    await ensure_schedules(client, task_queue)
    office = CardOffice()
    async with office.worker(client, task_queue):
        handle = client.get_schedule_handle(BANK_STATE_NIGHTLY)
        # Caught up after the fact: the fetch of this night, 15:59 UTC is still the 21st in Shanghai.
        await handle.backfill(_backfill(datetime(2026, 9, 21, 13, 0, tzinfo=UTC)))
        await eventually(lambda: len(office.asked) == 1)
    assert office.asked[0].data == {"day": "2026-09-21"}


async def test_a_day_can_be_fetched_again_by_hand(client: Client, task_queue: str) -> None:
    office = CardOffice()
    async with office.worker(client, task_queue):
        first = await fetch_bank_state(client, date(2026, 9, 21), task_queue)
        assert (await first.result()).news == 5
        await eventually(lambda: _another_second(first.id, date(2026, 9, 21)))
        second = await fetch_bank_state(client, date(2026, 9, 21), task_queue)
        await second.result()
    assert len({one.key for one in office.asked}) == 2


async def test_the_business_day_is_the_rehearsals(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    day = BusinessDay(FileClock(file))
    real = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
    assert await day.of(real) == date(2026, 9, 21)
    append_segment(file, Segment(real, datetime(2027, 11, 30, 15, 59, tzinfo=UTC)))
    assert await day.of(real) == date(2027, 11, 30)
    assert await day.of(real + timedelta(minutes=1)) == date(2027, 12, 1)


async def test_a_clock_change_reaches_every_waiting_batch(client: Client, task_queue: str) -> None:
    office = CardOffice([Segment(datetime.now(UTC), SUBMITTED)])
    numbers = [f"cbc036{task_queue[-8:]}{n}" for n in range(3)]
    async with office.worker(client, task_queue):
        batches = []
        for number in numbers:
            errand = office.errand(number)
            batches.append(
                await client.start_workflow(errand.workflow, errand.start, id=errand.workflow_id, task_queue=task_queue)
            )
        await eventually(lambda: len(office.asked) == 3)
        # Long after every deadline: all of them become late and overdue.
        jump = [*office.segments, Segment(datetime.now(UTC), SUBMITTED + timedelta(days=25))]
        assert await signal_clock_changed(client, jump) >= 3
        await eventually(lambda: len(office.notices()) == 6)
        for batch in batches:
            await batch.signal("closed")
            await batch.result()


def _backfill(after: datetime) -> ScheduleBackfill:
    return ScheduleBackfill(start_at=after, end_at=after + timedelta(hours=2), overlap=ScheduleOverlapPolicy.ALLOW_ALL)


def _another_second(workflow_id: str, day: date) -> bool:
    return workflow_id != f"bank-state/{day}/{datetime.now(SHANGHAI):%Y%m%d%H%M%S}"
