"""The business clock: segments, their inverse for timers, and the file that all processes share."""

import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.clock import (
    ClockFileError,
    ClockGoesBack,
    FileClock,
    Segment,
    SegmentClock,
    WallClock,
    append_segment,
    dump_segments,
    parse_segments,
)
from unioncard.clock_segments import business_at, check_segments, real_at

REAL = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SEASON = datetime(2019, 10, 25, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return REAL + timedelta(seconds=seconds)


# A rehearsal: an hour each second for a minute, a halt of ten seconds, a jump to 1 December, then real speed.
TABLE = (
    Segment(REAL, SEASON, 3600),
    Segment(after(60), SEASON + timedelta(hours=60), 0),
    Segment(after(70), datetime(2019, 12, 1, tzinfo=UTC), 1),
)


class StillClock:
    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant


@pytest.mark.parametrize(
    ("real", "business"),
    [
        (after(0), SEASON),
        (after(1), SEASON + timedelta(hours=1)),
        (after(0.5), SEASON + timedelta(minutes=30)),
        (after(59), SEASON + timedelta(hours=59)),
        (after(60), SEASON + timedelta(hours=60)),
        (after(69.9), SEASON + timedelta(hours=60)),
        (after(70), datetime(2019, 12, 1, tzinfo=UTC)),
        (after(75), datetime(2019, 12, 1, 0, 0, 5, tzinfo=UTC)),
        # Before the rehearsal business time never exceeds what it begins with.
        (after(-1), SEASON),
    ],
)
def test_business_time_by_the_table(real: datetime, business: datetime) -> None:
    assert business_at(TABLE, real) == business
    assert SegmentClock(TABLE, StillClock(real)).now() == business


@pytest.mark.parametrize(
    ("business", "real"),
    [
        (SEASON, after(0)),
        (SEASON + timedelta(hours=1), after(1)),
        (SEASON + timedelta(hours=60), after(60)),
        # The halt and the jump pass over these: they are reached at the jump.
        (SEASON + timedelta(hours=60, microseconds=1), after(70)),
        (datetime(2019, 11, 15, tzinfo=UTC), after(70)),
        (datetime(2019, 12, 1, tzinfo=UTC), after(70)),
        (datetime(2019, 12, 1, 0, 0, 5, tzinfo=UTC), after(75)),
    ],
)
def test_when_a_timer_fires(business: datetime, real: datetime) -> None:
    assert real_at(TABLE, business) == real


def test_without_segments_business_time_is_real_time() -> None:
    assert business_at((), REAL) == REAL
    assert real_at((), REAL) == REAL
    assert SegmentClock((), StillClock(REAL)).now() == REAL


def test_a_table_that_only_jumps_ahead_keeps_real_time_until_then() -> None:
    table = (Segment(REAL, REAL + timedelta(days=10)),)
    assert business_at(table, after(-5)) == after(-5)
    assert real_at(table, after(-5)) == after(-5)
    assert real_at(table, REAL + timedelta(days=3)) == REAL


def test_a_clock_that_stands_still_never_reaches_later_moments() -> None:
    table = (Segment(REAL, SEASON, 0),)
    assert business_at(table, after(1e6)) == SEASON
    assert real_at(table, SEASON) == REAL
    assert real_at(table, SEASON + timedelta(microseconds=1)) is None


def test_so_slow_a_clock_that_the_calendar_ends_first() -> None:
    assert real_at((Segment(REAL, SEASON, 1e-9),), SEASON + timedelta(days=365)) is None


@pytest.mark.parametrize(
    "table",
    [
        (Segment(REAL, SEASON, 3600), Segment(after(60), SEASON + timedelta(hours=60) - timedelta(microseconds=1))),
        (Segment(REAL, SEASON, 1), Segment(after(60), SEASON)),
        (Segment(REAL, SEASON, 0), Segment(REAL, SEASON, 1)),
        (Segment(after(1), SEASON, 0), Segment(REAL, SEASON, 1)),
    ],
)
def test_a_table_that_goes_back_is_refused(table: tuple[Segment, ...]) -> None:
    with pytest.raises(ClockGoesBack):
        check_segments(table)
    with pytest.raises(ClockGoesBack):
        SegmentClock(table)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf"), 1_000_001.0])
def test_speeds_that_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        Segment(REAL, SEASON, speed)


def test_anchors_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Segment(REAL.replace(tzinfo=None), SEASON)


SPEEDS = st.one_of(st.just(0.0), st.floats(0.01, 1_000_000), st.just(1.0))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Segment, ...]:
    segments = [Segment(REAL, SEASON + timedelta(days=draw(st.integers(-3000, 3000))), draw(SPEEDS))]
    for _ in range(draw(st.integers(0, 4))):
        last = segments[-1]
        real = last.real_anchor + timedelta(microseconds=draw(st.integers(1, 10**10)))
        jump = timedelta(microseconds=draw(st.integers(0, 10**12)))
        segments.append(Segment(real, last.business_at(real) + jump, draw(SPEEDS)))
    return tuple(segments)


