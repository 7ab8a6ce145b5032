"""What events of insurance-svc ask of Temporal."""

from collections.abc import Sequence
from typing import Any

from unioncard.contracts import Contract
from unioncard.contracts.insurance import (
    CampaignChanged,
    PremiumBatchDueChanged,
    PremiumBatchEvent,
    PremiumBatchReviewed,
    PremiumBatchSubmitted,
    PremiumBatchVoided,
    PremiumBatchWrittenOff,
    PremiumVoucherUploaded,
    StatementReconciled,
)
from workflows.district_enrolment_view import district_workflow_id
from workflows.enrolment_campaign import campaign_id
from workflows.errands import Announcement, Errand, Table, Task, Word
from workflows.premium_payment import PremiumPayment
from workflows.premium_payment_progress import PremiumBatch, PremiumStart, payment_id
from workflows.premium_payment_view import payment_attributes, premium_introduction, premium_summary

# Those that wait for a bank statement; the others would only note it.
WAITING_FOR_A_STATEMENT = "WorkflowType = 'PremiumPayment' AND ExecutionStatus = 'Running' AND UnioncardOverdue = true"


def insurance_task_of(event: Contract, segments: Table) -> Task | None:
    """The task of an event about insurance, None for one that nobody here listens to.

    Any event of a batch can start its workflow. A changed calendar starts nothing: a campaign begins when its day has
    come, and learns its calendar then.
    """
    match event:
        case CampaignChanged():
            return Word(campaign_id(event.scheme, event.coverage_year), "calendar_changed", [event])
        case StatementReconciled(day=day):
            return Announcement(f"statement/{day}", WAITING_FOR_A_STATEMENT, "statement_reconciled", [day])
        case PremiumBatchEvent():
            return _of_batch(event, segments)
        case _:
            return None


def _of_batch(event: PremiumBatchEvent, segments: Table) -> Errand | None:
    match event:
        case PremiumBatchSubmitted():
            return _payment(event, segments)
        case PremiumBatchReviewed(passed=passed, due_at=due_at):
            return _payment(event, segments, "reviewed", [passed, due_at])
        case PremiumVoucherUploaded(vouchers=vouchers):
            return _payment(event, segments, "voucher_uploaded", [vouchers])
        case PremiumBatchDueChanged(due_at=due_at):
            return _payment(event, segments, "due_changed", [due_at])
        case PremiumBatchWrittenOff():
            return _payment(event, segments, "written_off")
        case PremiumBatchVoided():
            return _payment(event, segments, "voided")
        case _:
            return None


def _payment(event: PremiumBatchEvent, segments: Table, signal: str | None = None, args: Sequence[Any] = ()) -> Errand:
    batch = PremiumBatch(
        number=event.batch_number,
        district_id=event.district_id,
        district_code=event.district_code,
        scheme=event.scheme,
        year=event.coverage_year,
        heads=event.heads,
        due_fen=event.due_fen,
        submitted_at=event.submitted_at,
    )
    return Errand(
        workflow=PremiumPayment.run,
        workflow_id=payment_id(batch.number),
        start=PremiumStart(batch=batch, segments=list(segments)),
        attributes=payment_attributes(batch),
        summary=premium_summary(batch),
        introduction=premium_introduction(batch),
        signal=signal,
        signal_args=args,
        # In a campaign the payment hangs below its district, so that the Temporal UI shows one tree.
        parent_id=None if signal else district_workflow_id(batch.scheme, batch.year, batch.district_code),
        parent_signal="batch_submitted",
    )
