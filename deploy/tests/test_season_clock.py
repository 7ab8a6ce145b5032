"""The rehearsal clock of a stack: where it begins, how it goes forward, when it slows down."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from unioncard.clock import Segment
from unioncard.clock_segments import business_at, check_segments
from unioncard_cli.place import StackError
from unioncard_cli.season.clock import Pace, StackClock, leg
from unioncard_cli.season.load import Load, sums
from unioncard_cli.stack import Stack

REAL = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
EVE = datetime(2019, 12, 27, 15, 59, 59, tzinfo=UTC)
MORNING = datetime(2019, 10, 24, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai

MakeStack = Callable[..., Stack]


@pytest.mark.parametrize("speed", [1.0, 7.0, 333_333.0, 1_000_000.0])
@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=57, seconds=7)])
def test_a_leg_ends_exactly_where_it_should_and_never_goes_back(speed: float, ahead: timedelta) -> None:
    segments: list[Segment] = [Segment(REAL - timedelta(hours=1), EVE, 0.0)]
    real = REAL
    while segments[-1].business_anchor < EVE + ahead:
        segments += leg(real, business_at(segments, real), EVE + ahead, speed, timedelta(days=1))
        check_segments(segments)
        real = segments[-1].real_anchor + timedelta(microseconds=1)
    assert segments[-1].business_anchor == EVE + ahead
    assert segments[-1].speed == 1.0


def test_a_long_way_is_gone_in_legs() -> None:
    running, resting = leg(REAL, EVE, EVE + timedelta(days=10), 86_400.0, timedelta(seconds=3))
    assert (running.business_anchor, running.speed) == (EVE, 86_400.0)
    assert resting.real_anchor == REAL + timedelta(seconds=3)
    assert (resting.business_anchor, resting.speed) == (EVE + timedelta(days=3), 1.0)


def test_a_loaded_stack_gets_more_time() -> None:
    pace = Pace(64.0)
    assert [pace.after(Load(outbox=10_000)) for _ in range(4)] == [16.0, 4.0, 1.0, 1.0]
    assert [pace.after(Load(lag=1)) for _ in range(7)] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0]


def test_load_is_read_from_what_every_process_says() -> None:
    page = '# HELP outbox_waiting Messages\noutbox_waiting 3.0\nconsumer_lag{partition="1",topic="t"} 4.0\n'
    other = 'outbox_waiting 1.0\nconsumer_lag{topic="t"} 1.0\nup 9\n'
    assert sums([page, "", other]) == {"outbox_waiting": 4, "consumer_lag": 5}
    assert not Load(outbox=300, lag=600, tasks=100).heavy
    assert Load(tasks=101).heavy


def test_a_new_stack_begins_on_the_day_it_is_given(make_stack: MakeStack) -> None:
    clock = StackClock(make_stack("TOWER"))
    assert not clock.segments
    assert clock.start_on(date(2019, 10, 24))
    assert clock.segments[0].business_anchor == MORNING
    assert clock.today() == date(2019, 10, 24)
    assert not clock.start_on(date(2019, 10, 24))
    assert not clock.start_on(date(2019, 10, 1))
    assert len(clock.segments) == 1


def test_a_stack_that_has_lived_in_real_time_stays_there(make_stack: MakeStack) -> None:
    stack = make_stack("TOWER")
    (stack.place.state / "postgres").mkdir(parents=True)
    assert not StackClock(stack).start_on(date(2019, 10, 24))
    assert not Path(stack.place.state / "clock.json").exists()


def test_business_time_goes_only_forward(make_stack: MakeStack) -> None:
    clock = StackClock(make_stack("TOWER"))
    clock.start_on(date(2019, 10, 24))
    clock.hold()
    held = clock.now()
    assert clock.now() == held
    clock.jump(EVE)
    assert EVE <= clock.now() < EVE + timedelta(minutes=1)
    with pytest.raises(StackError, match="cannot go back"):
        clock.jump(MORNING)
    clock.run(3600.0)
    assert clock.segments[-1].speed == 3600.0
