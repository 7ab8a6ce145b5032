"""The life of a union's list and what it gives its members. No input or output here.

| from | to | when |
| --- | --- | --- |
| | submitted 区局确认中 | the union submits; its members' policies are made (domain 5, H19) |
| submitted | basket 待提交 | the district takes the list among those to submit, and back again |
| basket | in_batch | the district submits to the centre; from here its state is the batch's |
| in_batch | submitted | the centre returned the batch |
| submitted, basket | returned 已退回 | the district returns the list with a reason; its members are free |
| returned | withdrawn 已撤回 | the union gives it up; only what was returned can be |
| any of these | voided 已作废 | unpaid or not submitted by the last day; its members are free |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from insurance_svc.seasons.rules import PhaseDays
from unioncard.contracts.insurance import Scheme


class Way(StrEnum):
    """参保类型 (H19, C20)."""

    CENTRALIZED = "centralized"
    NEWLY_ISSUED = "newly_issued"
    NO_COVER = "no_cover"
    PERSONAL = "personal"

    @property
    def label(self) -> str:
        """As staff know it."""
        return _WAY_LABELS[self]


_WAY_LABELS = {
    Way.CENTRALIZED: "集中参保",
    Way.NEWLY_ISSUED: "新办卡参保",
    Way.NO_COVER: "有卡无保参保",
    Way.PERSONAL: "个人参保",
}

WAYS_OF: Mapping[Scheme, frozenset[Way]] = {
    Scheme.CENTRALIZED: frozenset({Way.CENTRALIZED}),
    Scheme.INSTANT: frozenset({Way.NEWLY_ISSUED, Way.NO_COVER}),
    Scheme.PERSONAL: frozenset({Way.PERSONAL}),
    Scheme.REGISTRATION: frozenset({Way.CENTRALIZED, Way.NO_COVER}),
}
"""Which ways go by whose calendar."""


class ListState(StrEnum):
    """状态 of a list."""

    SUBMITTED = "submitted"
    BASKET = "basket"
    IN_BATCH = "in_batch"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"


STANDING = frozenset({ListState.SUBMITTED, ListState.BASKET, ListState.IN_BATCH})
"""What holds its members' policies and its union's class."""

LABELS: Mapping[str, str] = {
    "submitted": "区局确认中",
    "basket": "待提交市职保中心",
    "returned": "已退回",
    "withdrawn": "已撤回",
    "voided": "已作废",
    # in_batch: as its batch stands
    "reviewing": "参保审核中",
    "passed": "待缴费",
    "written_off": "已核销",
}

Release = Literal["returned", "withdrawn", "voided"]

RELEASED_FROM: Mapping[Release, frozenset[ListState]] = {
    "returned": frozenset({ListState.SUBMITTED, ListState.BASKET}),
    "withdrawn": frozenset({ListState.RETURNED}),
    "voided": frozenset({ListState.SUBMITTED, ListState.BASKET, ListState.RETURNED, ListState.IN_BATCH}),
}
"""From which states a list can be released, by what it becomes."""


def shown_state(state: str, batch_state: str | None) -> str:
    """The state staff see: once in a batch, that of the batch."""
    return batch_state or state if state == ListState.IN_BATCH else state


class Term(StrEnum):
    """半年/全年."""

    FULL = "full"
    HALF = "half"

    @property
    def label(self) -> str:
        """As staff know it."""
        return "全年" if self is Term.FULL else "半年"


def term_on(day: date) -> Term:
    """The price for who enrols, or got the number, on that day: up to 30 June full, from 1 July half (G19 70, C20)."""
    return Term.FULL if day.month <= 6 else Term.HALF


@dataclass(frozen=True, slots=True)
class Cover:
    """First and last day, both included, and what of the price is due."""

    term: Term
    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError(f"cover ends on {self.last_day}, before it begins on {self.first_day}")

    @property
    def halves(self) -> tuple[int | None, int | None]:
        """The year whose first half (January to June) it touches, and the year whose second half."""
        first = self.last_day.year if self.last_day.year > self.first_day.year or self.first_day.month <= 6 else None
        second = self.first_day.year if self.last_day.year > self.first_day.year or self.last_day.month > 6 else None
        return first, second


def last_day_of(year: int, coverage: PhaseDays | None) -> date:
    """The last day of a coverage year: the calendar's row, else 31 December (H19)."""
    return coverage.last_day if coverage and coverage.last_day else date(year, 12, 31)


