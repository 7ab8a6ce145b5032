"""The stories of campaigns and payments whose histories are kept, of both schemes (see :mod:`record_histories`)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

from unioncard.clock_segments import Segment
from unioncard.contracts import cards, insurance
from unioncard.contracts.insurance import Phase, PhaseTimes, PremiumState, Scheme
from workflows.campaign_opening import CampaignOpening
from workflows.personal_batch import PersonalBatch, PersonalBatchStart
from workflows_testing.card_office import Command
from workflows_testing.insurance_office import (
    DUE_FEN,
    PAYMENT_ENDS,
    REGISTRATION,
    REGISTRATION_OPENS,
    REGISTRATION_SUBMISSION_ENDS,
    SPLIT_ENDS,
    SUBMISSION_ENDS,
    SUBMITTED,
    WINDOW_ENDS,
    Campaigning,
    midnight,
)
from workflows_testing.time_travel import eventually

SECOND = timedelta(seconds=1)
EXCLUSION_CHECK = "exclusion-check/2020/001/20191101"

Handle = WorkflowHandle[Any, Any]


def _submission_to(end: datetime) -> list[PhaseTimes]:
    return [PhaseTimes(phase=Phase.DISTRICT_SUBMISSION, opens_at=WINDOW_ENDS, closes_at=end)]


async def _opened(campaigning: Campaigning) -> Handle:
    campaign = await campaigning.start()
    office = campaigning.office
    await eventually(lambda: len(office.of_type(insurance.ShowDistrict.TYPE)) >= office.districts)
    return campaign


async def campaign(campaigning: Campaigning) -> Handle:
    """A season: one district extended, one re-opened after its end, batches open for some days."""
    campaigning.office.batches_open = True
    running = await _opened(campaigning)
    later, again = midnight(2020, 1, 4), midnight(2020, 1, 11)
    await running.signal("calendar_changed", campaigning.office.changed(_submission_to(later), district_id=2))
    await campaigning.go_to(later + SECOND)
    await eventually(lambda: bool(campaigning.office.of_type(insurance.CloseCampaign.TYPE)))
    await running.signal("calendar_changed", campaigning.office.changed(_submission_to(again), district_id=3))
    await campaigning.go_to(again + SECOND)
    campaigning.office.batches_open = False
    await running.result()
    return running


async def campaign_half_way(campaigning: Campaigning) -> Handle:
    """Extended for everybody; districts still waiting."""
    running = await _opened(campaigning)
    await running.signal("calendar_changed", campaigning.office.changed(_submission_to(midnight(2020, 1, 4))))
    await campaigning.go_to(SUBMISSION_ENDS)
    return running


async def registration(campaigning: Campaigning) -> Handle:
    """The 2014 scheme, from data alone."""
    await _as_registration(campaigning)
    running = await _opened(campaigning)
    await campaigning.go_to(REGISTRATION_SUBMISSION_ENDS + SECOND)
    await running.result()
    return running


async def registration_district(campaigning: Campaigning) -> Handle:
    """A district of the 2014 scheme."""
    await _as_registration(campaigning)
    running = await _opened(campaigning)
    await campaigning.go_to(REGISTRATION_SUBMISSION_ENDS + SECOND)
    await running.result()
    return campaigning.district(1)


async def district(campaigning: Campaigning) -> Handle:
    """A district that submits a batch, is extended while its timer fires, and closes."""
    running = await _opened(campaigning)
    await campaigning.go_to(SUBMITTED)
    errand = campaigning.office.errand()
    await campaigning.district(1).signal(errand.parent_signal, errand.start)
    await campaigning.go_to(SUBMISSION_ENDS - SECOND)
    later = midnight(2020, 1, 2)
    change = campaigning.office.changed(_submission_to(later))
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    await running.signal("calendar_changed", change)
    await campaigning.go_to(later + SECOND)
    await campaigning.district(1).result()
    return campaigning.district(1)


async def district_half_way(campaigning: Campaigning) -> Handle:
    """A district in the middle of its waits."""
    await _opened(campaigning)
    await campaigning.go_to(WINDOW_ENDS + SECOND)
    return campaigning.district(2)


async def payment(campaigning: Campaigning) -> Handle:
    """Late review, reminders, voucher, write-off."""
    paying = await _submitted(campaigning)
    await campaigning.go_to(SUBMITTED + timedelta(days=3, seconds=1))
    await campaigning.passed(paying, PAYMENT_ENDS)
    await campaigning.go_to(midnight(2020, 1, 18))
    await paying.signal("voucher_uploaded", 1)
    campaigning.office.state, campaigning.office.received_fen = PremiumState.WRITTEN_OFF, DUE_FEN
    await paying.signal("written_off")
    await paying.result()
    return paying


async def payment_void(campaigning: Campaigning) -> Handle:
    """Extended once, not paid, void when the last day's statement is there."""
    paying = await _submitted(campaigning)
    await campaigning.passed(paying, PAYMENT_ENDS)
    await campaigning.go_to(PAYMENT_ENDS - SECOND)
    later = midnight(2020, 1, 24)
    campaigning.office.due_at = later
    await paying.signal("due_changed", later)
    await campaigning.go_to(later + timedelta(days=2))
    await campaigning.reconciled(paying, date(2020, 1, 23))
    await paying.result()
    return paying


