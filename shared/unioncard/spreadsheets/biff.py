"""Just enough of the old .xls format (compound file, BIFF8) to see what calamine does not tell: formulas.

Malformed input ends in ValueError or IndexError; nothing here loops for ever.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = 0xFFFFFFFA  # from here on sector numbers are marks

_EOF, _FILEPASS, _BOUNDSHEET, _FORMULA = 0x000A, 0x002F, 0x0085, 0x0006
# Records that begin with row and column: number, RK, strings, blanks, truth values, formulas, runs of them.
_CELLS = {0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x00FD, 0x00BD, 0x00BE, 0x00D6}
_BOF = 0x0809


@dataclass(slots=True)
class Found:
    """What the first visible sheet holds. Rows and columns count from 0; ``bottom`` and ``right`` are sizes."""

    encrypted: bool = False
    formulas: list[tuple[int, int]] = field(default_factory=list)
    bottom: int = 0
    right: int = 0


def workbook_stream(data: bytes) -> bytes | None:
    """The stream ``Workbook`` of a compound file, or None if it has none."""
    if len(data) < 512:
        raise ValueError("no header")
    sector, mini_sector = 1 << _u16(data, 30), 1 << _u16(data, 32)
    if sector not in (512, 4096) or mini_sector != 64:
        raise ValueError("sector size")
    fat = _fat(data, sector)
    directory = _chain(data, fat, _u32(data, 48), sector, 512)
    root: tuple[int, int] | None = None
    for position in range(0, len(directory) - 127, 128):
        entry = directory[position : position + 128]
        name = entry[: max(0, _u16(entry, 64) - 2)].decode("utf-16-le", "replace")
        start, size = _u32(entry, 116), _u32(entry, 120)
        if entry[66] == 5:
            root = (start, size)
        elif name.lower() in ("workbook", "book"):
            if size >= _u32(data, 56):
                return _chain(data, fat, start, sector, 512)[:size]
            if root is None:
                raise ValueError("no root entry")
            small = _chain(data, fat, root[0], sector, 512)
            mini_fat = _numbers(_chain(data, fat, _u32(data, 60), sector, 512))
            return _chain(small, mini_fat, start, mini_sector, 0)[:size]
    return None


def look_at_first_sheet(stream: bytes, shown: int) -> Found:
    """Walk the globals to the first visible worksheet, then that sheet."""
    found = Found()
    start: int | None = None
    for type_, body in _records(stream, 0):
        if type_ == _FILEPASS:
            found.encrypted = True
            return found
        if type_ == _BOUNDSHEET and start is None and body[4] & 3 == 0 and body[5] == 0:
            start = _u32(body, 0)
        if type_ == _EOF:
            break
    if start is None:
        return found
    depth = 0
    for type_, body in _records(stream, start):
        depth += (type_ == _BOF) - (type_ == _EOF)
        if depth == 0:
            break
        # Charts inside a sheet are streams inside its stream.
        if depth == 1 and type_ in _CELLS and len(body) >= 4:
            row, column = _u16(body, 0), _u16(body, 2)
            found.bottom, found.right = max(found.bottom, row + 1), max(found.right, column + 1)
            if type_ == _FORMULA and len(found.formulas) < shown:
                found.formulas.append((row, column))
    return found


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    while position + 4 <= len(stream):
        type_, length = _u16(stream, position), _u16(stream, position + 2)
        yield type_, stream[position + 4 : position + 4 + length]
        position += 4 + length


def _fat(data: bytes, sector: int) -> list[int]:
    """The allocation table, gathered from the header's list and its continuation."""
    numbers = list(struct.unpack_from("<109I", data, 76))
    following, left = _u32(data, 68), _u32(data, 72)
    while following < _END and left > 0:
        more = _numbers(_sector(data, following, sector, 512))
        numbers.extend(more[:-1])
        following, left = more[-1], left - 1
        if left > len(data) // sector:
            raise ValueError("more tables than file")
    return _numbers(b"".join(_sector(data, number, sector, 512) for number in numbers if number < _END))


def _chain(data: bytes, table: list[int], start: int, sector: int, header: int) -> bytes:
    parts: list[bytes] = []
    while start < _END:
        if len(parts) > len(table):
            raise ValueError("a ring of sectors")
        parts.append(_sector(data, start, sector, header))
        start = table[start]
    return b"".join(parts)


def _sector(data: bytes, number: int, sector: int, header: int) -> bytes:
    # The header fills one sector, which is larger than itself in files with large sectors.
    offset = number * sector + (max(header, sector) if header else 0)
    return data[offset : offset + sector]


def _numbers(raw: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))


def _u16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
