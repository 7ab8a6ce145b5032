"""The rehearsal clock of a run: moved by its file first, then told to the workflows, however often Temporal is away."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError

from tests.faults.season.plan import DATES
from unioncard.clock import FileClock, Segment, append_segment
from unioncard_cli.season.clock import StackClock
from unioncard_cli.stack import Stack
from workflows.business_time import signal_clock_changed
from workflows.client import connect

PATIENCE_S = 90.0
_MICROSECOND = timedelta(microseconds=1)


class RunClock:
    """Business time of the run's stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._path = stack.place.state / "clock.json"
        self._file = FileClock(self._path)

    def now(self) -> datetime:
        """The current business instant."""
        return self._file.now()

    def start(self) -> None:
        """Before the stack is up: the season's first morning."""
        StackClock(self._stack).start_on(DATES.window_first)

    def jump(self, instant: datetime, speed: float = 1.0) -> None:
        """Be there now; workflows are told later (:meth:`tell`)."""
        append_segment(self._path, Segment(datetime.now(UTC), instant, speed))

    def run_up_to(self, instant: datetime, speed: float) -> None:
        """Run at this speed, and stand still at ``instant``; returns at once."""
        real, business = datetime.now(UTC), self.now()
        lasts = timedelta(microseconds=math.floor((instant - business) / _MICROSECOND / speed))
        running = Segment(real, business, speed)
        append_segment(self._path, running, Segment(real + lasts, max(instant, running.business_at(real + lasts)), 0.0))

    def wait_for(self, instant: datetime) -> None:
        """Until business time has come so far."""
        while self.now() < instant:
            time.sleep(0.02)

    def move(self, instant: datetime) -> None:
        """Be there now, and have every workflow know it."""
        self.jump(instant)
        self.tell()

    def tell(self) -> None:
        """Tell the workflows, again and again while Temporal is away."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                asyncio.run(self._tell())
            except (RPCError, RuntimeError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return

    async def _tell(self) -> None:
        await signal_clock_changed(await connect(self._stack.workflow_settings()), self._file.segments)