async def payment_returned(campaigning: Campaigning) -> Handle:
    """The centre returns the batch."""
    paying = await _submitted(campaigning)
    campaigning.office.state = PremiumState.RETURNED
    await paying.signal("reviewed", args=[False, None])
    await paying.result()
    return paying


async def payment_overdue(campaigning: Campaigning) -> Handle:
    """The last day is over and nobody has uploaded its statement."""
    paying = await _submitted(campaigning)
    await campaigning.passed(paying, PAYMENT_ENDS)
    await campaigning.go_to(PAYMENT_ENDS + timedelta(days=2))
    return paying


async def window_opened(campaigning: Campaigning) -> Handle:
    """A district whose window has opened: the population office is asked."""
    await _opened(campaigning)
    await campaigning.go_to(SPLIT_ENDS + SECOND)
    await (await _check(campaigning, EXCLUSION_CHECK)).result()
    return campaigning.district(1)


async def payment_checked(campaigning: Campaigning) -> Handle:
    """A batch before the centre's review, its members asked about."""
    paying = await _submitted(campaigning)
    await (await _check(campaigning, "exclusion-check/2020/001/CB201912300001")).result()
    return paying


async def exclusions(campaigning: Campaigning) -> Handle:
    """A check of three chunks."""
    office = campaigning.office
    office.people, office.retired, office.chunk = list(range(1, 6)), {2, 5}, 2
    await window_opened(campaigning)
    return campaigning.client.get_workflow_handle(EXCLUSION_CHECK)


async def exclusions_half_way(campaigning: Campaigning) -> Handle:
    """A check whose office has answered once and is silent."""
    office = campaigning.office
    office.people, office.chunk, office.districts = list(range(1, 6)), 2, 1

    async def be_silent(command: Command) -> None:
        if command.type == cards.CheckExclusions.TYPE and not command.key.endswith("/0-0"):
            await asyncio.Event().wait()

    office.before_answer = be_silent
    await _opened(campaigning)
    await campaigning.go_to(SPLIT_ENDS + SECOND)
    await eventually(lambda: len(office.of_type(cards.CheckExclusions.TYPE)) == 2)
    return campaigning.client.get_workflow_handle(EXCLUSION_CHECK)


async def exclusions_refused(campaigning: Campaigning) -> Handle:
    """A check that was set aside."""
    campaigning.office.people = [1]
    campaigning.office.refusals[cards.CheckExclusions.TYPE] = "dead-letter"
    await _opened(campaigning)
    await campaigning.go_to(SPLIT_ENDS + SECOND)
    check = await _check(campaigning, EXCLUSION_CHECK)
    with contextlib.suppress(WorkflowFailureError):
        await check.result()
    return check


async def opening(campaigning: Campaigning) -> Handle:
    """The daily question which campaigns should run."""
    started: Handle = await campaigning.client.start_workflow(
        CampaignOpening.run, id="campaigns-daily", task_queue=campaigning.task_queue
    )
    await started.result()
    return started


async def personal(campaigning: Campaigning) -> Handle:
    """The nightly gathering of personal enrolments, as the schedule starts it."""
    started: Handle = await campaigning.client.start_workflow(
        PersonalBatch.run, PersonalBatchStart(), id="personal-nightly", task_queue=campaigning.task_queue
    )
    await started.result()
    return started


async def _check(campaigning: Campaigning, workflow_id: str) -> Handle:
    """A check that begins soon."""
    asked = campaigning.office.of_type
    await eventually(lambda: any(workflow_id in one.key for one in asked(insurance.NextExclusions.TYPE)))
    return campaigning.client.get_workflow_handle(workflow_id)


async def _as_registration(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.scheme, office.year, office.calendar = Scheme.REGISTRATION, 2014, list(REGISTRATION)
    office.segments = [Segment(await campaigning.env.get_current_time(), REGISTRATION_OPENS)]


async def _submitted(campaigning: Campaigning) -> Handle:
    campaigning.office.segments = [Segment(await campaigning.env.get_current_time(), SUBMITTED)]
    return await campaigning.start_payment()


CAMPAIGN_STORIES: list[Callable[[Campaigning], Awaitable[Handle]]] = [
    campaign,
    campaign_half_way,
    registration,
    registration_district,
    district,
    district_half_way,
    payment,
    payment_void,
    payment_returned,
    payment_overdue,
    window_opened,
    payment_checked,
    exclusions,
    exclusions_half_way,
    exclusions_refused,
    opening,
    personal,
]
