"""Files of facts about members whom another service tells us of: each line names its member by 会员编号.

The members may still be on their way when the file is loaded, so a chunk waits for those it names as long as any come.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from unioncard import bulk, chunks
from unioncard.bulk import Counts, Loaded
from unioncard.chunks import Chunk, Reject, RejectFile, Source
from unioncard.service import Context
from unioncard.unit_of_work import Transaction

T = TypeVar("T")
MEMBER_NUMBER = "member_number"

_MEMBERS = sa.text("SELECT number, id, coalesce(union_id, 0) AS union_id FROM members WHERE number = ANY(:numbers)")
_ARRIVED = sa.text("SELECT pg_stat_get_tuples_inserted('members'::regclass)")


class Named(NamedTuple, Generic[T]):
    """A sound line with its member; ``union_id`` is 0 for none."""

    line: int
    member_id: int
    union_id: int
    value: T


class Kept(NamedTuple):
    """What a chunk's sound lines brought."""

    loaded: int
    known: int
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class FileOf(Generic[T]):
    """A kind of file: its columns beside ``member_number``, how a line is read, and how its lines are kept."""

    columns: Sequence[str]
    read: Callable[[int, Mapping[str, str]], T | Reject]
    keep: Callable[[Transaction, list[Named[T]]], Awaitable[Kept]]


async def load_file(
    context: Context,
    kind: FileOf[T],
    path: Path,
    rejects_folder: Path,
    *,
    wait_s: float,
    say: Callable[[Counts], None] = lambda _: None,
) -> Loaded:
    """Load the file, chunk by chunk; raises :class:`unioncard.chunks.BadSource` where it is none.

    ``wait_s``: how long no new member may arrive before those that are not there count as unknown.
    """
    source = await asyncio.to_thread(chunks.open_source, path, (MEMBER_NUMBER, *kind.columns))
    async with context.engine.connect() as conn:
        done = await bulk.done_before(conn, source)
    load = _Load(context, kind, source, RejectFile(rejects_folder, source), _Arrivals(context.engine, wait_s))
    loaded = await bulk.load_chunks(source, done, load.chunk, at_once=1, say=say)
    loaded.rejects = await asyncio.to_thread(load.rejects.finish, loaded.rejected)
    return loaded


@dataclass(frozen=True, slots=True)
class _Load(Generic[T]):
    context: Context
    kind: FileOf[T]
    source: Source
    rejects: RejectFile
    arrivals: "_Arrivals"

    async def chunk(self, chunk: Chunk) -> Counts:
        """Load one chunk in one transaction."""
        sound, rejects = await asyncio.to_thread(self._read, chunk)
        members = await self.arrivals.of({number for _, number, _ in sound})
        named: list[Named[T]] = []
        for line, number, value in sound:
            member = members.get(number)
            if member is None:
                rejects.append(
                    Reject(line, MEMBER_NUMBER, "没有会员编号为此的会员", "请核对会员编号，或先加载会员文件")
                )
            else:
                named.append(Named(line, *member, value))
        async with self.context.work.begin("command:load-legacy") as tx:
            kept = await self.kind.keep(tx, named)
            rejects += kept.rejects
            counts = Counts(chunk.lines, kept.loaded, kept.known, len(rejects))
            after = {"loaded": kept.loaded, "known": kept.known, "rejected": len(rejects)}
            subject = f"file:{self.source.digest[:16]}/{chunk.start}"
            tx.audit(f"{self.source.path.stem[:50]}.load-legacy", subject, after=after)
            await bulk.note(tx.conn, self.source, chunk, counts)
            # Before the commit: were it after, a kill between the two would lose them.
            await asyncio.to_thread(self.rejects.write, chunk, rejects)
        return counts

    def _read(self, chunk: Chunk) -> tuple[list[tuple[int, str, T]], list[Reject]]:
        rows, rejects = self.source.rows(chunk)
        sound: list[tuple[int, str, T]] = []
        for line, cells in rows:
            value = self.kind.read(line, cells)
            if isinstance(value, Reject):
                rejects.append(value)
            else:
                sound.append((line, cells[MEMBER_NUMBER].strip(), value))
        return sound, rejects


class _Arrivals:
    """Looks members up, and waits while they are still coming."""

    def __init__(self, engine: AsyncEngine, wait_s: float) -> None:
        self._engine = engine
        self._wait_s = wait_s
        self._seen = -1
        self._quiet_since = time.monotonic()

    async def of(self, numbers: set[str]) -> dict[str, tuple[int, int]]:
        """Id and union by number; without those who are not there and for whom we have waited long enough."""
        found: dict[str, tuple[int, int]] = {}
        while True:
            async with self._engine.connect() as conn:
                rows = await conn.execute(_MEMBERS, {"numbers": sorted(numbers - found.keys())})
                found |= {row.number: (row.id, row.union_id) for row in rows}
                arrived = int(await conn.scalar(_ARRIVED) or 0)
            if arrived != self._seen:
                self._seen, self._quiet_since = arrived, time.monotonic()
            if len(found) == len(numbers) or time.monotonic() - self._quiet_since > self._wait_s:
                return found
            await asyncio.sleep(0.5)