def whole_year(coverage: PhaseDays) -> Cover:
    """Cover of a centralized campaign, or of the first shape of 2014: the calendar's row, at the full price."""
    if coverage.first_day is None or coverage.last_day is None:
        raise ValueError("the calendar row of cover needs a first and a last day")
    return Cover(Term.FULL, coverage.first_day, coverage.last_day)


def second_half(coverage: PhaseDays, enrolled_on: date) -> Cover:
    """The second shape of 2014 (I14): 1 January to 30 June at half price; who enrols later is covered later."""
    if coverage.first_day is None or coverage.last_day is None:
        raise ValueError("the calendar row of cover needs a first and a last day")
    return Cover(Term.HALF, max(coverage.first_day, enrolled_on + timedelta(days=1)), coverage.last_day)


def from_day_after(day: date, last_day: date) -> Cover:
    """Instant and personal cover: the day after enrolment (newly issued: after the number was made) to year's end."""
    return Cover(term_on(day), day + timedelta(days=1), last_day)


def newest_number_days(enrolled_on: date, year: int, just_issued_days: int) -> tuple[date, date]:
    """Numbers made on these days, both included, are newly issued (新办卡) for that coverage year.

    For so many days after the number, and not past its year: a number made on 31 December leaves nothing to cover.
    """
    first = max(enrolled_on - timedelta(days=just_issued_days), date(year, 1, 1))
    return first, min(enrolled_on, date(year, 12, 30))


@dataclass(frozen=True, slots=True)
class Price:
    """A head, in fen. Raises ValueError unless the three shares add up to the fee."""

    term: Term
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int

    def __post_init__(self) -> None:
        if self.fee_fen != self.subsidy_fen + self.district_fen + self.union_fen:
            raise ValueError(f"shares of a {self.term} price do not add up to {self.fee_fen} fen")


@dataclass(frozen=True, slots=True)
class Sums:
    """The four sums of a list, in fen, and its heads."""

    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int


def sums(prices: Iterable[Price], heads: Mapping[Term, int]) -> Sums:
    """Heads times price, over all terms."""
    counted = [(price, heads[price.term]) for price in prices if heads.get(price.term)]
    return Sums(
        sum(n for _, n in counted),
        sum(price.fee_fen * n for price, n in counted),
        sum(price.subsidy_fen * n for price, n in counted),
        sum(price.district_fen * n for price, n in counted),
        sum(price.union_fen * n for price, n in counted),
    )


def participants_needed(able: int, percent: int | None, all_below: int | None) -> int:
    """How many of those who can be enrolled must be: so many per cent, rounded up, and all of them in a small union."""
    if all_below is not None and able < all_below:
        return able
    return -(-able * (percent or 0) // 100)


class LeftOut(StrEnum):
    """Why a member cannot be on a list, in the order in which it is asked."""

    NOT_OF_UNION = "not_of_union"
    NOT_IN_SERVICE = "not_in_service"
    NOT_PERSONAL = "not_personal"
    NO_CARD = "no_card"
    CARD_TOO_LATE = "card_too_late"
    NOT_NEWLY_ISSUED = "not_newly_issued"
    NEWLY_ISSUED = "newly_issued"
    EXCLUDED = "excluded"
    COVERED = "covered"

    @property
    def reason(self) -> str:
        """Why, for staff."""
        return _LEFT_OUT[self][0]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _LEFT_OUT[self][1]


_LEFT_OUT = {
    LeftOut.NOT_OF_UNION: ("不是本会会员", "请从名单中移出；如应属本会，请先办理会员转入。"),
    LeftOut.NOT_IN_SERVICE: ("不是在职的正常会员", "待审核或转会完成后再办理；灵活就业等会员由本人参保。"),
    LeftOut.NOT_PERSONAL: ("在职会员不能以个人身份参保", "请由所属工会统一办理参保。"),
    LeftOut.NO_CARD: ("尚未办理会员服务卡", "请先为其办卡，卡号生成后再办理参保。"),
    LeftOut.CARD_TOO_LATE: ("卡号在截止日之后生成", "请在卡号生成后办理新办卡人员即时参保。"),
    LeftOut.NOT_NEWLY_ISSUED: ("不是新办卡人员", "请办理有卡无保人员即时参保。"),
    LeftOut.NEWLY_ISSUED: ("属于新办卡人员", "请办理新办卡人员即时参保，保障自卡号生成次日起计算。"),
    LeftOut.EXCLUDED: ("经人口办核查不符合参保条件", "请核实其在人口办的登记；如登记有误，请先更正，再联系区局工会。"),
    LeftOut.COVERED: ("该期间已在其他参保名单中或已有保障", "无需重复参保，可在参保会员列表中查看。"),
}
