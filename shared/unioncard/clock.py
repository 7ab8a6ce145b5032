"""The one clock for business dates, always injected.

Tokens, lock-outs, retries, signatures and metrics use wall time instead. The rehearsal clock (:class:`FileClock`)
reads its segments from a file that all processes share.
"""

import fcntl
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from unioncard.clock_segments import FASTEST, ClockGoesBack, Segment, business_at, check_segments, real_at

__all__ = [
    "Clock",
    "ClockFileError",
    "ClockGoesBack",
    "FileClock",
    "Segment",
    "SegmentClock",
    "WallClock",
    "append_segment",
    "business_at",
    "dump_segments",
    "parse_segments",
    "real_at",
]


class ClockFileError(Exception):
    """The file of clock segments cannot be used; names the file and what is wrong."""


class Clock(Protocol):
    """Business time."""

    def now(self) -> datetime:
        """The current business instant, aware, in UTC."""
        ...


class WallClock:
    """Business time is real time."""

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.now(UTC)


class SegmentClock:
    """Business time by a table of segments over a real clock. Raises :class:`ClockGoesBack` for a bad table."""

    def __init__(self, segments: Sequence[Segment], real: Clock | None = None) -> None:
        check_segments(segments)
        self.segments = tuple(segments)
        self._real = real or WallClock()

    def now(self) -> datetime:
        """The current business instant in UTC."""
        return business_at(self.segments, self._real.now()).astimezone(UTC)


class FileClock:
    """A segment clock whose table is read again whenever its file changes; no path or no file means real time.

    Raises :class:`ClockFileError` from :meth:`now` when the file is there but wrong.
    """

    def __init__(self, path: Path | None, real: Clock | None = None) -> None:
        self._path = path
        self._real = real or WallClock()
        self._seen: tuple[int, int, int] | None = None
        self._segments: tuple[Segment, ...] = ()
        self._lock = threading.Lock()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The table as the file has it now; empty means real time."""
        if self._path is None:
            return ()
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return ()
        mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            if mark != self._seen:
                self._segments, self._seen = _read(self._path), mark
            return self._segments

    def now(self) -> datetime:
        """The current business instant in UTC."""
        return business_at(self.segments, self._real.now()).astimezone(UTC)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    real_anchor: AwareDatetime
    business_anchor: AwareDatetime
    speed: Annotated[float, Field(ge=0, le=FASTEST, allow_inf_nan=False)] = 1.0


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    segments: list[_Row]


def dump_segments(segments: Sequence[Segment]) -> str:
    """The table as JSON: ``{"segments": [{"real_anchor": …, "business_anchor": …, "speed": …}]}``."""
    rows = [_Row(real_anchor=s.real_anchor, business_anchor=s.business_anchor, speed=s.speed) for s in segments]
    return _Table(segments=rows).model_dump_json(indent=2)


def parse_segments(text: str | bytes) -> tuple[Segment, ...]:
    """The table in this JSON. Raises :class:`ClockFileError` or :class:`ClockGoesBack`."""
    try:
        table = _Table.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise ClockFileError(f"{'.'.join(str(part) for part in first['loc']) or 'file'}: {first['msg']}") from None
    segments = tuple(Segment(row.real_anchor, row.business_anchor, row.speed) for row in table.segments)
    check_segments(segments)
    return segments


def append_segment(path: Path, *more: Segment) -> tuple[Segment, ...]:
    """Add segments to the file, which is made when it is not there; answers the whole table.

    Readers see the old table or the new one, two writers come one after the other, and a table that would go back is
    refused with :class:`ClockGoesBack` and changes nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        segments = (*(_read(path) if path.exists() else ()), *more)
        check_segments(segments)
        fresh = path.with_name(path.name + ".new")
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(dump_segments(segments))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    return segments


def _read(path: Path) -> tuple[Segment, ...]:
    try:
        return parse_segments(path.read_bytes())
    except (ClockFileError, ClockGoesBack) as error:
        raise ClockFileError(f"clock segments {path}: {error}") from None
