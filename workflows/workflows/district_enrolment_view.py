"""What goes into a district's part of a campaign, what it remembers, and what people see of it in the Temporal UI."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.insurance import DistrictClosed, DistrictStanding, Phase, Scheme
from workflows.campaign_calendar import PHASES, SCHEMES, Calendar
from workflows.card_batch_view import moment

CLOSED, UNPLANNED = "已截止", "等待日程"


class District(BaseModel):
    """Which district of which campaign; never changes."""

    scheme: Scheme
    year: int
    id: int
    code: str
    name: str


class DistrictProgress(BaseModel):
    """How far it has come."""

    done: list[str] = Field(default_factory=list, description="names of occasions that are past")
    told: int = 0
    payments: list[str] = Field(default_factory=list, description="numbers of the batches submitted so far")
    standing: DistrictStanding | None = None
    stood_at: datetime | None = None
    trouble: str | None = None
    closed: DistrictClosed | None = None


class DistrictStart(BaseModel):
    """Input of the workflow ``campaign/<scheme>/<year>/<district_code>``."""

    district: District
    calendar: Calendar
    segments: list[Segment] = Field(default_factory=list)


class DistrictEnd(BaseModel):
    """How it ended: under which calendar, and what lapsed."""

    version: int
    lists_voided: int
    heads_voided: int


@dataclass(frozen=True)
class DistrictView:
    """All that is shown; two equal views need no update."""

    phase: str
    next_deadline: datetime | None
    details: str


def district_workflow_id(scheme: Scheme, year: int, code: str) -> str:
    """``campaign/centralized/2020/036``."""
    return f"campaign/{scheme}/{year}/{code}"


def district_summary(district: District) -> str:
    """The line in the list of workflows."""
    return f"{district.year}年{SCHEMES[district.scheme]} · {district.name}（{district.code}）"


def stage_name(calendar: Calendar, now: datetime) -> str:
    """What is worked towards, in Chinese."""
    stage = calendar.stage(now)
    return PHASES[stage] if stage else CLOSED


def view_of_district(
    district: District, calendar: Calendar, progress: DistrictProgress, now: datetime, awaited: str | None
) -> DistrictView:
    """``awaited``: what the next timer is for."""
    if progress.closed is not None:
        phase = CLOSED
    elif calendar.ends_at is None:
        phase = UNPLANNED
    else:
        phase = stage_name(calendar, now)
    deadline = None if progress.closed is not None else calendar.next_deadline(now)
    lines = [
        f"### {phase}",
        f"- **区局**：{district.name}（{district.code}）",
        *days_of(calendar, now),
        *_standing(progress),
        *([f"- **本区批次**：{'、'.join(progress.payments)}"] if progress.payments else []),
        *([f"- **正在等待**：{awaited}"] if awaited and progress.closed is None else []),
        *([f"- **受阻**：{progress.trouble}"] if progress.trouble else []),
        f"- **怎么办**：{_advice(phase, calendar, progress, now)}",
    ]
    return DistrictView(phase, deadline, "\n".join(lines))


def days_of(calendar: Calendar, now: datetime) -> list[str]:
    """A line for each phase: when it opens and closes, and which are over."""
    lines = []
    for times in calendar.phases:
        opens = f"{moment(times.opens_at)} 起" if times.opens_at else ""
        closes = f"{moment(times.closes_at)} 止" if times.closes_at else ""
        over = "（已过）" if times.closes_at and times.closes_at <= now else ""
        lines.append(f"- **{PHASES[times.phase]}**：{'，'.join(part for part in (opens, closes) if part)}{over}")
    return lines


def _standing(progress: DistrictProgress) -> list[str]:
    lines = []
    if progress.standing is not None and progress.stood_at is not None:
        now = progress.standing
        lines += [
            f"- **截至 {moment(progress.stood_at)}**：{now.unions} 家基层工会，已报 {now.unions_with_list} 家，"
            f"{now.heads} 人",
            f"- **名单**：待区局确认 {now.waiting} · 待提交 {now.basket} · 已退回 {now.returned} · "
            f"已入批次 {now.in_batch}",
            f"- **批次**：未核销 {now.batches_open} · 已核销 {now.batches_written_off} · 已作废 {now.batches_voided}",
            *([] if now.split_set else ["- **缴费设置**：尚未设置"]),
        ]
    if progress.closed is not None:
        lines.append(f"- **截止时作废**：{progress.closed.lists_voided} 份名单，{progress.closed.heads_voided} 人")
    return lines


def _advice(phase: str, calendar: Calendar, progress: DistrictProgress, now: datetime) -> str:
    if progress.trouble:
        return "系统会自动再试；持续受阻请联系平台运维。"
    if phase == UNPLANNED:
        return "请市总工会维护本活动的日程。"
    if progress.closed is not None:
        return "无需操作。未提交的会员可按有卡无保即时参保。"
    return {
        Phase.FEE_SPLIT: "请区局完成基层缴费设置。",
        Phase.UNION_WINDOW: "请基层工会核对名单并参保，区局及时审核。",
        Phase.DISTRICT_SUBMISSION: "请区局登记基层工会缴费，并将已审核名单提交中心；未提交的到期作废。",
    }.get(calendar.stage(now) or Phase.PAYMENT, "无需操作。")
