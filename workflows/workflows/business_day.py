"""What workflows learn of the rehearsal clock by activity: they may not read its file themselves."""

from datetime import date, datetime

from temporalio import activity

from unioncard.clock import FileClock
from unioncard.clock_segments import Segment, business_at
from unioncard.dates import shanghai_date


class BusinessDay:
    """Tells the business day, and the whole table of the clock."""

    def __init__(self, clock: FileClock | None) -> None:
        self._clock = clock

    @activity.defn(name="business-day")
    async def of(self, instant: datetime) -> date:
        """The day in Shanghai that business time shows at a real instant."""
        return shanghai_date(business_at(self._segments(), instant))

    @activity.defn(name="business-clock")
    async def table(self) -> list[Segment]:
        """The clock's segments; none where business time is real time."""
        return list(self._segments())

    def _segments(self) -> tuple[Segment, ...]:
        return tuple(self._clock.segments) if self._clock else ()
