"""A batch's events, made from its row and sent in the trace of its submission."""

from typing import Any

from unioncard.contracts.insurance import (
    PremiumBatchDueChanged,
    PremiumBatchEvent,
    PremiumBatchReviewed,
    PremiumBatchSubmitted,
    PremiumBatchVoided,
    PremiumBatchWrittenOff,
    PremiumVoucherUploaded,
)
from unioncard.dates import day_end_exclusive
from unioncard.unit_of_work import Transaction


def submitted(tx: Transaction, row: Any) -> None:
    """``insurance.batch.submitted.v1``"""
    _publish(tx, row, PremiumBatchSubmitted(**_common(row)))


def reviewed(tx: Transaction, row: Any) -> None:
    """``insurance.batch.reviewed.v1``"""
    due_at = day_end_exclusive(row.due_on) if row.due_on else None
    _publish(tx, row, PremiumBatchReviewed(**_common(row), passed=due_at is not None, due_at=due_at))


def voucher_uploaded(tx: Transaction, row: Any) -> None:
    """``insurance.batch.voucher.v1``"""
    _publish(tx, row, PremiumVoucherUploaded(**_common(row), vouchers=row.vouchers))


def due_changed(tx: Transaction, row: Any) -> None:
    """``insurance.batch.due-changed.v1``"""
    _publish(tx, row, PremiumBatchDueChanged(**_common(row), due_at=day_end_exclusive(row.due_on)))


def written_off(tx: Transaction, row: Any) -> None:
    """``insurance.batch.written-off.v1``"""
    _publish(tx, row, PremiumBatchWrittenOff(**_common(row)))


def voided(tx: Transaction, row: Any) -> None:
    """``insurance.batch.voided.v1``"""
    _publish(tx, row, PremiumBatchVoided(**_common(row), reason=row.void_reason))


def _common(row: Any) -> dict[str, Any]:
    return {
        "batch_number": row.number,
        "district_id": row.district_id,
        "district_code": row.district_code,
        "scheme": row.scheme,
        "coverage_year": row.coverage_year,
        "heads": row.heads,
        "due_fen": row.due_fen,
        "submitted_at": row.submitted_at,
    }


def _publish(tx: Transaction, row: Any, event: PremiumBatchEvent) -> None:
    tx.publish(event, key=row.number, subject=row.number, traceparent=row.traceparent)
