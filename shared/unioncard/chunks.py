"""Files of millions of lines, read in chunks that are the same each time, and what of them was rejected.

A chunk is a stretch of whole lines of the file. Rejected lines go to a CSV file that can be mended and loaded in its
turn. How chunks are loaded is in :mod:`unioncard.bulk`.
"""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Some 10,000 lines of members.
CHUNK_BYTES = 2_000_000
_COPIED = 1 << 20
REJECT_COLUMNS = ("reject_line", "reject_column", "reject_reason", "reject_remedy")


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
