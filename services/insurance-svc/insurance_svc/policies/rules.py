"""What a policy is worth on a day. Its state is never written: it follows from its list and the list's batch.

| list | batch | state | cover |
| --- | --- | --- | --- |
| submitted, basket | | reviewing 审核中 | none |
| in_batch | reviewing, passed | provisional 待核销 | provisional: void if the batch is not paid (domain 5) |
| in_batch | written_off | definite 有效 | definite, from its first day on |
| returned, withdrawn, voided | | void 已作废 | none, as if it never was |
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from enum import StrEnum


class PolicyState(StrEnum):
    """保障状态."""

    REVIEWING = "reviewing"
    PROVISIONAL = "provisional"
    DEFINITE = "definite"
    VOID = "void"

    @property
    def label(self) -> str:
        """As staff see it."""
        return _LABELS[self]

    @property
    def covers(self) -> bool:
        """Whether its days are covered, if only until it is known that the premium was not paid."""
        return self in (PolicyState.PROVISIONAL, PolicyState.DEFINITE)


_LABELS: Mapping[PolicyState, str] = {
    PolicyState.REVIEWING: "审核中",
    PolicyState.PROVISIONAL: "待核销",
    PolicyState.DEFINITE: "有效",
    PolicyState.VOID: "已作废",
}


def policy_state(*, void: bool, list_state: str, batch_state: str | None) -> PolicyState:
    """The table above."""
    if void:
        return PolicyState.VOID
    if list_state != "in_batch":
        return PolicyState.REVIEWING
    return PolicyState.DEFINITE if batch_state == "written_off" else PolicyState.PROVISIONAL


def last_day_to_file(last_day: date) -> date:
    """Where the calendar names no day: the end of the sixth month after cover's last.

    30 June after a coverage year (G19 Q88); 31 December after a policy of the 2014 scheme, which ends on 30 June.
    """
    months = last_day.year * 12 + last_day.month - 1 + 6
    year, month = months // 12, months % 12 + 1
    return date(year, month, monthrange(year, month)[1])
