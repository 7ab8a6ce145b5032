"""What a coverage year is made of: prices by class and term, and the days of its phases (domain 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from unioncard.contracts.insurance import Phase, PhaseTimes
from unioncard.dates import day_end_exclusive, day_in_words, day_start

# What staff call the phases; the first eight are those that workflows wait for.
PHASE_NAMES: Mapping[str, str] = {
    Phase.FEE_SPLIT: "基层缴费设置",
    Phase.UNION_WINDOW: "基层工会集中参保",
    Phase.UNION_PAYMENT: "基层工会向区局缴费",
    Phase.DISTRICT_REVIEW: "区局审核",
    Phase.DISTRICT_SUBMISSION: "区局向中心提交",
    Phase.PAYMENT: "区局缴费",
    Phase.PAYMENT_DETAILS: "缴费明细发送",
    Phase.COVERAGE: "保障期",
    "coverage_first_half": "上半年登记的保障期",
    "coverage_second_half": "下半年登记的保障期",
    "fee_split_validity": "缴费设置有效期",
    "card_held_by": "持卡截止日",
    "enrolment": "即时参保",
    "campaign": "集中参保（月份）",
    "issuance": "新办卡",
    "personal": "个人办卡",
    "filing": "给付申请",
    "filing_extended": "给付申请（延长）",
}
"""Every phase that a calendar may name, with its Chinese name."""

SCHEME_NAMES: Mapping[str, str] = {
    "centralized": "集中参保",
    "instant": "即时参保",
    "personal": "个人参保",
    "registration": "年度登记",
    "cards": "办卡",
    "claims": "给付",
}
"""Every scheme that a calendar may name. Cards and claims are kept for reading; other services judge by their own."""

# What lists were priced and promised by; it stands once a list of the year does.
SETTLED_PHASES = frozenset(
    {Phase.COVERAGE, "coverage_first_half", "coverage_second_half", "fee_split_validity", "card_held_by"}
)


@dataclass(frozen=True, slots=True)
class Rate:
    """What a class costs a head for a term, and what the federation pays of it; whole fen (``rates.csv``)."""

    year: int
    class_code: str
    term: str
    fee_fen: int
    subsidy_fen: int
    central_subsidy_fen: int
    assumed: bool

    def subsidy(self, central: bool) -> int:
        """The federation's part in fen; central enterprises get less (domain 5)."""
        return self.central_subsidy_fen if central else self.subsidy_fen


@dataclass(frozen=True, slots=True)
class PhaseDays:
    """A phase's days in Shanghai, both included; None where the calendar leaves an end open."""

    phase: str
    first_day: date | None
    last_day: date | None

    @property
    def opens_at(self) -> datetime | None:
        """The first instant inside, in UTC; None: since ever."""
        return day_start(self.first_day) if self.first_day else None

    @property
    def closes_at(self) -> datetime | None:
        """The first instant too late, in UTC; None: for ever."""
        return day_end_exclusive(self.last_day) if self.last_day else None

    def begun(self, instant: datetime) -> bool:
        """Whether its first day has come."""
        return self.opens_at is None or instant >= self.opens_at

    def over(self, instant: datetime) -> bool:
        """Whether its last day is over."""
        return self.closes_at is not None and instant >= self.closes_at

    def contains(self, instant: datetime) -> bool:
        """23:59:59.999999 of the last day is in, 00:00 of the next is out."""
        return self.begun(instant) and not self.over(instant)

    @property
    def name(self) -> str:
        """What staff call it."""
        return PHASE_NAMES.get(self.phase, self.phase)

    def in_words(self) -> str:
        """``2019年11月1日至2019年12月27日（含）``, an open end said as such."""
        match (self.first_day, self.last_day):
            case (None, date() as last):
                return f"截至{day_in_words(last)}（含）"
            case (date() as first, None):
                return f"{day_in_words(first)}起"
            case (date() as first, date() as last):
                return f"{day_in_words(first)}至{day_in_words(last)}（含）"
        return "未定"


def times(phases: Mapping[str, PhaseDays]) -> list[PhaseTimes]:
    """The phases that workflows wait for, as messages carry them, in the order of the year."""
    return [
        PhaseTimes(phase=phase, opens_at=days.opens_at, closes_at=days.closes_at)
        for phase in Phase
        if (days := phases.get(phase.value)) is not None
    ]
