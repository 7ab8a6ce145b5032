"""What people see of a payment in the Temporal UI: its phase and, in Chinese, what is awaited and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from temporalio.common import SearchAttributePair

from unioncard.contracts.insurance import PremiumState
from unioncard.money import Fen, format_yuan
from workflows.campaign_calendar import SCHEMES
from workflows.card_batch_view import moment
from workflows.premium_payment_progress import PremiumBatch, PremiumProgress
from workflows.search_attributes import BATCH, DISTRICT, PHASE, YEAR


class PaymentPhase(StrEnum):
    """UnioncardPhase of a batch's payment."""

    REVIEW = "中心审核"
    PAYMENT = "等待缴费"
    WRITE_OFF = "等待核销"
    JUDGEMENT = "等待对账"
    WRITTEN_OFF = "已核销"
    RETURNED = "已退回"
    VOIDED = "已作废"


@dataclass(frozen=True)
class PaymentView:
    """All that is shown; two equal views need no update."""

    phase: PaymentPhase
    next_deadline: datetime | None
    unpaid: bool
    overdue: bool
    details: str


def premium_summary(batch: PremiumBatch) -> str:
    """The line in the list of workflows."""
    return f"参保批次 {batch.number} · {batch.heads}人 · 应缴 {yuan(batch.due_fen)}"


def premium_introduction(batch: PremiumBatch) -> str:
    """The fixed description of one workflow."""
    return (
        f"区局 {batch.district_code} 于 {moment(batch.submitted_at)} 提交，"
        f"{batch.year}年度{SCHEMES[batch.scheme]}，共 {batch.heads} 人，应缴 {yuan(batch.due_fen)}。\n\n"
        "流程：中心审核 → 区局缴费并上传凭证（到期前7、3、1日提醒）→ 中心核销；最后一日对账后仍未缴足的作废。"
    )


def payment_attributes(batch: PremiumBatch) -> list[SearchAttributePair[Any]]:
    """What the list can be filtered by from the first moment."""
    return [
        SearchAttributePair(BATCH, batch.number),
        SearchAttributePair(DISTRICT, batch.district_code),
        SearchAttributePair(YEAR, batch.year),
        SearchAttributePair(PHASE, str(PaymentPhase.REVIEW)),
    ]


def payment_phase(batch: PremiumBatch, progress: PremiumProgress, now: datetime) -> PaymentPhase:
    """The phase by what is known, whatever order it came in."""
    match progress.state:
        case PremiumState.REVIEWING:
            return PaymentPhase.REVIEW
        case PremiumState.WRITTEN_OFF:
            return PaymentPhase.WRITTEN_OFF
        case PremiumState.RETURNED:
            return PaymentPhase.RETURNED
        case PremiumState.VOIDED:
            return PaymentPhase.VOIDED
    if progress.paid(batch):
        return PaymentPhase.WRITE_OFF
    if progress.due_at is not None and now >= progress.due_at:
        return PaymentPhase.JUDGEMENT
    return PaymentPhase.WRITE_OFF if progress.vouchers else PaymentPhase.PAYMENT


def view_of_payment(
    batch: PremiumBatch,
    progress: PremiumProgress,
    *,
    now: datetime,
    since: datetime,
    awaited: Mapping[str, datetime],
) -> PaymentView:
    """``since``: when the phase began; ``awaited``: pending waits by name."""
    phase = payment_phase(batch, progress, now)
    passed = progress.state is PremiumState.PASSED
    unpaid = passed and not progress.paid(batch)
    overdue = passed and progress.due_at is not None and now >= progress.due_at
    deadline = progress.due_at if passed and not overdue else None
    waits = sorted(awaited.items(), key=lambda one: one[1]) if not progress.over else []
    lines = [
        f"### {phase}",
        f"- **现状**：{batch.heads} 人 · 应缴 {yuan(batch.due_fen)} · 到账 {yuan(progress.received_fen)} · "
        f"凭证 {progress.vouchers} 份",
        f"- **自**：{moment(since)}",
        *([f"- **缴费期限**：{moment(progress.due_at)} 前"] if passed and progress.due_at else []),
        *(f"- **{name}**：{moment(due)}" for name, due in waits),
        *([f"- **缴费明细**：{moment(progress.details_sent_at)} 已发送"] if progress.details_sent_at else []),
        *([f"- **受阻**：{progress.trouble}"] if progress.trouble else []),
        f"- **怎么办**：{_advice(phase, overdue)}",
    ]
    return PaymentView(phase, deadline, unpaid, overdue, "\n".join(lines))


def yuan(fen: int) -> str:
    """``1,234.05 元``."""
    return f"{format_yuan(Fen(fen))} 元"


def _advice(phase: PaymentPhase, overdue: bool) -> str:
    if phase is PaymentPhase.WRITE_OFF and overdue:
        return "期限已过。请中心核对银行流水后核销；确未到账的在对账后作废。"
    return {
        PaymentPhase.REVIEW: "请中心审核：通过，或注明原因退回。审核通过前请勿缴费。",
        PaymentPhase.PAYMENT: "请区局在期限内足额转账，并上传缴费凭证。",
        PaymentPhase.WRITE_OFF: "请中心核对银行流水并核销。",
        PaymentPhase.JUDGEMENT: "期限已过。请中心上传最后一日的银行流水，对账后系统自动核对，未缴足的作废。",
        PaymentPhase.WRITTEN_OFF: "无需操作。",
        PaymentPhase.RETURNED: "区局按退回原因修改后重新提交，将形成新的批次。",
        PaymentPhase.VOIDED: "无需操作。相关会员可按有卡无保即时参保。",
    }[phase]
