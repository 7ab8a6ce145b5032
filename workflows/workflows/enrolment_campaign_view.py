"""What goes into a campaign, what it remembers, and what people see of it in the Temporal UI."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.insurance import CampaignTotals, Scheme
from unioncard.money import Fen, format_yuan
from workflows.campaign_calendar import SCHEMES, Calendar
from workflows.district_enrolment_view import CLOSED, days_of, stage_name

OPENING, SETTLING, DONE = "开启", "核销收尾", "已结束"


class CampaignStart(BaseModel):
    """Input of the workflow ``campaign/<scheme>/<year>``."""

    scheme: Scheme
    year: int
    segments: list[Segment] = Field(default_factory=list)


@dataclass(frozen=True)
class CampaignView:
    """All that is shown; two equal views need no update."""

    phase: str
    next_deadline: datetime | None
    details: str


def summary(scheme: Scheme, year: int) -> str:
    """The line in the list of workflows."""
    return f"{year}年度{SCHEMES[scheme]}"


def introduction(scheme: Scheme, year: int) -> str:
    """The fixed description of one workflow."""
    return (
        f"{year}年度{SCHEMES[scheme]}活动。每个区局一个子流程，区局提交的每个批次一个缴费流程。\n\n"
        "流程：缴费设置 → 基层工会参保 → 区局提交 → 区局缴费 → 核销收尾。日程由市总工会维护，变更后自动重设计时。"
    )


def view_of_campaign(
    calendar: Calendar | None,
    now: datetime,
    *,
    districts: int,
    running: int,
    differing: Sequence[str],
    trouble: str | None,
    totals: CampaignTotals | None,
) -> CampaignView:
    """``running``: districts not over yet; ``differing``: names of those with days of their own."""
    phase = _phase(calendar, now, running, totals)
    deadline = calendar.next_deadline(now) if calendar and totals is None else None
    lines = [
        f"### {phase}",
        *(days_of(calendar, now) if calendar else []),
        f"- **区局**：共 {districts} 个，进行中 {running}，已截止 {districts - running}",
        *([f"- **单独日程**：{'、'.join(differing)}"] if differing else []),
        *(_totals(totals) if totals else []),
        *([f"- **受阻**：{trouble}"] if trouble else []),
        f"- **怎么办**：{_advice(phase, trouble)}",
    ]
    return CampaignView(phase, deadline, "\n".join(lines))


def _phase(calendar: Calendar | None, now: datetime, running: int, totals: CampaignTotals | None) -> str:
    if totals is not None:
        return DONE
    if calendar is None:
        return OPENING
    stage = stage_name(calendar, now)
    return SETTLING if stage == CLOSED and not running else stage


def _totals(totals: CampaignTotals) -> list[str]:
    def yuan(fen: int) -> str:
        return f"{format_yuan(Fen(fen))} 元"

    return [
        f"- **参保**：{totals.heads} 人，已核销 {totals.batches} 批，作废 {totals.batches_voided} 批",
        f"- **保费**：{yuan(totals.fee_fen)}（补贴 {yuan(totals.subsidy_fen)} · 区局 {yuan(totals.district_fen)} · "
        f"基层工会 {yuan(totals.union_fen)}，抵用清算分配款 {yuan(totals.credit_fen)}）",
    ]


def _advice(phase: str, trouble: str | None) -> str:
    if trouble:
        return "系统会自动再试；持续受阻请联系平台运维。"
    if phase == SETTLING:
        return "请中心核销已到账批次；未缴费的批次在最后一日对账后自动作废。全部办结后活动自动结束。"
    if phase in (OPENING, DONE):
        return "无需操作。"
    return "无需操作。需要延长、提前截止或个别区局例外时，请市总工会在日程中维护。"
