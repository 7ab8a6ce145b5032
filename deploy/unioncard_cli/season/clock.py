"""The rehearsal clock of a stack: set before it starts, then only forward, and never faster than the stack can follow.

Every change is written to the stack's table of segments, which all processes read, and then told to the workflows.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from unioncard.clock import ClockGoesBack, FileClock, Segment, append_segment
from unioncard.dates import SHANGHAI, day_start, shanghai_date
from unioncard_cli.place import StackError
from unioncard_cli.season.load import Load, measure
from unioncard_cli.stack import Stack

#: The business days that a stack may be put on: every season there was, and whatever may be rehearsed.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
#: So long the clock runs at most before the load is looked at again.
LEG = timedelta(seconds=3)
#: A loaded stack gets a quarter of the pace, down to this part of what was asked for.
SLOWEST = 1 / 64
OFFICE_OPENS = timedelta(hours=8)
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)
# The next segment must begin after the last one, and sleeping is a little inexact.
_MARGIN_S = 0.005


def instant(text: str) -> datetime:
    """The instant that a day or a day and time in Shanghai names; :class:`StackError` for any other text."""
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=SHANGHAI)
        inside = FIRST_DAY <= shanghai_date(found) <= LAST_DAY
    except (ValueError, OverflowError):
        raise StackError(f"'{text}' is no day or time", "for example 2019-11-01 or 2019-11-01T09:00") from None
    if not inside:
        raise StackError(f"{text} is too far away", f"business time is a day from {FIRST_DAY} to {LAST_DAY}")
    return found


def leg(real: datetime, business: datetime, target: datetime, speed: float, longest: timedelta) -> tuple[Segment, ...]:
    """From ``business`` towards ``target`` for at most ``longest``, then ordinary time.

    It ends exactly at the target, not a moment later: what is done on arrival is done at that instant.
    """
    ahead = (target - business) / _MICROSECOND / speed
    lasts = min(timedelta(microseconds=math.floor(ahead)), longest)
    if lasts <= timedelta(0):
        return (Segment(real, max(business, target)),)
    running = Segment(real, business, speed)
    reached = running.business_at(real + lasts)
    return running, Segment(real + lasts, reached if lasts == longest else max(reached, target))


@dataclass(slots=True)
class Pace:
    """How fast to go: a quarter of it whenever the stack is loaded, twice as fast again when it is not."""

    wanted: float
    now: float = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.wanted

    def after(self, load: Load) -> float:
        """The speed of the next leg."""
        if load.heavy:
            self.now = max(self.wanted * SLOWEST, self.now / 4)
        else:
            self.now = min(self.wanted, self.now * 2)
        return self.now


class StackClock:
    """The business clock of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._path = stack.place.state / "clock.json"
        self._file = FileClock(self._path)

    def now(self) -> datetime:
        """The current business instant."""
        return self._file.now()

    def today(self) -> date:
        """The current business day in Shanghai."""
        return shanghai_date(self.now())

    @property
    def segments(self) -> Sequence[Segment]:
        """The table; empty means real time."""
        return self._file.segments

    def start_on(self, day: date) -> bool:
        """Before the stack starts: business time begins on the morning of ``day``.

        False when the stack has lived beyond that morning already; then nothing is changed.
        """
        morning = day_start(day) + OFFICE_OPENS
        if not self.segments and (self._stack.place.state / "postgres").exists():
            return False
        if self.segments and self.now() > morning:
            return False
        append_segment(self._path, Segment(datetime.now(UTC), morning))
        return True

    def run(self, speed: float) -> None:
        """From now on at this speed; 0 stands still."""
        self._change(None, speed)

    def hold(self) -> None:
        """Stand still."""
        self.run(0.0)

    def jump(self, instant: datetime) -> None:
        """Be at ``instant`` now, and go on at the ordinary pace."""
        self._change(instant, 1.0)

    def advance(self, target: datetime, speed: float) -> None:
        """Go to ``target`` at this speed, slower under load, and go on at the ordinary pace."""
        asyncio.run(self.advance_with(target, speed))

    async def advance_with(self, target: datetime, speed: float) -> None:
        """:meth:`advance`, for a caller with an event loop."""
        from workflows.business_time import signal_clock_changed  # here, as importing temporalio takes a second
        from workflows.client import connect

        client = await connect(self._stack.workflow_settings())
        pace = Pace(speed)
        while self.now() < target:
            pace.after(await measure(self._stack.place, client))
            table = append_segment(self._path, *leg(datetime.now(UTC), self.now(), target, pace.now, LEG))
            await signal_clock_changed(client, table)
            await asyncio.sleep(max(timedelta(0), table[-1].real_anchor - datetime.now(UTC)) / _SECOND + _MARGIN_S)

    def _change(self, instant: datetime | None, speed: float) -> None:
        try:
            real = datetime.now(UTC)
            table = append_segment(self._path, Segment(real, instant or self.now(), speed))
        except ClockGoesBack as error:
            raise StackError(str(error), "business time goes only forward; begin with a new stack") from None
        if self._stack.supervisor_pid():
            asyncio.run(self._tell(table))

    async def _tell(self, table: Sequence[Segment]) -> None:
        from workflows.business_time import signal_clock_changed
        from workflows.client import connect

        await signal_clock_changed(await connect(self._stack.workflow_settings()), table)
