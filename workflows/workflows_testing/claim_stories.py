"""The stories of claims and payouts whose histories are kept (see :mod:`record_histories`)."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from unioncard.contracts import claims, cover
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import CoverState
from workflows.payout_file import PayoutFile, PayoutFileStart
from workflows.payout_run import PayoutRun, PayoutRunStart
from workflows_testing.claims_office import APPEAL_UNTIL, FILED, PAPERS_DUE, PAYOUTS, Claiming, policy
from workflows_testing.time_travel import eventually

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

Handle = WorkflowHandle[Any, Any]


async def _assessed(claiming: Claiming) -> Handle:
    claim = await claiming.start()
    await eventually(lambda: claiming.office.state is not ClaimState.FILED)
    return claim


async def _decided(claiming: Claiming, claim: Handle, state: ClaimState) -> None:
    told = len(claiming.office.notices())
    times = {"appeal_until": APPEAL_UNTIL} if state is ClaimState.REFUSED else {}
    await claiming.moves(claim, state, **times)
    await eventually(lambda: len(claiming.office.notices()) > told)


async def claim_paid(claiming: Claiming) -> Handle:
    """All papers on the day of filing, a second pair of eyes, paid, closed."""
    claim = await _assessed(claiming)
    for state in (ClaimState.STAMPING, ClaimState.ADJUDICATING, ClaimState.CONFIRMING):
        await claiming.moves(claim, state)
    await _decided(claiming, claim, ClaimState.TO_PAY)
    await claiming.moves(claim, ClaimState.PAYING)
    await claiming.moves(claim, ClaimState.PAID, appeal_until=APPEAL_UNTIL)
    await claiming.go_to(APPEAL_UNTIL + SECOND)
    await claim.result()
    return claim


async def claim_lapsed(claiming: Claiming) -> Handle:
    """Reminded three times, never complete."""
    claim = await _assessed(claiming)
    await claiming.go_to(PAPERS_DUE + SECOND)
    await claim.result()
    return claim


async def claim_half_way(claiming: Claiming) -> Handle:
    """Reminded once, extended, still waiting for papers."""
    claim = await _assessed(claiming)
    await claiming.go_to(FILED + 2 * DAY)
    await claiming.moves(claim, ClaimState.INCOMPLETE, due_at=PAPERS_DUE + 10 * DAY)
    await claiming.go_to(PAPERS_DUE)
    return claim


async def claim_provisional(claiming: Claiming) -> Handle:
    """Complete before its premium is written off; the centre has it in the end and is late."""
    office = claiming.office
    office.policies = [policy(CoverState.PROVISIONAL)]
    claim = await _assessed(claiming)
    await claiming.moves(claim, ClaimState.PROVISIONAL)
    await claiming.go_to(FILED + 3 * DAY)
    await eventually(lambda: len(office.of_type(cover.CheckCover.TYPE)) >= 3)
    office.policies = [policy()]
    await claiming.go_to(FILED + 10 * DAY)
    await eventually(lambda: len(office.notices()) >= 2)
    return claim


async def claim_waiting_for_write_off(claiming: Claiming) -> Handle:
    """The first run of a claim whose cover stays provisional, which ended by continuing as new."""
    claiming.office.policies = [policy(CoverState.PROVISIONAL)]
    claim = await _assessed(claiming)
    await claiming.moves(claim, ClaimState.PROVISIONAL)
    await claiming.go_to(FILED + 30 * DAY)
    await eventually(lambda: len(claiming.office.of_type(cover.CheckCover.TYPE)) >= 28)
    return claiming.client.get_workflow_handle(claim.id, run_id=claim.result_run_id)


async def claim_appealed(claiming: Claiming) -> Handle:
    """Refused, appealed against on the last day, paid in the end."""
    claiming.office.policies = []
    claim = await _assessed(claiming)
    await claiming.go_to(APPEAL_UNTIL - SECOND)
    await claiming.moves(claim, ClaimState.ADJUDICATING)
    await claiming.moves(claim, ClaimState.MEDICAL_REVIEW)
    await claiming.go_to(APPEAL_UNTIL + 6 * DAY)
    await claiming.moves(claim, ClaimState.ADJUDICATING)
    await _decided(claiming, claim, ClaimState.TO_PAY)
    return claim


async def claim_returned(claiming: Claiming) -> Handle:
    """The bank returned the money; put right and sent again."""
    claim = await _assessed(claiming)
    await _decided(claiming, claim, ClaimState.TO_PAY)
    await claiming.moves(claim, ClaimState.PAYING)
    await claiming.moves(claim, ClaimState.RETURNED)
    await claiming.go_to(FILED + 9 * DAY)
    await claiming.moves(claim, ClaimState.TO_PAY)
    await claiming.moves(claim, ClaimState.PAYING)
    await claiming.moves(claim, ClaimState.PAID, appeal_until=APPEAL_UNTIL)
    return claim


async def claim_withdrawn(claiming: Claiming) -> Handle:
    """Withdrawn while papers are missing."""
    claim = await _assessed(claiming)
    await claiming.moves(claim, ClaimState.WITHDRAWN)
    await claim.result()
    return claim


async def payouts(claiming: Claiming) -> Handle:
    """One left out, answers in two parts."""
    claiming.office.left_out, claiming.office.waiting = 1, PAYOUTS - 1
    batch = await claiming.start_batch()
    await eventually(lambda: bool(claiming.office.of_type(claims.SubmitPayouts.TYPE)))
    await claiming.answers(batch, paid=2)
    await claiming.answers(batch, paid=3, returned=1)
    await batch.result()
    return batch


async def payouts_half_way(claiming: Claiming) -> Handle:
    """Sent, and the bank is late with its answers."""
    batch = await claiming.start_batch()
    await eventually(lambda: bool(claiming.office.of_type(claims.SubmitPayouts.TYPE)))
    await claiming.answers(batch, paid=2)
    await claiming.go_to(FILED + 4 * DAY)
    await eventually(lambda: len(claiming.office.of_type(claims.ShowPayoutBatch.TYPE)) >= 3)
    return batch


async def payouts_refused(claiming: Claiming) -> Handle:
    """The bank knows another batch of that number; staff must see to it."""
    claiming.office.refusals = {claims.SubmitPayouts.TYPE: "bank-conflict"}
    batch = await claiming.start_batch()
    await claiming.go_to(FILED + DAY)
    await eventually(lambda: len(claiming.office.of_type(claims.ShowPayoutBatch.TYPE)) >= 1)
    return batch


async def payout_run(claiming: Claiming) -> Handle:
    """The daily gathering, as the schedule starts it."""
    started: Handle = await claiming.client.start_workflow(
        PayoutRun.run, PayoutRunStart(), id="payouts-daily", task_queue=claiming.task_queue
    )
    await started.result()
    return started


async def payout_file(claiming: Claiming) -> Handle:
    """The fetch of one day's file, by hand."""
    started: Handle = await claiming.client.start_workflow(
        PayoutFile.run,
        PayoutFileStart(day=date(2020, 3, 9)),
        id="payout-file/2020-03-09/20200309220000",
        task_queue=claiming.task_queue,
    )
    await started.result()
    return started


CLAIM_STORIES: list[Callable[[Claiming], Awaitable[Handle]]] = [
    claim_paid,
    claim_lapsed,
    claim_half_way,
    claim_provisional,
    claim_waiting_for_write_off,
    claim_appealed,
    claim_returned,
    claim_withdrawn,
    payouts,
    payouts_half_way,
    payouts_refused,
    payout_run,
    payout_file,
]
