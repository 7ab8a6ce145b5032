"""Changes of the rules that federation staff propose and a second account approves (four eyes).

What lists were priced and promised by cannot change once a list of the year stands; the calendar can, but not its
past: a day that is over stays as it was, so nobody who was in time is out afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from insurance_svc.campaigns.tables import CAMPAIGNS
from insurance_svc.seasons.rules import SETTLED_PHASES
from insurance_svc.seasons.tables import BENEFITS, CALENDAR, CENTRAL_ENTERPRISES, RATES
from unioncard.contracts.insurance import Phase
from unioncard.problems import Problem, conflict, invalid
from unioncard.web.fields import Day, Id, Text

Year = Annotated[int, Field(ge=2000, le=2999, examples=[2020], description="保障年度")]
ClassCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,20}\+?$"), Field(examples=["B+"], description="档次")]
Term = Literal["full", "half"]
Amount = Annotated[int, Field(ge=0, lt=10**12, description="以分为单位")]
SchemeName = Literal["centralized", "instant", "personal", "registration", "cards", "claims"]
CampaignScheme = Literal["centralized", "registration"]
PhaseName = Literal[
    "fee_split",
    "union_window",
    "union_payment",
    "district_review",
    "district_submission",
    "payment",
    "payment_details",
    "coverage",
    "coverage_first_half",
    "coverage_second_half",
    "fee_split_validity",
    "card_held_by",
    "enrolment",
    "campaign",
    "issuance",
    "personal",
    "filing",
    "filing_extended",
]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    coverage_year: Year

    def row(self) -> dict[str, Any]:
        """The row as it is wanted."""
        return self.model_dump(exclude={"kind"})


class RateChange(_Change):
    """费率: a new price, or another for a class and term."""

    kind: Literal["rate"]
    class_code: ClassCode
    term: Term
    fee_fen: Annotated[int, Field(ge=1, lt=10**12, description="保费，以分为单位")]
    subsidy_fen: Amount
    central_subsidy_fen: Amount

    @model_validator(mode="after")
    def _within_the_fee(self) -> Self:
        if max(self.subsidy_fen, self.central_subsidy_fen) > self.fee_fen:
            raise ValueError("补贴不能超过保费")
        return self

    def row(self) -> dict[str, Any]:
        """What was assumed is assumed no longer: two people stand for it."""
        return super().row() | {"assumed": False}


class BenefitChange(_Change):
    """保障责任."""

    kind: Literal["benefit"]
    class_code: ClassCode
    benefit: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,59}$")]
    amount_fen: Amount
    per: Literal["event", "day"]
    limit_fen: Amount | None = None
    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class CalendarChange(_Change):
    """日历: an extension, an early close, an exception for one district, a re-opening."""

    kind: Literal["calendar"]
    scheme: SchemeName
    phase: PhaseName
    district_id: Id | None = Field(None, description="仅对该区局；为空时对全部")
    first_day: Day | None = None
    last_day: Day | None = None

    @model_validator(mode="after")
    def _days(self) -> Self:
        if self.last_day is None and (self.first_day is None or self.phase in set(Phase)):
            raise ValueError("请填写末日")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("末日早于首日")
        return self

    def row(self) -> dict[str, Any]:
        """A row for everybody has district 0."""
        return super().row() | {"district_id": self.district_id or 0}


class CentralEnterpriseChange(_Change):
    """央企名单: on the list of a year, or off it."""

    kind: Literal["central_enterprise"]
    district_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]
    name: Text
    listed: bool = True


class ParticipationChange(_Change):
    """最低参保率 of a campaign; both empty: none."""

    kind: Literal["participation"]
    scheme: CampaignScheme
    participation_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    participation_all_below: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="会员少于此数的工会须全部参保"
    )


RuleChange = Annotated[
    RateChange | BenefitChange | CalendarChange | CentralEnterpriseChange | ParticipationChange,
    Field(discriminator="kind"),
]
Kind = Literal["rate", "benefit", "calendar", "central_enterprise", "participation"]


@dataclass(frozen=True, slots=True)
class Target:
    """Which row a kind of change is about, and what it changes there."""

    table: sa.Table
    key: tuple[str, ...]
    facts: tuple[str, ...]


TARGETS: Mapping[str, Target] = {
    "rate": Target(
        RATES,
        ("coverage_year", "class_code", "term"),
        ("fee_fen", "subsidy_fen", "central_subsidy_fen", "assumed"),
    ),
    "benefit": Target(BENEFITS, ("coverage_year", "class_code", "benefit"), ("amount_fen", "per", "limit_fen", "note")),
    "calendar": Target(CALENDAR, ("scheme", "coverage_year", "phase", "district_id"), ("first_day", "last_day")),
    "central_enterprise": Target(CENTRAL_ENTERPRISES, ("coverage_year", "district_code"), ("name", "listed")),
    "participation": Target(
        CAMPAIGNS, ("scheme", "coverage_year"), ("participation_percent", "participation_all_below")
    ),
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a change is judged by."""

    today: date
    before: Mapping[str, Any] | None
    list_stands: bool
    campaign_state: str | None
    for_all: Mapping[str, Any] | None
    """Of a calendar row for one district: the row for everybody."""


def check(change: RuleChange, now: Circumstances) -> None:
    """Raise a problem if the change cannot be made: neither when it is proposed, nor when it is approved."""
    if isinstance(change, CalendarChange):
        _check_calendar(change, now)
    elif now.list_stands:
        raise _in_use()
    elif isinstance(change, ParticipationChange) and now.campaign_state is None:
        raise _not_planned()
    if now.campaign_state == "closed":
        raise conflict("campaign-closed", "该集中参保已结束", "已结束的集中参保不能再变更规则。")
    facts = {name: change.row()[name] for name in TARGETS[change.kind].facts}
    if now.before is not None and facts == {name: now.before[name] for name in facts}:
        raise invalid("nothing-changes", "内容与现行规则相同", "无需变更。")


def _check_calendar(change: CalendarChange, now: Circumstances) -> None:
    if change.phase in SETTLED_PHASES:
        if change.district_id is not None:
            raise invalid("phase-for-all", "该日期对全部区局相同", "不能为单个区局另定；请将区局留空。")
        if now.list_stands:
            raise _in_use()
    if change.district_id is not None and now.for_all is None:
        raise _not_planned()
    stands: Mapping[str, Any] = now.before or now.for_all or {}
    for name, day in (("first_day", change.first_day), ("last_day", change.last_day)):
        if stands and day != stands[name] and _is_past(day, now.today):
            raise invalid("past-day", "不能改成已经过去的日期", "已经过去的日期不能更改；新的日期最早为今天。")
    if stands and change.first_day != stands["first_day"] and _begun_with_lists(stands, now):
        raise conflict("phase-begun", "该阶段已经开始，首日不能更改", "如需变更，请只修改末日。")


def _begun_with_lists(stands: Mapping[str, Any], now: Circumstances) -> bool:
    return now.list_stands and (stands["first_day"] is None or stands["first_day"] <= now.today <= _last(stands))


def _last(stands: Mapping[str, Any]) -> date:
    last: date = stands["last_day"] or date.max
    return last


def _is_past(day: date | None, today: date) -> bool:
    return day is not None and day < today


def _in_use() -> Problem:
    return conflict(
        "season-in-use",
        "该年度已有参保名单，不能变更",
        "名单已按现行规则计算和告知。请在该年度的名单全部退回或作废后再办理，或从下一年度起变更。",
    )


def _not_planned() -> Problem:
    return conflict("phase-not-planned", "日历中没有该集中参保或阶段", "请核对年度和阶段，先为全部区局安排日期。")
