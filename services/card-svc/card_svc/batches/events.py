"""A batch's events, made from its row and sent in the trace of its submission."""

from datetime import datetime
from typing import Any

from card_svc.batches import rules
from unioncard.contracts.cards import (
    BatchAnswered,
    BatchCalled,
    BatchClosed,
    BatchCounts,
    BatchEvent,
    BatchPickedUp,
    BatchSubmitted,
)
from unioncard.unit_of_work import Transaction


def counts_of(row: Any) -> BatchCounts:
    """How the batch stands."""
    return rules.counts(row.members, row.issued, row.failed, row.collected, row.in_person)


def milestones_of(row: Any) -> rules.Milestones:
    """What decides whether the batch is late or overdue."""
    return rules.Milestones(
        rules.BatchState(row.state), counts_of(row), row.numbers_due_at, row.call_due_at, row.called_on
    )


def submitted(tx: Transaction, row: Any) -> None:
    """``card.batch.submitted.v1``"""
    _publish(tx, row, BatchSubmitted(**_common(row)))


def answered(tx: Transaction, row: Any, at: datetime) -> None:
    """``card.batch.answered.v1``"""
    _publish(tx, row, BatchAnswered(**_common(row), counts=counts_of(row), answered_at=at))


def called(tx: Transaction, row: Any) -> None:
    """``card.batch.called.v1``"""
    _publish(tx, row, BatchCalled(**_common(row), called_on=row.called_on))


def picked_up(tx: Transaction, row: Any) -> None:
    """``card.batch.picked-up.v1``"""
    _publish(tx, row, BatchPickedUp(**_common(row), counts=counts_of(row)))


def closed(tx: Transaction, row: Any, reason: str) -> None:
    """``card.batch.closed.v1``"""
    _publish(tx, row, BatchClosed(**_common(row), reason=reason))


def _common(row: Any) -> dict[str, Any]:
    return {
        "batch_number": row.number,
        "union_id": row.union_id,
        "district_code": row.district_code,
        "channel": row.channel,
        "members": row.members,
        "submitted_at": row.submitted_at,
    }


def _publish(tx: Transaction, row: Any, event: BatchEvent) -> None:
    tx.publish(event, key=row.number, subject=row.number, traceparent=row.traceparent)
