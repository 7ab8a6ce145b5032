"""Loading files of millions of lines, chunk by chunk, each once whatever happens in between.

What a chunk brought is recorded with its offset in the transaction that loads it, under the digest of the whole file:
a load that was killed goes on where it was, and a file that was mended is another file.
"""

import asyncio
import gc
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.chunks import Chunk, Source
from unioncard.tables import now_column

#: Exit code of a load that was carried through, but left lines out.
SOME_REJECTED = 3


def add_bulk_table(metadata: sa.MetaData) -> sa.Table:
    """What was loaded of which file, a row a chunk."""
    return sa.Table(
        "bulk_chunks",
        metadata,
        sa.Column("digest", sa.Text, primary_key=True, comment="SHA-256 of the whole file"),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False, comment="offset of its first line"),
        sa.Column("stop", sa.BigInteger, nullable=False, comment="offset behind its last line"),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("loaded", sa.Integer, nullable=False),
        sa.Column("known", sa.Integer, nullable=False, comment="were there already, the same"),
        sa.Column("rejected", sa.Integer, nullable=False),
        now_column("loaded_at"),
    )


@dataclass(slots=True)
class Counts:
    """What a chunk or a whole file brought, in lines."""

    lines: int = 0
    loaded: int = 0
    known: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        """Count another chunk in."""
        self.lines += other.lines
        self.loaded += other.loaded
        self.known += other.known
        self.rejected += other.rejected


@dataclass(slots=True)
class Loaded(Counts):
    """A file's load. ``resumed`` lines had been loaded before this run."""

    resumed: int = 0
    seconds: float = 0.0
    rejects: Path | None = field(default=None)

    @property
    def exit_code(self) -> int:
        """What the command that loaded the file ends with."""
        return SOME_REJECTED if self.rejected else 0

    def summary(self, noun: str) -> str:
        """One line for whoever runs the load."""
        speed = (self.lines - self.resumed) / self.seconds if self.seconds else 0.0
        text = f"{noun}: {self.lines} lines, {self.loaded} loaded, {self.known} known, {self.rejected} rejected"
        if self.resumed:
            text += f", {self.resumed} lines of them by an earlier run"
        text += f"; {self.seconds:.1f} s, {speed:,.0f} lines a second"
        return text + (f"; rejects with reasons: {self.rejects}" if self.rejects else "")


def progress(every_s: float = 5.0) -> Callable[[Counts], None]:
    """Tells on standard error how far a load is, now and then."""
    told_at = time.monotonic()

    def say(counts: Counts) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > every_s:
            told_at = time.monotonic()
            sys.stderr.write(f"… {counts.lines} lines, {counts.rejected} rejected\n")

    return say


_DONE = sa.text("SELECT start, stop, lines, loaded, known, rejected FROM bulk_chunks WHERE digest = :digest")
_NOTE = sa.text("""
    INSERT INTO bulk_chunks (digest, start, stop, lines, loaded, known, rejected)
    VALUES (:digest, :start, :stop, :lines, :loaded, :known, :rejected)
""")


async def note(conn: AsyncConnection, source: Source, chunk: Chunk, counts: Counts) -> None:
    """Record a chunk; fails (and so rolls back) where another loader has just loaded it."""
    values = {"digest": source.digest, "start": chunk.start, "stop": chunk.stop}
    counted = {name: getattr(counts, name) for name in ("lines", "loaded", "known", "rejected")}
    await conn.execute(_NOTE, values | counted)


async def done_before(conn: AsyncConnection, source: Source) -> dict[tuple[int, int], Counts]:
    """Chunks by start and stop that an earlier run loaded."""
    rows = await conn.execute(_DONE, {"digest": source.digest})
    return {(r.start, r.stop): Counts(r.lines, r.loaded, r.known, r.rejected) for r in rows}


async def load_chunks(
    source: Source,
    done: dict[tuple[int, int], Counts],
    load: Callable[[Chunk], Awaitable[Counts]],
    *,
    at_once: int,
    say: Callable[[Counts], None] = lambda _: None,
) -> Loaded:
    """Load every chunk that is not yet, a few at once; the first error ends it, and the next run goes on from there."""
    begun = time.monotonic()
    total = Loaded()
    turns = asyncio.Semaphore(at_once)

    async def one(chunk: Chunk) -> None:
        try:
            total.add(await load(chunk))
            say(total)
        finally:
            turns.release()

    async with asyncio.TaskGroup() as tasks:
        for chunk in source.chunks():
            before = done.get((chunk.start, chunk.stop))
            if before is not None:
                total.add(before)
                total.resumed += before.lines
                continue
            await turns.acquire()
            tasks.create_task(one(chunk))
    total.seconds = time.monotonic() - begun
    return total


def worker_pool(workers: int, start: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """Processes for what costs CPU; each begins with ``start(*arguments)``. They end when this process does."""
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(), start, arguments),
    )


def _begin(parent: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    # What a chunk needs makes no cycles, and looking for them takes a fifth of the time.
    gc.disable()
    # A killed parent cannot end its workers, and they would wait for it for ever.
    threading.Thread(target=watch, daemon=True).start()
    start(*arguments)
