"""Days in Shanghai (UTC+8), both ends of a window included (domain 5)."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.dates import Window, day_end_exclusive, day_start, shanghai_date

UNION_WINDOW = Window(date(2019, 11, 1), date(2019, 12, 27))


def test_the_day_changes_at_16_utc() -> None:
    assert shanghai_date(datetime(2019, 12, 31, 15, 59, 59, 999999, UTC)) == date(2019, 12, 31)
    assert shanghai_date(datetime(2019, 12, 31, 16, 0, tzinfo=UTC)) == date(2020, 1, 1)
    assert day_start(date(2020, 1, 1)) == datetime(2019, 12, 31, 16, 0, tzinfo=UTC)
    assert day_end_exclusive(date(2020, 1, 1)) == datetime(2020, 1, 1, 16, 0, tzinfo=UTC)


def test_summer_time_of_1988_is_kept() -> None:
    assert day_start(date(1988, 7, 1)) == datetime(1988, 6, 30, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "inside"),
    [
        (datetime(2019, 10, 31, 15, 59, 59, 999999, UTC), False),
        (datetime(2019, 10, 31, 16, 0, tzinfo=UTC), True),
        (datetime(2019, 12, 27, 15, 59, 59, 999999, UTC), True),
        (datetime(2019, 12, 27, 16, 0, tzinfo=UTC), False),
        (datetime(2019, 12, 27, 23, 59, 59, 999999, timezone(timedelta(hours=8))), True),
        (datetime(2019, 12, 28, 0, 0, tzinfo=timezone(timedelta(hours=8))), False),
    ],
)
def test_the_last_microsecond_is_in_and_midnight_is_out(instant: datetime, inside: bool) -> None:
    assert UNION_WINDOW.contains(instant) is inside
    assert (UNION_WINDOW.opens_at <= instant < UNION_WINDOW.closes_at) is inside


def test_a_window_of_one_day_and_one_that_ends_before_it_begins() -> None:
    assert Window(date(2020, 1, 20), date(2020, 1, 20)).contains(datetime(2020, 1, 20, 4, tzinfo=UTC))
    with pytest.raises(ValueError, match="before it begins"):
        Window(date(2020, 1, 20), date(2020, 1, 19))


def test_instants_without_a_zone_are_refused() -> None:
    naive = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        shanghai_date(naive)


INSTANTS = st.integers(0, 108 * 365 * 86_400).map(
    lambda seconds: datetime(1992, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
)


@given(INSTANTS)
def test_every_instant_lies_in_its_own_day(instant: datetime) -> None:
    day = shanghai_date(instant)
    assert day_start(day) <= instant < day_end_exclusive(day)
