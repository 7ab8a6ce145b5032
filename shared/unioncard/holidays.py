"""Statutory holidays and make-up days (法定节假日、调休) as rows that staff can edit.

Seeded from the library ``chinesecalendar``, which holds the announcements of the State Council. A year that nobody has
announced has no rows, and questions about it are answered with :class:`NotYetPublished`, never with a guess.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import chinese_calendar

SATURDAY = 5


class HolidayKind(StrEnum):
    """What an announced day is.

    STATUTORY (法定节假日): a free weekday that nobody makes up for. A festival day that falls on a weekend is given on
    the next weekday, so these are as many as the law grants.
    IN_LIEU (调休放假): a free weekday worked off on a weekend. WEEKEND: Saturday or Sunday inside the holiday.
    MAKE_UP (调休上班): a Saturday or Sunday that is worked.
    """

    STATUTORY = "statutory"
    IN_LIEU = "in_lieu"
    WEEKEND = "weekend"
    MAKE_UP = "make_up"


@dataclass(frozen=True, slots=True)
class HolidayRow:
    """One announced day. ``name`` is the festival's, in Chinese."""

    day: date
    kind: HolidayKind
    name: str


@dataclass(frozen=True, slots=True)
class NotYetPublished:
    """The holidays of this year have not been announced."""

    year: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day that is in time. ``provisional``: counted over a year without announced holidays, it may move."""

    last_day: date
    holidays: int
    provisional: bool


class Calendar:
    """Questions about days, answered from rows.

    ``published_years`` are the years whose rows are complete; without it, those that any row falls into.
    """

    def __init__(self, rows: Iterable[HolidayRow], published_years: Collection[int] | None = None) -> None:
        self._rows = {row.day: row for row in rows}
        years = {day.year for day in self._rows} if published_years is None else published_years
        self._years = frozenset(years)

    def is_published(self, year: int) -> bool:
        """Whether the year's holidays have been announced."""
        return year in self._years

    def row(self, day: date) -> HolidayRow | NotYetPublished | None:
        """What was announced for the day; None for a day like any other."""
        return self._rows.get(day) if self.is_published(day.year) else NotYetPublished(day.year)

    def is_statutory(self, day: date) -> bool | NotYetPublished:
        """Whether the day is a statutory holiday (法定节假日)."""
        row = self.row(day)
        if isinstance(row, NotYetPublished):
            return row
        return row is not None and row.kind is HolidayKind.STATUTORY

    def is_workday(self, day: date) -> bool | NotYetPublished:
        """Whether people work on the day, make-up days included."""
        row = self.row(day)
        if isinstance(row, NotYetPublished):
            return row
        return day.weekday() < SATURDAY if row is None else row.kind is HolidayKind.MAKE_UP


def add_days_with_holidays(start: date, days: int, calendar: Calendar) -> Deadline:
    """The last day of ``days`` days after ``start``, weekends included, plus one for each statutory holiday in them.

    ``start`` itself is not counted: 15 days from 1 March end on 16 March. Holidays are counted among the ``days``
    days alone, not among those added (domain 4.5: "each statutory holiday inside the 15 days adds one"). Days of a
    year that is not yet published count as ordinary, and the answer is then ``provisional``. The reasons are in
    ``docs/decisions/010-statutory-holidays.md``.
    """
    answers = [calendar.is_statutory(start + timedelta(days=count)) for count in range(1, days + 1)]
    holidays = sum(answer is True for answer in answers)
    provisional = any(isinstance(answer, NotYetPublished) for answer in answers)
    return Deadline(start + timedelta(days=days + holidays), holidays, provisional)


# Names by the library's keys, in the words of the announcements.
_FESTIVALS = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}


def seed_rows() -> list[HolidayRow]:
    """All announced days that the library knows, 2004 to 2026, by date."""
    rows = [HolidayRow(day, _free_kind(day), _FESTIVALS[name]) for day, name in chinese_calendar.holidays.items()]
    rows += [HolidayRow(d, HolidayKind.MAKE_UP, _FESTIVALS[n]) for d, n in chinese_calendar.workdays.items()]
    return sorted(rows, key=lambda row: row.day)


def _free_kind(day: date) -> HolidayKind:
    if day.weekday() >= SATURDAY:
        return HolidayKind.WEEKEND
    return HolidayKind.IN_LIEU if day in chinese_calendar.in_lieu_days else HolidayKind.STATUTORY