OFFSETS = st.integers(-(10**10), 5 * 10**10).map(lambda us: REAL + timedelta(microseconds=us))


@given(tables(), OFFSETS, OFFSETS)
def test_business_time_never_falls(table: tuple[Segment, ...], one: datetime, other: datetime) -> None:
    check_segments(table)
    early, late = sorted((one, other))
    assert business_at(table, early) <= business_at(table, late)


@given(tables(), OFFSETS)
def test_a_timer_fires_when_its_moment_is_reached_and_not_before(table: tuple[Segment, ...], real: datetime) -> None:
    business = business_at(table, real)
    fires = real_at(table, business)
    assert fires is not None
    assert business_at(table, fires) >= business
    # At low speeds many real moments round to one microsecond of business time; 100 of them at 0.01. Before the
    # table begins business time may already stand where it begins, and the timer is then counted from there.
    assert fires <= max(real, table[0].real_anchor) + timedelta(microseconds=100)


def test_the_file_is_followed(tmp_path: Path) -> None:
    path, real = tmp_path / "clock" / "segments.json", StillClock(REAL)
    clock = FileClock(path, real)
    assert clock.now() == REAL
    assert FileClock(path).segments == ()

    assert append_segment(path, TABLE[0]) == TABLE[:1]
    real.instant = after(10)
    assert clock.now() == SEASON + timedelta(hours=10)

    append_segment(path, TABLE[1])
    append_segment(path, TABLE[2])
    assert clock.segments == TABLE
    real.instant = after(75)
    assert clock.now() == datetime(2019, 12, 1, 0, 0, 5, tzinfo=UTC)

    path.unlink()
    assert clock.now() == after(75)
    assert FileClock(None, real).now() == after(75)


def test_a_segment_that_goes_back_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "segments.json"
    append_segment(path, TABLE[0])
    before = path.read_bytes()
    with pytest.raises(ClockGoesBack):
        append_segment(path, Segment(after(60), SEASON))
    assert path.read_bytes() == before


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path, refused = tmp_path / "segments.json", []

    def write(second: int) -> None:
        try:
            append_segment(path, Segment(after(second), SEASON + timedelta(seconds=second)))
        except ClockGoesBack:
            refused.append(second)

    writers = [threading.Thread(target=write, args=(second,)) for second in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = parse_segments(path.read_bytes())
    assert len(kept) + len(refused) == 20
    assert list(kept) == sorted(kept, key=lambda segment: segment.real_anchor)


def test_the_table_as_json_and_back() -> None:
    assert parse_segments(dump_segments(TABLE)) == TABLE
    east = timezone(timedelta(hours=8))
    assert parse_segments(dump_segments([Segment(REAL.astimezone(east), SEASON.astimezone(east), 2)])) == (
        Segment(REAL, SEASON, 2),
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "file"),
        ("[]", "file"),
        ('{"segments": [{"real_anchor": "2026-03-01T09:00:00Z"}]}', "business_anchor"),
        ('{"segments": [{"real_anchor": "2026-03-01T09:00:00", "business_anchor": "2026-03-01T09:00:00Z"}]}', "zone"),
        (
            '{"segments": [{"real_anchor": "2026-03-01T09:00:00Z", "business_anchor": "2026-03-01T09:00:00Z", '
            '"speed": -1}]}',
            "speed",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "segments.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ClockFileError, match=what) as caught:
        FileClock(path).now()
    assert str(path) in str(caught.value)


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    now = WallClock().now()
    assert now.tzinfo is UTC
    assert now.date() > date(2025, 1, 1)


def test_the_arithmetic_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, unioncard.clock_segments; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" not in loaded
    assert "unioncard" in loaded
