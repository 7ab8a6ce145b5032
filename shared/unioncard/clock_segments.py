"""Business time as a table of segments: pure arithmetic, imported by workflows too, so nothing but the stdlib here.

A segment says: from the real moment ``real_anchor`` on, business time stands at ``business_anchor`` and runs
``speed`` business seconds a real second, until the next segment begins. All instants are aware datetimes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite

FASTEST = 1_000_000.0
_STEP = timedelta(microseconds=1)


class ClockGoesBack(ValueError):
    """A table of segments would let business time go back, or is not in the order of real time."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of the table. ``speed`` 1 is ordinary time, 0 stands still, at most 1,000,000."""

    real_anchor: datetime
    business_anchor: datetime
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.real_anchor.tzinfo is None or self.business_anchor.tzinfo is None:
            raise ValueError("a segment's anchors need a time zone")
        if not isfinite(self.speed) or not 0 <= self.speed <= FASTEST:
            raise ValueError(f"a segment's speed is between 0 and {FASTEST:.0f}")

    def business_at(self, real: datetime) -> datetime:
        """Business time by this segment alone."""
        return self.business_anchor + (real - self.real_anchor) * self.speed


def check_segments(segments: Sequence[Segment]) -> None:
    """Raise :class:`ClockGoesBack` unless real anchors rise and business time never falls.

    The first segment may stand anywhere, also before real time: a rehearsal of a past season begins on an empty
    stack. From then on there is only forward.
    """
    for before, after in pairwise(segments):
        if after.real_anchor <= before.real_anchor:
            raise ClockGoesBack(f"the segment from {after.real_anchor.isoformat()} does not follow the one before it")
        reached = before.business_at(after.real_anchor)
        if after.business_anchor < reached:
            raise ClockGoesBack(
                f"business time is already {reached.isoformat()}, it cannot go back to "
                f"{after.business_anchor.isoformat()}"
            )


def business_at(segments: Sequence[Segment], real: datetime) -> datetime:
    """Business time at a real moment; the real time itself where there is no segment.

    Before the first segment business time is real time, but never later than what that segment begins with, so that
    the function never falls.
    """
    if not segments:
        return real
    if real < segments[0].real_anchor:
        return min(real, segments[0].business_anchor)
    segment = next(s for s in reversed(segments) if s.real_anchor <= real)
    return segment.business_at(real)


def real_at(segments: Sequence[Segment], business: datetime) -> datetime | None:
    """The real moment at which business time has reached ``business``: when a timer must fire.

    A moment that a jump passes over is reached at the jump. None when it is never reached because the last segment
    stands still: wait for the next segment.
    """
    if not segments:
        return business
    first = segments[0]
    if business < first.business_anchor:
        return min(business, first.real_anchor)
    for index, segment in enumerate(segments):
        if business <= segment.business_anchor:
            return segment.real_anchor
        end = segments[index + 1].real_anchor if index + 1 < len(segments) else None
        reached = _reached_in(segment, business)
        if reached is not None and (end is None or reached < end):
            return reached
    return None


def _reached_in(segment: Segment, business: datetime) -> datetime | None:
    if segment.speed == 0:
        return None
    try:
        real = segment.real_anchor + (business - segment.business_anchor) / segment.speed
    except OverflowError:
        return None
    # Division rounds to a microsecond, which at high speed is seconds of business time: a timer must not fire early.
    while segment.business_at(real) < business:
        real += _STEP
    return real
