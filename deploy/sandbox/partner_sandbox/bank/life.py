"""The life of an account behind a card (domain 4, card life; G19 90–99). Pure: dates decide, no timer runs."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

AccountClass = Literal[1, 2]
State = Literal["open", "lost_by_phone", "lost_in_writing", "cancelled"]
Act = Literal["activate", "change_class", "report_loss_by_phone", "report_loss_in_writing", "find", "replace", "cancel"]
# Why money for a number comes back.
Return = Literal["NUMBER_CHANGED", "ACCOUNT_CANCELLED", "NOT_ACTIVATED", "CARD_LOST"]

RETURN_REASONS: Mapping[Return, str] = {
    "NUMBER_CHANGED": "卡号已更换，原卡号不能入账。",
    "ACCOUNT_CANCELLED": "账户已销户，不能入账。",
    "NOT_ACTIVATED": "发卡后六个月内未激活，不能转入资金。",
    "CARD_LOST": "卡片处于挂失状态，暂不能入账。",
}

KEEPS = 8
# What may come into a class II account at once, or in a day (G19 Q91, Q93).
CLASS_TWO_FEN = 1_000_000
PHONE_LOSS_DAYS = 7
DORMANT_AFTER_MONTHS = 6
DORMANCY_SINCE = date(2016, 10, 1)

# In which states the counter does what is asked.
STEPS: Mapping[Act, frozenset[State]] = {
    "activate": frozenset({"open"}),
    "change_class": frozenset({"open"}),
    "report_loss_by_phone": frozenset({"open", "lost_by_phone"}),
    "report_loss_in_writing": frozenset({"open", "lost_by_phone"}),
    "find": frozenset({"lost_by_phone", "lost_in_writing"}),
    "replace": frozenset({"open", "lost_by_phone", "lost_in_writing"}),
    "cancel": frozenset({"open", "lost_by_phone", "lost_in_writing"}),
}


LEADS_TO: Mapping[Act, State] = {
    "activate": "open",
    "change_class": "open",
    "report_loss_by_phone": "lost_by_phone",
    "report_loss_in_writing": "lost_in_writing",
    "find": "open",
    "replace": "open",
    "cancel": "cancelled",
}
_OTHER_CLASS: Mapping[AccountClass, AccountClass] = {1: 2, 2: 1}


class NotPossible(Exception):
    """The counter declines; in Chinese, why."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account with every number it has had, the current one last."""

    numbers: tuple[str, ...]
    opened_on: date
    state: State = "open"
    account_class: AccountClass = 2
    activated_on: date | None = None
    lost_at: datetime | None = None
    numbers_kept: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the customer wants at the counter or by phone."""

    act: Act
    account_class: AccountClass | None = None
    """With ``activate`` and ``change_class``: II stays for who has another class I account."""
    new_number: str | None = None
    """With ``replace``: None keeps the number."""


def after(account: Account, wish: Wish, moment: datetime) -> Account:
    """The account after what the customer wants, or :class:`NotPossible`."""
    _refuse_unless_possible(account, wish)
    state = LEADS_TO[wish.act]
    lost_at = moment if state in ("lost_by_phone", "lost_in_writing") else None
    done = replace(account, sequence=account.sequence + 1, state=state, lost_at=lost_at)
    match wish.act:
        case "activate":
            return replace(done, activated_on=moment.date(), account_class=wish.account_class or 1)
        case "change_class":
            return replace(done, account_class=wish.account_class or _OTHER_CLASS[account.account_class])
        case "replace":
            if wish.new_number is None:
                return replace(done, numbers_kept=account.numbers_kept + 1)
            return replace(done, numbers=(*account.numbers, wish.new_number), numbers_kept=0)
    return done


def _refuse_unless_possible(account: Account, wish: Wish) -> None:
    if account.state not in STEPS[wish.act]:
        raise NotPossible("账户当前状态不能办理此项业务")
    if wish.act == "activate" and account.activated_on is not None:
        raise NotPossible("卡片已经激活")
    if wish.act == "change_class" and account.activated_on is None:
        raise NotPossible("卡片尚未激活，请先激活")
    if wish.act == "replace" and wish.new_number is None and account.numbers_kept >= KEEPS:
        raise NotPossible("该卡号已保留 8 次，再次换卡须更换卡号")


def returned(account: Account, number: str, day: date) -> Return | None:
    """Why money for this number of the account comes back on that day, None if it arrives."""
    if account.state == "cancelled":
        return "ACCOUNT_CANCELLED"
    if number != account.numbers[-1]:
        return "NUMBER_CHANGED"
    if account.state == "lost_in_writing":
        return "CARD_LOST"
    # The day of the report does not count.
    if account.lost_at is not None and day <= account.lost_at.date() + timedelta(days=PHONE_LOSS_DAYS):
        return "CARD_LOST"
    if account.activated_on is None and account.opened_on >= DORMANCY_SINCE and day > _last_day(account.opened_on):
        return "NOT_ACTIVATED"
    return None


def _last_day(opened_on: date) -> date:
    """The same day six months on, or that month's last."""
    years, month = divmod(opened_on.month - 1 + DORMANT_AFTER_MONTHS, 12)
    year = opened_on.year + years
    return date(year, month + 1, min(opened_on.day, monthrange(year, month + 1)[1]))
