"""The life of a card (domain 4, card life; G19 90–99): what the bank says, and what follows from the day.

No timer runs: whether six months or seven days are over is asked when it matters. Months and days are counted as in
civil law: the first day is not counted, and the last is whole.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from enum import IntEnum, StrEnum

from unioncard.contracts.payees import Unpayable


class LifeState(StrEnum):
    """How the account behind a card stands (卡片状态)."""

    OPEN = "open"
    LOST_BY_PHONE = "lost_by_phone"
    LOST_IN_WRITING = "lost_in_writing"
    CANCELLED = "cancelled"


class AccountClass(IntEnum):
    """一类、二类银行账户 (G19 Q90)."""

    ONE = 1
    TWO = 2


STATE_LABELS: Mapping[LifeState, str] = {
    LifeState.OPEN: "正常",
    LifeState.LOST_BY_PHONE: "口头挂失",
    LifeState.LOST_IN_WRITING: "书面挂失",
    LifeState.CANCELLED: "已销户",
}

# (what is wrong, how to mend it) as staff read it
UNPAYABLE_TEXTS: Mapping[Unpayable, tuple[str, str]] = {
    Unpayable.NO_CARD: ("会员没有会员服务卡", "请由所属工会为其申请办卡，或改划单位账户"),
    Unpayable.CANCELLED: ("会员服务卡已销户", "请由所属工会重新提交办卡申请，或改划单位账户"),
    Unpayable.NOT_ACTIVATED: (
        "发卡六个月内未激活，不能转入资金",
        "请会员本人携带身份证件到上海农商银行任意网点激活",
    ),
    Unpayable.LOST: ("会员服务卡处于挂失状态", "请会员本人到网点解除挂失或补卡"),
}

# G19 Q93: cards issued since then must be activated within six months of issue.
DORMANCY_SINCE = date(2016, 10, 1)
DORMANT_AFTER_MONTHS = 6
# G19 Q94
PHONE_LOSS_DAYS = 7
# G19 Q95
NUMBER_KEPT_AT_MOST = 8

# G19 Q91, Q93; domain 4 has Q93 decide where the two differ.
CLASS_TWO_FEN = 1_000_000
CLASS_TWO_YEAR_FEN = 20_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """A card in hand, as far as the bank has told."""

    numbered_on: date
    state: LifeState = LifeState.OPEN
    account_class: AccountClass = AccountClass.TWO
    activated_on: date | None = None
    lost_on: date | None = None
    numbers_kept: int = 0
    told: bool = True
    """Whether silence means that nothing happened. Decision: not for a card of the previous system of which the bank
    never told: it may have been activated long before this platform could hear of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may come in from accounts that are not bound, in fen; None: no such limit. Payouts of the federation and the
    mutual-aid centre pass them."""

    each_fen: int | None
    a_day_fen: int | None
    a_year_fen: int


NOTHING = Limits(0, 0, 0)


def last_day_to_activate(card: Card) -> date | None:
    """The last day on which money still comes in without activation, None where there is none (G19 Q93)."""
    if card.activated_on is not None or not card.told or card.numbered_on < DORMANCY_SINCE:
        return None
    years, month = divmod(card.numbered_on.month - 1 + DORMANT_AFTER_MONTHS, 12)
    year = card.numbered_on.year + years
    if year > MAXYEAR:
        return None
    return date(year, month + 1, min(card.numbered_on.day, monthrange(year, month + 1)[1]))


def last_day_of_loss(card: Card) -> date | None:
    """The last day on which a loss reported by phone is valid (G19 Q94)."""
    if card.state is not LifeState.LOST_BY_PHONE or card.lost_on is None:
        return None
    return card.lost_on + timedelta(days=PHONE_LOSS_DAYS)


def is_lost(card: Card, day: date) -> bool:
    """Whether the card counts as lost on that day: by phone for seven days, in writing until found or replaced."""
    until = last_day_of_loss(card)
    return card.state is LifeState.LOST_IN_WRITING or (until is not None and day <= until)


def is_dormant(card: Card, day: date) -> bool:
    """Whether nothing comes in any more, payouts included, since the card was not activated for six months."""
    last_day = last_day_to_activate(card)
    return last_day is not None and day > last_day


def payable(card: Card | None, day: date) -> Unpayable | None:
    """Why a payout cannot reach the card on that day, None if it can; the limits of class II never keep one away."""
    if card is None:
        return Unpayable.NO_CARD
    if card.state is LifeState.CANCELLED:
        return Unpayable.CANCELLED
    if is_lost(card, day):
        return Unpayable.LOST
    return Unpayable.NOT_ACTIVATED if is_dormant(card, day) else None


def limits(card: Card, day: date) -> Limits | None:
    """What may come in on that day from accounts that are not bound; None: no such limits, class I (G19 Q91, Q93)."""
    if card.account_class is AccountClass.ONE:
        return None
    if is_dormant(card, day):
        return NOTHING
    if card.activated_on is None and card.told:
        return Limits(CLASS_TWO_FEN, None, CLASS_TWO_YEAR_FEN)
    return Limits(None, CLASS_TWO_FEN, CLASS_TWO_YEAR_FEN)


def keeps_left(card: Card) -> int:
    """How many more replacements may keep the number (G19 Q95)."""
    return max(0, NUMBER_KEPT_AT_MOST - card.numbers_kept)


class Invalid(StrEnum):
    """Why nobody has to honour a card."""

    NOT_A_MEMBER = "not_a_member"
    NO_CARD = "no_card"
    LOST = "lost"


INVALID_LABELS: Mapping[Invalid, str] = {
    Invalid.NOT_A_MEMBER: "没有这个会员编号，或其已不是在册会员",
    Invalid.NO_CARD: "该会员目前没有会员服务卡",
    Invalid.LOST: "该卡处于挂失状态",
}


def valid(*, in_union: bool, card: Card | None, day: date) -> Invalid | None:
    """Why the card is no membership document on that day, None if it is one.

    Activation is the bank account's affair and does not matter. Decision: nor does the yearly registration of 2014
    (I14), of which no later document speaks.
    """
    if not in_union:
        return Invalid.NOT_A_MEMBER
    if card is None or card.state is LifeState.CANCELLED:
        return Invalid.NO_CARD
    return Invalid.LOST if is_lost(card, day) else None
