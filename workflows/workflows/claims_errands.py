"""What events of claims-svc ask of Temporal."""

from collections.abc import Sequence
from typing import Any

from unioncard.contracts import Contract
from unioncard.contracts.claims import (
    ClaimChanged,
    ClaimStanding,
    ClaimState,
    PayoutBatchAnswered,
    PayoutBatchOpened,
)
from workflows.claim import Claim
from workflows.claim_progress import ClaimStart, FiledClaim, claim_id
from workflows.claim_view import claim_attributes, claim_introduction, claim_summary
from workflows.errands import Errand, Table, Task, Word
from workflows.payout_batch import PayoutBatch
from workflows.payout_batch_progress import PayoutBatchFacts, PayoutBatchStart, payout_batch_id
from workflows.payout_batch_view import payout_attributes, payout_introduction, payout_summary


def claims_task_of(event: Contract, segments: Table) -> Task | None:
    """The task of an event about claims, None for one that nobody here listens to.

    Any event of a claim can start its workflow. Answers of the bank start nothing: a batch that is not there yet asks
    for itself how it stands.
    """
    match event:
        case ClaimChanged(answered=True):
            # Once more as a signal would be a task for nothing.
            return None
        case ClaimChanged():
            return _claim(event, segments)
        case PayoutBatchOpened():
            return _batch(event, segments)
        case PayoutBatchAnswered(waiting=waiting, paid=paid, returned=returned):
            return Word(payout_batch_id(event.batch_number), "answered", [waiting, paid, returned])
        case _:
            return None


def _claim(event: ClaimChanged, segments: Table) -> Errand:
    claim = FiledClaim(
        number=event.claim_number,
        member_id=event.member_id,
        union_id=event.union_id,
        district_code=event.district_code,
        first_day=event.first_day,
        last_day=event.last_day,
        filed_at=event.filed_at,
    )
    standing = ClaimStanding(
        version=event.version,
        state=event.state,
        due_at=event.due_at,
        appeal_until=event.appeal_until,
        missing=event.missing,
        district_stamp=event.district_stamp,
    )
    # What was only filed has nothing to say to a workflow that runs.
    news: Sequence[Any] = [] if event.state is ClaimState.FILED else [standing]
    return Errand(
        workflow=Claim.run,
        workflow_id=claim_id(claim.number),
        start=ClaimStart(claim=claim, standing=standing, segments=list(segments)),
        attributes=claim_attributes(claim, event.state),
        summary=claim_summary(claim),
        introduction=claim_introduction(claim),
        signal="changed" if news else None,
        signal_args=news,
        # Money may come back after the claim was closed and its workflow ended. One that is started by a late repeat
        # learns from its first question that the claim is closed.
        again=event.state is ClaimState.RETURNED,
        version=event.version,
    )


def _batch(event: PayoutBatchOpened, segments: Table) -> Errand:
    batch = PayoutBatchFacts(
        number=event.batch_number,
        on=event.on,
        payouts=event.payouts,
        amount_fen=event.amount_fen,
        opened_at=event.opened_at,
    )
    return Errand(
        workflow=PayoutBatch.run,
        workflow_id=payout_batch_id(batch.number),
        start=PayoutBatchStart(batch=batch, segments=list(segments)),
        attributes=payout_attributes(batch),
        summary=payout_summary(batch),
        introduction=payout_introduction(batch),
    )
