"""What others are told about payouts."""

from collections.abc import Sequence
from typing import Any

from claims_svc.ledger.rules import Share
from unioncard.contracts.claims import (
    PayoutBatchAnswered,
    PayoutBatchOpened,
    PayoutBatchStanding,
    PayoutBatchState,
    PayoutSettled,
)
from unioncard.contracts.cover import Benefit
from unioncard.unit_of_work import Transaction


def opened(tx: Transaction, row: Any) -> None:
    """``claims.payout-batch.opened.v1``"""
    event = PayoutBatchOpened(
        batch_number=row.number,
        on=row.on_day,
        payouts=row.payouts,
        amount_fen=row.amount_fen,
        opened_at=row.opened_at,
    )
    tx.publish(event, key=row.number, subject=row.number, traceparent=row.traceparent)


def answered(tx: Transaction, row: Any) -> None:
    """``claims.payout-batch.answered.v1``"""
    event = PayoutBatchAnswered(batch_number=row.number, waiting=row.waiting, paid=row.paid, returned=row.returned)
    tx.publish(event, key=row.number, subject=row.number, traceparent=row.traceparent)


def settled(tx: Transaction, shares: Sequence[tuple[Share, Benefit]], sign: int) -> None:
    """``claims.payout.settled.v1`` for each book that paid (``sign`` 1), or got its money back (-1)."""
    for share, benefit in shares:
        event = PayoutSettled(
            payout_number=share.payout_number,
            district_id=share.book.district_id,
            coverage_year=share.book.coverage_year,
            class_code=share.book.class_code,
            benefit=benefit,
            amount_fen=sign * share.amount_fen,
        )
        tx.publish(event, key=share.payout_number, subject=share.payout_number)


def standing(row: Any) -> PayoutBatchStanding:
    """A batch as it is now."""
    return PayoutBatchStanding(
        state=PayoutBatchState(row.state),
        payouts=row.payouts,
        amount_fen=row.amount_fen,
        waiting=row.waiting,
        paid=row.paid,
        returned=row.returned,
        left_out=row.left_out,
    )
