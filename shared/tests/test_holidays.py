"""Statutory holidays: expectations from the announcements of the State Council."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.holidays import (
    Calendar,
    HolidayKind,
    HolidayRow,
    NotYetPublished,
    add_days_with_holidays,
    seed_rows,
)

SEED = Calendar(seed_rows())


@pytest.mark.parametrize(
    ("day", "kind", "name"),
    [
        (date(2026, 1, 1), HolidayKind.STATUTORY, "元旦"),
        (date(2026, 1, 2), HolidayKind.IN_LIEU, "元旦"),
        (date(2026, 1, 4), HolidayKind.MAKE_UP, "元旦"),
        (date(2026, 2, 15), HolidayKind.WEEKEND, "春节"),
        (date(2026, 2, 16), HolidayKind.STATUTORY, "春节"),
        (date(2026, 10, 5), HolidayKind.STATUTORY, "国庆节"),  # for Saturday the 3rd
        (date(2026, 10, 6), HolidayKind.IN_LIEU, "国庆节"),
        (date(2019, 10, 12), HolidayKind.MAKE_UP, "国庆节"),
    ],
)
def test_the_seed(day: date, kind: HolidayKind, name: str) -> None:
    assert SEED.row(day) == HolidayRow(day, kind, name)


@pytest.mark.parametrize(
    ("year", "days"), [(2014, 11), (2016, 11), (2019, 11), (2021, 11), (2023, 11), (2024, 11), (2025, 13), (2026, 13)]
)
def test_a_year_has_as_many_statutory_days_as_the_law_grants(year: int, days: int) -> None:
    statutory = [row for row in seed_rows() if row.day.year == year and row.kind is HolidayKind.STATUTORY]
    assert len(statutory) == days


def test_ordinary_days_weekends_and_make_up_days() -> None:
    assert SEED.row(date(2026, 3, 2)) is None
    assert SEED.is_workday(date(2026, 3, 2)) is True
    assert SEED.is_workday(date(2026, 3, 1)) is False
    assert SEED.is_workday(date(2026, 1, 4)) is True  # a Sunday worked for 2 January
    assert SEED.is_workday(date(2026, 1, 2)) is False
    assert SEED.is_statutory(date(2026, 1, 2)) is False
    assert SEED.is_statutory(date(2026, 1, 1)) is True


def test_a_year_that_nobody_has_announced_is_answered_as_such() -> None:
    assert SEED.is_published(2026)
    assert not SEED.is_published(2027)
    for answer in (
        SEED.row(date(2027, 1, 1)),
        SEED.is_statutory(date(2027, 1, 1)),
        SEED.is_workday(date(2027, 3, 6)),
    ):
        assert answer == NotYetPublished(2027)


@pytest.mark.parametrize(
    ("start", "last_day", "holidays", "provisional"),
    [
        (date(2026, 3, 1), date(2026, 3, 16), 0, False),
        # 1, 2 and 5 October; 6 and 7 in lieu; Mid-autumn on the day of submission does not count
        (date(2026, 9, 25), date(2026, 10, 13), 3, False),
        # Mid-autumn on the 25th, and 1, 2, 5 October: the 15 days are 25 September to 9 October
        (date(2026, 9, 24), date(2026, 10, 13), 4, False),
        # 15 days to 1 October: 25 September and 1 October; 2 October is only among the days added
        (date(2026, 9, 16), date(2026, 10, 3), 2, False),
        # Spring Festival 2019: 5 to 7 February; 4, 8 in lieu, 9 and 10 weekend; the days are 27 January to 10 February
        (date(2019, 1, 26), date(2019, 2, 13), 3, False),
        (date(2026, 12, 16), date(2026, 12, 31), 0, False),
        (date(2026, 12, 17), date(2027, 1, 1), 0, True),
        (date(2027, 6, 1), date(2027, 6, 16), 0, True),
        # An announced 1 January is counted although the end of the wait lies behind it
        (date(2025, 12, 20), date(2026, 1, 5), 1, False),
    ],
)
def test_the_banks_call_within_15_days(start: date, last_day: date, holidays: int, provisional: bool) -> None:
    deadline = add_days_with_holidays(start, 15, SEED)
    assert (deadline.last_day, deadline.holidays, deadline.provisional) == (last_day, holidays, provisional)


def test_rows_that_staff_add_count_from_then_on() -> None:
    row = HolidayRow(date(2027, 1, 1), HolidayKind.STATUTORY, "元旦")
    edited = Calendar([*seed_rows(), row])
    deadline = add_days_with_holidays(date(2026, 12, 17), 15, edited)
    assert (deadline.last_day, deadline.provisional) == (date(2027, 1, 2), False)
    incomplete = Calendar([*seed_rows(), row], published_years=range(2004, 2027))
    assert add_days_with_holidays(date(2026, 12, 17), 15, incomplete).provisional


@given(st.dates(date(2004, 1, 1), date(2028, 1, 1)), st.integers(0, 60))
def test_a_deadline_never_comes_early_and_moves_only_by_holidays(start: date, days: int) -> None:
    deadline = add_days_with_holidays(start, days, SEED)
    assert deadline.last_day - start == timedelta(days=days + deadline.holidays)
