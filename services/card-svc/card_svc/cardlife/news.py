"""What is new in what the bank says of an account, as steps of the card log. No input or output here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from card_svc.cardlife.rules import NUMBER_KEPT_AT_MOST, AccountClass, LifeState
from card_svc.cardlog.rules import Step

_LOSSES = {LifeState.LOST_BY_PHONE: Step.LOST_BY_PHONE, LifeState.LOST_IN_WRITING: Step.LOST_IN_WRITING}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account at one moment."""

    number_end: str
    state: LifeState = LifeState.OPEN
    account_class: AccountClass = AccountClass.TWO
    activated_on: date | None = None
    lost_on: date | None = None
    numbers_kept: int = 0


def steps(before: Standing, after: Standing) -> Iterator[tuple[Step, str | None]]:
    """Each step with its reason. From the difference, not from single notices: those in between may never have come."""
    if after.activated_on is not None and before.activated_on is None:
        yield Step.ACTIVATED, f"{_day(after.activated_on)}激活，账户为{_class(after)}"
    elif after.account_class is not before.account_class:
        yield Step.CLASS_CHANGED, f"账户改为{_class(after)}"
    if after.number_end != before.number_end:
        yield Step.NUMBER_CHANGED, f"原卡号尾号 {before.number_end}，新卡号尾号 {after.number_end}"
    elif after.numbers_kept > before.numbers_kept:
        yield Step.NUMBER_KEPT, f"保留卡号第 {after.numbers_kept} 次，最多 {NUMBER_KEPT_AT_MOST} 次"
    elif after.state is LifeState.OPEN and before.state in _LOSSES:
        yield Step.FOUND, None
    if after.state in _LOSSES and (after.state, after.lost_on) != (before.state, before.lost_on):
        assert after.lost_on is not None  # as the bank's word is checked
        yield _LOSSES[after.state], f"{_day(after.lost_on)}挂失"
    if after.state is LifeState.CANCELLED and before.state is not LifeState.CANCELLED:
        yield Step.CANCELLED, "如需用卡，由所属工会重新提交办卡申请"


def _class(standing: Standing) -> str:
    return "一类账户" if standing.account_class is AccountClass.ONE else "二类账户"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
