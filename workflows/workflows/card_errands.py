"""What events of card-svc ask of Temporal."""

from collections.abc import Sequence
from typing import Any

from temporalio.common import SearchAttributePair

from unioncard.contracts import Contract
from unioncard.contracts.cards import (
    BatchAnswered,
    BatchCalled,
    BatchClosed,
    BatchEvent,
    BatchPickedUp,
    BatchSubmitted,
    CheckRequested,
)
from workflows import card_batch_view, card_check_view
from workflows.card_batch import CardBatch
from workflows.card_batch_progress import Batch, CardBatchStart
from workflows.card_check import CardCheck
from workflows.card_check_view import CardCheckStart
from workflows.errands import Errand, Table
from workflows.search_attributes import BATCH, DISTRICT, PHASE, UNION


def errand_of(event: Contract, segments: Table) -> Errand | None:
    """The errand of an event about cards, None for one that nobody here listens to.

    Any event of a batch can start its workflow: they carry all that it needs and may come in any order.
    """
    match event:
        case CheckRequested():
            return _check(event)
        case BatchSubmitted():
            return _batch(event, segments)
        case BatchAnswered(counts=counts):
            return _batch(event, segments, "answered", [counts])
        case BatchCalled(called_on=called_on):
            return _batch(event, segments, "called", [called_on])
        case BatchPickedUp(counts=counts):
            return _batch(event, segments, "picked_up", [counts])
        case BatchClosed():
            return _batch(event, segments, "closed")
        case _:
            return None


def _check(event: CheckRequested) -> Errand:
    start = CardCheckStart.model_validate(event.model_dump())
    return Errand(
        workflow=CardCheck.run,
        workflow_id=f"card-check/{event.check_id}",
        start=start,
        attributes=[
            SearchAttributePair(DISTRICT, event.district_code),
            SearchAttributePair(UNION, str(event.union_id)),
            SearchAttributePair(PHASE, "校验中"),
        ],
        summary=card_check_view.summary(start),
        introduction=card_check_view.introduction(start),
    )


def _batch(event: BatchEvent, segments: Table, signal: str | None = None, args: Sequence[Any] = ()) -> Errand:
    batch = Batch(
        number=event.batch_number,
        union_id=event.union_id,
        district_code=event.district_code,
        channel=event.channel,
        members=event.members,
        submitted_at=event.submitted_at,
    )
    return Errand(
        workflow=CardBatch.run,
        workflow_id=f"card-batch/{event.batch_number}",
        start=CardBatchStart(batch=batch, segments=list(segments)),
        attributes=[
            SearchAttributePair(DISTRICT, event.district_code),
            SearchAttributePair(UNION, str(event.union_id)),
            SearchAttributePair(BATCH, event.batch_number),
            SearchAttributePair(PHASE, str(card_batch_view.Phase.SUBMITTING)),
        ],
        summary=card_batch_view.summary(batch),
        introduction=card_batch_view.introduction(batch),
        signal=signal,
        signal_args=args,
    )
