"""Files of millions of lines: read in chunks that are the same each time, loaded once whatever happens in between.

A chunk is a stretch of whole lines of the file. What a chunk brought is recorded with its offset in the transaction
that loads it, under the digest of the whole file: a load that was killed goes on where it was, and a file that was
mended is another file. Rejected lines go to a CSV file that can be mended and loaded in its turn.
"""

import asyncio
import csv
import gc
import hashlib
import io
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.tables import now_column

# Some 10,000 lines of members.
CHUNK_BYTES = 2_000_000
_COPIED = 1 << 20
REJECT_COLUMNS = ("reject_line", "reject_column", "reject_reason", "reject_remedy")


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


class BadSource(Exception):
    """The file as a whole cannot be loaded; says what to do, in Chinese."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that was not loaded. ``column`` is the header at fault; reason and remedy in Chinese."""

    line: int
    column: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines from ``start`` to ``stop`` (byte offsets); the first has the number ``first_line``."""

    start: int
    stop: int
    first_line: int
    lines: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose header was understood. Goes to other processes."""

    path: Path
    digest: str
    header: tuple[str, ...]
    start: int

    def chunks(self) -> Iterator[Chunk]:
        """The same chunks each time, in order."""
        start, line = self.start, 2
        with self.path.open("rb") as file:
            file.seek(start)
            while block := file.read(CHUNK_BYTES) + file.readline():
                lines = block.count(b"\n") + (not block.endswith(b"\n"))
                yield Chunk(start, start + len(block), line, lines)
                start, line = start + len(block), line + lines

    def rows(self, chunk: Chunk) -> tuple[list[tuple[int, dict[str, str]]], list[Reject]]:
        """The chunk's lines by number, cells by header; lines that are no rows are rejected, empty ones left out."""
        rows: list[tuple[int, dict[str, str]]] = []
        rejects: list[Reject] = []
        for number, line in self.lines(chunk):
            cells = _cells(line)
            if cells is None:
                rejects.append(Reject(number, self.header[0], "引号不成对或编码不是 UTF-8", "请改正；单元格内不能换行"))
            elif len(cells) != len(self.header):
                reason = f"该行有 {len(cells)} 列，表头有 {len(self.header)} 列"
                rejects.append(Reject(number, self.header[-1], reason, "请检查是否有未加引号的逗号"))
            else:
                rows.append((number, dict(zip(self.header, cells, strict=True))))
        return rows, rejects

    def lines(self, chunk: Chunk) -> Iterator[tuple[int, str]]:
        """The chunk's lines as they stand, without line ends; bytes that are no UTF-8 become ``\\ufffd``."""
        with self.path.open("rb") as file:
            file.seek(chunk.start)
            block = file.read(chunk.stop - chunk.start)
        for number, line in enumerate(block.decode(errors="replace").split("\n"), start=chunk.first_line):
            if line.strip():
                yield number, line.removesuffix("\r")


def _cells(line: str) -> list[str] | None:
    if "\ufffd" in line:
        return None
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader((line,), strict=True))
    except csv.Error:
        return None


def open_source(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Source:
    """Read the file's digest and header; raises :class:`BadSource`. Columns may stand in any order."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            digest = hashlib.sha256(first)
            while block := file.read(_COPIED):
                digest.update(block)
        header = tuple(cell.strip() for cell in next(csv.reader((first.decode("utf-8-sig").rstrip("\r\n"),)), []))
    except OSError as error:
        raise BadSource(f"无法读取 {path}：{error.strerror}，请核对路径和权限") from None
    except (UnicodeDecodeError, csv.Error):
        raise BadSource(f"{path.name} 不是 UTF-8 编码的 CSV，请另存为“CSV UTF-8”后重新加载") from None
    missing = [name for name in required if name not in header]
    unknown = [name for name in header if name not in (*required, *optional, *REJECT_COLUMNS)]
    if missing or unknown or len(set(header)) < len(header):
        wrong = f"缺少 {'、'.join(missing) or '无'}；多出 {'、'.join(unknown) or '无'}"
        raise BadSource(f"{path.name} 的表头不符：{wrong}；每列一次，应为 {','.join((*required, *optional))}")
    return Source(path, digest.hexdigest(), header, len(first))


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


class RejectFile:
    """``<name>.rejects.csv``: put together at the end from a part for each chunk.

    A part is written before its chunk commits, under the chunk's offset: a chunk that comes again writes it again, so
    every reject is there once. Readable by its owner alone, since it holds what the source holds.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        self._source = source
        self._parts = folder / f".{source.path.stem}.{source.digest[:16]}"
        self.path = folder / f"{source.path.stem}.rejects.csv"
        folder.mkdir(parents=True, exist_ok=True)
        self._parts.mkdir(mode=0o700, exist_ok=True)

    def write(self, chunk: Chunk, rejects: Sequence[Reject]) -> None:
        """The chunk's rejects, with their lines as they stand."""
        wanted = {one.line for one in rejects}
        lines = {number: line for number, line in self._source.lines(chunk) if number in wanted} if wanted else {}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for one in sorted(rejects, key=lambda reject: reject.line):
            cells = _cells(lines[one.line]) or [lines[one.line]]
            kept = [c for c, name in zip(cells, self._source.header, strict=False) if name not in REJECT_COLUMNS]
            writer.writerow([one.line, one.column, one.reason, one.remedy, *kept])
        _write_private(self._parts / f"{chunk.start:015d}", text.getvalue().encode())

    def finish(self, rejected: int) -> Path | None:
        """One file in order of the lines; None where nothing was rejected. May be called again."""
        parts = sorted(part for part in self._parts.iterdir() if part.stat().st_size)
        if parts:
            own = [name for name in self._source.header if name not in REJECT_COLUMNS]
            header = ",".join([*REJECT_COLUMNS, *own]) + "\n"
            _write_private(self.path, header.encode(), *(part.read_bytes() for part in parts))
        elif not rejected:
            self.path.unlink(missing_ok=True)
        # All parts or none: with some of them gone, another run would put too few together.
        forgotten = self._parts.with_suffix(".done")
        shutil.rmtree(forgotten, ignore_errors=True)
        self._parts.rename(forgotten)
        shutil.rmtree(forgotten)
        return self.path if rejected else None


def _write_private(path: Path, *content: bytes) -> None:
    """The whole file or none of it, for its owner alone."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(content)
    os.replace(fresh, path)


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
