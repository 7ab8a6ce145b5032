"""What a to-do record must have before it can be submitted (domain 4.2–4.4)."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from unioncard.contracts.cards import Channel


class CheckState(StrEnum):
    """信息校验结果 of a to-do record."""

    UNCHECKED = "unchecked"
    CHECKING = "checking"
    PASSED = "passed"
    NOT_PASSED = "not_passed"


CHECK_STEPS: Mapping[CheckState, frozenset[CheckState]] = {
    # asked for (domain 4.3)
    CheckState.UNCHECKED: frozenset({CheckState.CHECKING}),
    # the offices answered; asked for again after long silence; or another document came in
    CheckState.CHECKING: frozenset(
        {CheckState.PASSED, CheckState.NOT_PASSED, CheckState.CHECKING, CheckState.UNCHECKED}
    ),
    # another document came in
    CheckState.PASSED: frozenset({CheckState.UNCHECKED}),
    # asked for again, since a person's situation changes; or another document came in
    CheckState.NOT_PASSED: frozenset({CheckState.CHECKING, CheckState.UNCHECKED}),
}

# A check that has said nothing for so long may be asked for again; its late answer is then ignored.
CHECK_PATIENCE = timedelta(minutes=15)

CHECK_LABELS: Mapping[CheckState, str] = {
    CheckState.UNCHECKED: "未校验",
    CheckState.CHECKING: "校验中",
    CheckState.PASSED: "已通过",
    CheckState.NOT_PASSED: "未通过",
}

# (what is wrong, how to mend it) as staff read it, by what holds the submission up
_CHECK_TEXTS: Mapping[CheckState, tuple[str, str]] = {
    CheckState.UNCHECKED: ("尚未进行系统校验", "请先提交系统校验，或将该会员移出待办"),
    CheckState.CHECKING: ("系统校验尚未返回结果", "请稍后刷新，待校验完成后再提交"),
    CheckState.NOT_PASSED: ("系统校验未通过", "请将该会员移出待办后再提交"),
}
_INCOMPLETE = ("特殊通道的证件类型、证件到期日或国籍未完善", "请点击“完善信息”补充后再提交")


def hindrance(channel: Channel, check_state: CheckState, complete: bool) -> tuple[str, str] | None:
    """Why a record holds up the submission and what to do, None if it does not (domain 4.4)."""
    if check_state is not CheckState.PASSED:
        return _CHECK_TEXTS[check_state]
    if channel is Channel.SPECIAL and not complete:
        return _INCOMPLETE
    return None


def expired(expiry: date, today: date) -> bool:
    """Whether a document is no longer valid on this day in Shanghai; its last day still counts."""
    return expiry < today
