"""What people see of a claim in the Temporal UI: its phase and, in Chinese, what is awaited and what to do.

Nothing about illness or event is here: dates, counts and states are enough to see who waits for whom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributePair

from unioncard.contracts.claims import ClaimNoticeKind, ClaimState
from workflows.card_batch_view import moment
from workflows.claim_progress import Act, ClaimProgress, FiledClaim, Move
from workflows.search_attributes import BATCH, DISTRICT, PHASE, UNION

PHASES: Mapping[ClaimState, str] = {
    ClaimState.FILED: "核对保障",
    ClaimState.INCOMPLETE: "待补材料",
    ClaimState.STAMPING: "待盖章",
    ClaimState.PROVISIONAL: "待核销",
    ClaimState.ADJUDICATING: "中心审核",
    ClaimState.MEDICAL_REVIEW: "医学复核",
    ClaimState.CONFIRMING: "待复核",
    ClaimState.TO_PAY: "待划款",
    ClaimState.PAYING: "划款中",
    ClaimState.RETURNED: "退汇待处理",
    ClaimState.PAID: "已给付",
    ClaimState.REFUSED: "不予给付",
    ClaimState.LAPSED: "逾期未补材料",
    ClaimState.WITHDRAWN: "已撤回",
    ClaimState.CLOSED: "已办结",
}

NOTICES: Mapping[ClaimNoticeKind, str] = {
    ClaimNoticeKind.PAPERS_MISSING: "催补材料",
    ClaimNoticeKind.PAPERS_LAST_DAY: "补材料最后一日",
    ClaimNoticeKind.STAMP_MISSING: "催盖章",
    ClaimNoticeKind.REVIEW_LATE: "审核超时",
    ClaimNoticeKind.CONFIRMATION_LATE: "复核超时",
    ClaimNoticeKind.MEDICAL_LATE: "医学复核超时",
    ClaimNoticeKind.PAYOUT_LATE: "划款超时",
    ClaimNoticeKind.RETURNED: "退汇待处理",
    ClaimNoticeKind.DECIDED: "审核结果",
}


@dataclass(frozen=True)
class ClaimView:
    """All that is shown; two equal views need no update."""

    phase: str
    next_deadline: datetime | None
    overdue: bool
    details: str


def claim_summary(claim: FiledClaim) -> str:
    """The line in the list of workflows."""
    return f"给付申请 {claim.number} · 区局 {claim.district_code}"


def claim_introduction(claim: FiledClaim) -> str:
    """The fixed description of one workflow."""
    return (
        f"基层工会 {claim.union_id}（区局 {claim.district_code}）的会员，{moment(claim.filed_at)} 受理。\n\n"
        "流程：核对保障 → 补齐材料并盖章（截止前7日和最后一日提醒，逾期失效）→ 中心审核（3日）、必要时医学复核（5日）"
        "和第二人复核（3日）→ 划款（3日）→ 申诉期满办结。保障待核销的，材料齐全后等待核销，每日核对。"
    )


def claim_attributes(claim: FiledClaim, state: ClaimState) -> list[SearchAttributePair[Any]]:
    """What the list can be filtered by from the first moment."""
    return [
        SearchAttributePair(BATCH, claim.number),
        SearchAttributePair(DISTRICT, claim.district_code),
        SearchAttributePair(UNION, str(claim.union_id)),
        SearchAttributePair(PHASE, PHASES[state]),
    ]


def wait_summary(progress: ClaimProgress, move: Move) -> str:
    """The name of the timer that ends with the move."""
    match move.act:
        case Act.CHECK:
            return "再次核对保障（每日）"
        case Act.LAPSE:
            return "补材料截止" if progress.state not in (ClaimState.PAID, ClaimState.REFUSED) else "申诉截止"
        case Act.NOTIFY:
            assert move.kind is not None  # of every notice
            return f"下次提醒（{NOTICES[move.kind]}）"


def view_of_claim(progress: ClaimProgress) -> ClaimView:
    """All that people see."""
    phase = PHASES[progress.state]
    deadline = progress.deadline
    overdue = progress.overdue()
    move = None if progress.over else progress.next_move()
    lines = [
        f"### {phase}",
        f"- **自**：{moment(progress.since)}",
        *([f"- **期限**：{moment(deadline)} 前{'（已超时）' if overdue else ''}"] if deadline else []),
        *([f"- **{wait_summary(progress, move)}**：{moment(move.at)}"] if move else []),
        *([f"- **受阻**：{progress.trouble}"] if progress.trouble else []),
        f"- **怎么办**：{_advice(progress)}",
    ]
    return ClaimView(phase, None if overdue else deadline, overdue, "\n".join(lines))


def _advice(progress: ClaimProgress) -> str:
    if progress.state is ClaimState.STAMPING:
        who = "区局" if progress.standing.district_stamp else "基层工会或区局"
        return f"请{who}核对材料并盖章。"
    return _ADVICE[progress.state]


_ADVICE: Mapping[ClaimState, str] = {
    ClaimState.FILED: "无需操作，系统正在核对事发当日的保障。",
    ClaimState.INCOMPLETE: "请申请人按“所缺材料”页补齐材料；逾期申请失效，须重新提交。",
    ClaimState.PROVISIONAL: "无需操作。保障随参保批次核销生效；批次作废则不予给付。",
    ClaimState.ADJUDICATING: "请中心审核并给出结论、理由和依据。",
    ClaimState.MEDICAL_REVIEW: "请另一名审核人员答复医学问题。",
    ClaimState.CONFIRMING: "请另一名审核人员复核。",
    ClaimState.TO_PAY: "无需操作，系统每日汇总划款；超时请中心核对划款批次。",
    ClaimState.PAYING: "无需操作，等待银行答复；超时请中心与银行核对。",
    ClaimState.RETURNED: "请中心与申请人核对收款账户，更正后重新划款。",
    ClaimState.PAID: "无需操作，申诉期满自动办结。",
    ClaimState.REFUSED: "申请人可在期限内申诉；期满自动办结。",
    ClaimState.LAPSED: "无需操作。仍在申请期限内的可重新提交申请。",
    ClaimState.WITHDRAWN: "无需操作。",
    ClaimState.CLOSED: "无需操作。",
}
