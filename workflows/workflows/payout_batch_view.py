"""What people see of a payout batch in the Temporal UI."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from temporalio.common import SearchAttributePair

from unioncard.money import Fen, format_yuan
from workflows.card_batch_view import moment
from workflows.payout_batch_progress import PayoutBatchFacts, PayoutBatchProgress
from workflows.search_attributes import BATCH, PHASE


class PayoutPhase(StrEnum):
    """UnioncardPhase of a payout batch."""

    PAYEES = "核对收款账户"
    SENDING = "提交银行"
    ANSWERS = "等待银行答复"
    DONE = "已完成"
    REFUSED = "银行退回"


@dataclass(frozen=True)
class PayoutView:
    """All that is shown; two equal views need no update."""

    phase: PayoutPhase
    next_deadline: datetime | None
    overdue: bool
    details: str


def payout_summary(batch: PayoutBatchFacts) -> str:
    """The line in the list of workflows."""
    return f"划款批次 {batch.number} · {batch.payouts}笔 · {format_yuan(Fen(batch.amount_fen))} 元"


def payout_introduction(batch: PayoutBatchFacts) -> str:
    """The fixed description of one workflow."""
    return (
        f"{moment(batch.opened_at)} 汇总，共 {batch.payouts} 笔、{format_yuan(Fen(batch.amount_fen))} 元。\n\n"
        "流程：核对收款账户（不能到账的先剔除）→ 提交银行 → 等待银行逐笔答复（3日，每晚另取回银行文件）。"
    )


def payout_attributes(batch: PayoutBatchFacts) -> list[SearchAttributePair[Any]]:
    """What the list can be filtered by from the first moment."""
    return [SearchAttributePair(BATCH, batch.number), SearchAttributePair(PHASE, str(PayoutPhase.PAYEES))]


def view_of_payouts(
    batch: PayoutBatchFacts, progress: PayoutBatchProgress, phase: PayoutPhase, *, now: datetime, since: datetime
) -> PayoutView:
    """``since``: when the phase began."""
    overdue = progress.overdue(now)
    due = progress.due_at if phase in (PayoutPhase.ANSWERS, PayoutPhase.REFUSED) else None
    lines = [
        f"### {phase}",
        f"- **现状**：共 {batch.payouts} 笔 · 待答复 {progress.waiting} · 已到账 {progress.paid} · "
        f"退回 {progress.returned} · 未能提交 {progress.left_out}",
        f"- **自**：{moment(since)}",
        *([f"- **期限**：{moment(due)} 前{'（已超时）' if overdue else ''}"] if due else []),
        *([f"- **账户不能到账**：{progress.unpayable} 人"] if progress.unpayable else []),
        *([f"- **受阻**：{progress.trouble}"] if progress.trouble else []),
        f"- **怎么办**：{_advice(phase, overdue)}",
    ]
    return PayoutView(phase, None if overdue else due, overdue, "\n".join(lines))


def _advice(phase: PayoutPhase, overdue: bool) -> str:
    if overdue and phase is PayoutPhase.ANSWERS:
        return "请中心联系银行查询未答复的款项。系统每晚取回银行文件，取到后自动继续。"
    return {
        PayoutPhase.PAYEES: "无需操作。",
        PayoutPhase.SENDING: "无需操作。银行暂时无法连接时系统自动重试。",
        PayoutPhase.ANSWERS: "无需操作。退回的款项在给付申请中更正账户后重新划款。",
        PayoutPhase.DONE: "无需操作。退回和未能提交的，请在给付申请中更正账户。",
        PayoutPhase.REFUSED: "请中心按原因核对批次，并联系银行；银行有了结果，系统自动继续。",
    }[phase]
