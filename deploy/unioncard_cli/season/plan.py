"""Who behaves how in a rehearsal: most unions come in the last two days, some late, some are returned, some do not pay.

Pure: the same seed and size give the same plan.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unioncard_cli.season.dates import Dates, at


class UnionHabit(StrEnum):
    """How a union behaves in the campaign."""

    EARLY = "early"
    LAST_DAYS = "last_days"
    RETURNED = "returned"
    UNPAID = "unpaid"
    LATE = "late"

    @property
    def label(self) -> str:
        """In Chinese."""
        return _UNION_LABELS[self]


class DistrictHabit(StrEnum):
    """How a district pays."""

    PROMPT = "prompt"
    SHORT = "short"
    UNPAID = "unpaid"
    LAST_DAY = "last_day"
    LATE = "late"

    @property
    def label(self) -> str:
        """In Chinese."""
        return _DISTRICT_LABELS[self]


_UNION_LABELS = {
    UnionHabit.EARLY: "提前提交",
    UnionHabit.LAST_DAYS: "最后两日提交",
    UnionHabit.RETURNED: "被退回后重新提交",
    UnionHabit.UNPAID: "未向区局缴费",
    UnionHabit.LATE: "逾期提交",
}
_DISTRICT_LABELS = {
    DistrictHabit.PROMPT: "按时足额",
    DistrictHabit.SHORT: "先少缴后补足",
    DistrictHabit.UNPAID: "未缴费",
    DistrictHabit.LAST_DAY: "最后一日缴费",
    DistrictHabit.LATE: "逾期一日到账",
}

#: Each habit is seen at least once where there are unions enough; the rest as it is in life.
_SEEN_FIRST = (UnionHabit.LATE, UnionHabit.RETURNED, UnionHabit.UNPAID, UnionHabit.EARLY, UnionHabit.LAST_DAYS)
_UNION_WEIGHTS = {
    UnionHabit.LAST_DAYS: 70,
    UnionHabit.EARLY: 18,
    UnionHabit.RETURNED: 5,
    UnionHabit.UNPAID: 4,
    UnionHabit.LATE: 3,
}
_DISTRICTS_IN_TURN = tuple(DistrictHabit)
#: Hours of the last two days, each with its share of those who come then.
_RUSH = (
    (1, "10:00", 8),
    (1, "14:00", 10),
    (1, "16:30", 12),
    (0, "09:30", 10),
    (0, "11:00", 12),
    (0, "14:00", 14),
    (0, "16:00", 16),
    (0, "20:00", 10),
    (0, "23:59:30", 8),
)


@dataclass(frozen=True, slots=True)
class UnionPlan:
    """One union: ``district`` counted from 0, ``number`` within it from 1. ``again_at`` for who is returned."""

    district: int
    number: int
    habit: UnionHabit
    class_code: str
    submits_at: datetime
    returned_at: datetime | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everybody's behaviour. ``districts`` in their order."""

    dates: Dates
    districts: Sequence[DistrictHabit]
    unions: Sequence[UnionPlan]


def draw(seed: int, dates: Dates, classes: Sequence[str], districts: int, unions: int) -> Plan:
    """A plan for so many districts and unions in all, the unions spread evenly."""
    rng = random.Random(f"rehearsal {seed}")
    habits = list(_habits(rng, unions))
    planned = [
        _union(rng, dates, classes, place % districts, place // districts + 1, habit)
        for place, habit in enumerate(habits)
    ]
    return Plan(dates, [_DISTRICTS_IN_TURN[n % len(_DISTRICTS_IN_TURN)] for n in range(districts)], planned)


def _habits(rng: random.Random, unions: int) -> Iterator[UnionHabit]:
    yield from _SEEN_FIRST[: min(unions, len(_SEEN_FIRST))]
    rest = unions - len(_SEEN_FIRST)
    if rest > 0:
        yield from rng.choices(list(_UNION_WEIGHTS), list(_UNION_WEIGHTS.values()), k=rest)


def _union(
    rng: random.Random, dates: Dates, classes: Sequence[str], district: int, number: int, habit: UnionHabit
) -> UnionPlan:
    class_code = rng.choice(classes)
    match habit:
        case UnionHabit.EARLY:
            return UnionPlan(district, number, habit, class_code, _early(rng, dates))
        case UnionHabit.RETURNED:
            first = at(dates.window_last - timedelta(days=14), "10:00")
            return UnionPlan(district, number, habit, class_code, first, *_returned(rng, dates))
        case UnionHabit.LATE:
            after = dates.window_last + timedelta(days=1)
            moment = rng.choice([at(after, "00:00"), at(after, "08:00")])
            return UnionPlan(district, number, habit, class_code, moment)
        case _:
            return UnionPlan(district, number, habit, class_code, _rush(rng, dates))


def _returned(rng: random.Random, dates: Dates) -> tuple[datetime, datetime]:
    """When it comes back and when it is sent again: within the window, or returned after it and therefore after it."""
    if rng.random() < 0.5:
        return at(dates.window_last - timedelta(days=7), "10:00"), _rush(rng, dates)
    after = dates.window_last + timedelta(days=1)
    return at(after, "08:15"), at(after + timedelta(days=1), "10:00")


def _early(rng: random.Random, dates: Dates) -> datetime:
    """A weekly day of the window before the last fortnight."""
    weeks = max(1, ((dates.window_last - dates.window_first).days - 14) // 7)
    return at(dates.window_first + timedelta(days=7 * rng.randrange(weeks)), "10:00")


def _rush(rng: random.Random, dates: Dates) -> datetime:
    before, clock, _ = rng.choices(_RUSH, [share for *_, share in _RUSH])[0]
    return at(dates.window_last - timedelta(days=before), clock)
