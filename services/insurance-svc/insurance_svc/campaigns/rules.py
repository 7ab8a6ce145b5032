"""The life of a campaign, and who is told what about it (domain 5). No input or output here.

| from | to | when |
| --- | --- | --- |
| planned | open | its first day has come |
| open | closed | every district is done: each batch written off, returned or void |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from insurance_svc.seasons.rules import SCHEME_NAMES, PhaseDays
from unioncard.contracts.insurance import DistrictNoticeKind, DistrictStanding, Phase
from unioncard.money import Fen, format_yuan

STATE_LABELS = {"planned": "未开始", "open": "进行中", "closed": "已结束"}

LAPSED = "区局提交截止时仍未提交市职保中心"
"""Why lists are void that the district did not submit."""


def is_due(phases: Mapping[str, PhaseDays], now: datetime) -> bool:
    """Whether a planned campaign should run: its first day has come and its last has not gone.

    A season that was over before the platform had it is not run after the event.
    """
    own = [days for phase in Phase if phase is not Phase.COVERAGE and (days := phases.get(phase)) is not None]
    opens = [days.opens_at for days in own if days.opens_at is not None]
    closes = [days.closes_at for days in own if days.closes_at is not None]
    return bool(opens) and min(opens) <= now < max(closes, default=now)


@dataclass(frozen=True, slots=True)
class UnionStanding:
    """What a union of the district still has to do."""

    union_id: int
    name: str
    standing: int
    """lists that stand"""
    returned: int
    """lists the district returned that nothing has replaced"""
    unpaid_fen: int
    """what it has not yet moved to the district"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a district's notices say."""

    district_id: int
    scheme: str
    year: int
    phases: Mapping[str, PhaseDays]
    standing: DistrictStanding
    splits_missing: Sequence[str]
    unions: Sequence[UnionStanding]

    @property
    def name(self) -> str:
        """``2020年度集中参保``."""
        return f"{self.year}年度{SCHEME_NAMES[self.scheme]}"

    def days(self, phase: Phase) -> str:
        """A phase's days in words."""
        found = self.phases.get(phase)
        return found.in_words() if found else "另行通知的时间"


def notices(kind: DistrictNoticeKind, about: Subject) -> list[tuple[int, str, str]]:
    """``(organisation, title, text)`` for the district and its unions; nothing where nothing is missing."""
    said = [(about.district_id, *_to_district(kind, about))] if _concerns_district(kind, about) else []
    to_unions = [(union.union_id, _to_union(kind, about, union)) for union in about.unions]
    return said + [(union_id, *text) for union_id, text in to_unions if text is not None]


def _concerns_district(kind: DistrictNoticeKind, about: Subject) -> bool:
    now = about.standing
    match kind:
        case DistrictNoticeKind.SPLIT_MISSING:
            return bool(about.splits_missing)
        case DistrictNoticeKind.WINDOW_CLOSING:
            return now.unions_with_list < now.unions or now.returned > 0 or now.waiting > 0
        case DistrictNoticeKind.SUBMISSION_CLOSING:
            return now.waiting + now.basket + now.returned > 0
        case DistrictNoticeKind.UNION_PAYMENT_CLOSING:
            return any(union.unpaid_fen for union in about.unions)
        case DistrictNoticeKind.WINDOW_OPENED | DistrictNoticeKind.SUBMISSION_OPENED:
            return True


def _to_district(kind: DistrictNoticeKind, about: Subject) -> tuple[str, str]:
    now = about.standing
    match kind:
        case DistrictNoticeKind.SPLIT_MISSING:
            what = "、".join(about.splits_missing)
            return (
                f"{about.name}：请完成基层缴费设置",
                f"尚未设置 {what} 的承担比例，设置时间为{about.days(Phase.FEE_SPLIT)}。"
                "未设置的档次，所属工会不能选择。",
            )
        case DistrictNoticeKind.WINDOW_OPENED:
            return (
                f"{about.name}：基层工会可以提交名单",
                f"基层工会提交时间为{about.days(Phase.UNION_WINDOW)}，本区局共 {now.unions} 家工会。请及时审核名单。",
            )
        case DistrictNoticeKind.WINDOW_CLOSING:
            return (
                f"{about.name}：基层工会提交即将截止",
                f"基层工会提交时间为{about.days(Phase.UNION_WINDOW)}。{now.unions} 家工会中有 "
                f"{now.unions - now.unions_with_list} 家尚无有效名单，{now.waiting} 份名单待审核，"
                f"{now.returned} 份已退回的名单尚未重新提交。",
            )
        case DistrictNoticeKind.SUBMISSION_OPENED:
            return (
                f"{about.name}：可以向市职保中心提交",
                f"提交时间为{about.days(Phase.DISTRICT_SUBMISSION)}。待审核 {now.waiting} 份，待提交 {now.basket} 份，"
                f"已提交 {now.in_batch} 份。提交后不能更改。",
            )
        case DistrictNoticeKind.SUBMISSION_CLOSING:
            return (
                f"{about.name}：向市职保中心提交即将截止",
                f"提交时间为{about.days(Phase.DISTRICT_SUBMISSION)}。仍有 {now.waiting} 份名单待审核、{now.basket} "
                f"份待提交、{now.returned} 份已退回未重新提交；截止后未提交的名单作废。",
            )
        case DistrictNoticeKind.UNION_PAYMENT_CLOSING:
            unpaid = sum(1 for union in about.unions if union.unpaid_fen)
            return (
                f"{about.name}：尚有工会未缴费",
                f"基层工会缴费时间为{about.days(Phase.UNION_PAYMENT)}，仍有 {unpaid} 家工会未登记缴费。"
                "未缴费的名单不能随本区局提交。",
            )


def _to_union(kind: DistrictNoticeKind, about: Subject, union: UnionStanding) -> tuple[str, str] | None:
    window = about.days(Phase.UNION_WINDOW)
    match kind:
        case DistrictNoticeKind.WINDOW_OPENED:
            return (
                f"{about.name}已开始",
                f"提交时间为{window}。请核对会员名册，选择档次并提交名单；可多次提交，名单累计。",
            )
        case DistrictNoticeKind.WINDOW_CLOSING if not union.standing or union.returned:
            missing = "尚未提交名单" if not union.standing else ""
            returned = f"有 {union.returned} 份名单被退回，请修改后重新提交" if union.returned else ""
            what = "，".join(part for part in (missing, returned) if part)
            return (
                f"{about.name}即将截止",
                f"贵会{what}。提交时间为{window}；未赶上的会员可在保障年度开始后办理即时参保。",
            )
        case DistrictNoticeKind.SUBMISSION_CLOSING if union.returned:
            return (
                f"{about.name}：被退回的名单请尽快重新提交",
                f"贵会有 {union.returned} 份名单被退回。重新提交的截止时间同区局提交："
                f"{about.days(Phase.DISTRICT_SUBMISSION)}；逾期请办理即时参保。",
            )
        case DistrictNoticeKind.UNION_PAYMENT_CLOSING if union.unpaid_fen:
            return (
                f"{about.name}：请向区局缴费",
                f"贵会应向区局缴纳的 {format_yuan(Fen(union.unpaid_fen))} 元尚未登记到账，"
                f"缴费时间为{about.days(Phase.UNION_PAYMENT)}。未缴费的名单不能提交，相关会员不能获得本次集中参保的保障。",
            )
    return None
