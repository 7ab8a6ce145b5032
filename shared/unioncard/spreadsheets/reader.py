"""Reads one untrusted Excel file: standard input in, JSON out, in a process of its own with bounded memory and time.

A file can be made to unpack to gigabytes, to claim a cell at XFD1048576, or to crash its reader; whatever happens
here happens to nobody else. The limits are checked before calamine sees the file, and what it sees is exactly what
was checked. Answers ``{"rows": …}`` or ``{"refused": code, …}``.
"""

import datetime as dt
import io
import json
import re
import resource
import sys
import zipfile
import zlib
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

import python_calamine

from unioncard.spreadsheets import biff

MAX_UNPACKED = 64 * 1024 * 1024
MAX_PARTS = 1000
MAX_LINES = 70_000
MAX_COLUMNS = 200
MAX_CELLS = 1_000_000
MAX_TEXT = 1000
MEMORY = 1024 * 1024 * 1024
SHOWN = 20

_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


class Refused(Exception):
    """The file cannot be taken as a whole; ``code`` says why, ``where`` names cells."""

    def __init__(self, code: str, where: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.where = where or []


def main(limit: int) -> None:
    """Read standard input and answer at most ``limit`` rows below the header, with the count of all."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (15, 15))
    try:
        answer = read(sys.stdin.buffer.read(), limit)
    except Refused as refused:
        answer = {"refused": refused.code, "where": refused.where}
    except python_calamine.PasswordError:
        answer = {"refused": "password", "where": []}
    except (python_calamine.CalamineError, zipfile.BadZipFile, zlib.error, expat.ExpatError, ET.ParseError):
        answer = {"refused": "broken", "where": []}
    except (ValueError, KeyError, IndexError, OSError, EOFError, NotImplementedError):
        answer = {"refused": "broken", "where": []}
    except MemoryError:
        answer = {"refused": "too-large", "where": []}
    sys.stdout.write(json.dumps(answer, ensure_ascii=True))


def read(data: bytes, limit: int) -> dict[str, Any]:
    """The first visible sheet: its header cells and the rows below that are not empty."""
    if not data:
        raise Refused("empty")
    if data.startswith(b"PK"):
        data = checked_xlsx(data)
    elif data.startswith(biff.SIGNATURE):
        check_xls(data)
    else:
        raise Refused("not-excel")
    book = python_calamine.load_workbook(io.BytesIO(data))
    sheet = book.get_sheet_by_name(_first_visible(book))
    if merged := sheet.merged_cell_ranges:
        raise Refused("merged", [f"{_cell(*first)}:{_cell(*last)}" for first, last in merged[:SHOWN]])
    if sheet.total_height > MAX_LINES or sheet.total_width > MAX_COLUMNS:
        raise Refused("too-large")
    lines = sheet.to_python(skip_empty_area=False)
    if not any(_filled(line) for line in lines):
        raise Refused("empty")
    rows = [(number, line) for number, line in enumerate(lines[1:], start=2) if _filled(line)]
    return {
        "header": [_plain(cell) for cell in lines[0]],
        "rows": [[number, [_plain(cell) for cell in line]] for number, line in rows[:limit]],
        "count": len(rows),
    }


def _first_visible(book: python_calamine.CalamineWorkbook) -> str:
    for sheet in book.sheets_metadata:
        if (
            sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
            and sheet.visible == python_calamine.SheetVisibleEnum.Visible
        ):
            return sheet.name
    raise Refused("empty")


def _filled(line: list[Any]) -> bool:
    return any(cell is not None and (not isinstance(cell, str) or cell.strip()) for cell in line)


def _plain(cell: Any) -> Any:
    """Text, number or truth value as they are; a day as ``{"day": "1990-01-31"}``."""
    if isinstance(cell, dt.datetime):
        return {"day": cell.date().isoformat()} if cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.date):
        return {"day": cell.isoformat()}
    if isinstance(cell, str):
        return cell[:MAX_TEXT]
    return cell if isinstance(cell, bool | int | float) else str(cell)


def _cell(row: int, column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


# -- .xlsx ---------------------------------------------------------------------------------------------------------


def checked_xlsx(data: bytes) -> bytes:
    """The same file with nothing in it that was not unpacked and counted here; refuses bombs and formulas."""
    parts = _unpacked(data)
    _check_sheet(parts[_sheet_part(parts)])
    rebuilt = io.BytesIO()
    with zipfile.ZipFile(rebuilt, "w", zipfile.ZIP_STORED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return rebuilt.getvalue()


def _unpacked(data: bytes) -> dict[str, bytes]:
    """Every part, unpacked with a bound on the sum: what the archive says of its sizes proves nothing."""
    left = MAX_UNPACKED
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_PARTS or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise Refused("too-large")
        for entry in entries:
            if entry.flag_bits & 1:
                raise Refused("password")
            with archive.open(entry) as file:
                body = file.read(left + 1)
            left -= len(body)
            if left < 0:
                raise Refused("too-large")
            parts[entry.filename] = body
    if "xl/workbook.xml" not in parts:
        raise Refused("not-excel")
    return parts


def _sheet_part(parts: dict[str, bytes]) -> str:
    """The part of the first visible sheet."""
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in ET.fromstring(parts["xl/_rels/workbook.xml.rels"])  # noqa: S314  # bounded process
    }
    for element in ET.fromstring(parts["xl/workbook.xml"]).iter():  # noqa: S314  # bounded process
        if element.tag.rpartition("}")[2] == "sheet" and element.get("state", "visible") == "visible":
            target = targets.get(element.get(_RELATION) or element.get(_STRICT_RELATION), "")
            if "worksheets/" in target:
                return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise Refused("empty")


def _check_sheet(body: bytes) -> None:
    """Refuse formulas and cells far outside of any roster: calamine lays the sheet out as one dense rectangle."""
    formulas: list[str] = []
    here = "?"
    bottom = right = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal here, bottom, right
        name = tag.rpartition(":")[2]
        if name == "c":
            here = attributes.get("r", "?")
            found = _REFERENCE.fullmatch(here)
            if found:
                bottom = max(bottom, int(found[2]))
                right = max(right, _column_number(found[1]))
                if bottom > MAX_LINES or right > MAX_COLUMNS or bottom * right > MAX_CELLS:
                    raise Refused("too-large")
        elif name == "f" and len(formulas) < SHOWN:
            formulas.append(here)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(body, True)
    if formulas:
        raise Refused("formulas", formulas)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


# -- .xls ----------------------------------------------------------------------------------------------------------


def check_xls(data: bytes) -> None:
    """Refuse formulas, passwords and far cells in the first visible sheet."""
    stream = biff.workbook_stream(data)
    if stream is None:
        # Since 2007 a password turns an .xlsx into this container, without a workbook stream.
        raise Refused("password" if b"E\0n\0c\0r\0y\0p\0t" in data else "not-excel")
    found = biff.look_at_first_sheet(stream, SHOWN)
    if found.encrypted:
        raise Refused("password")
    if found.bottom > MAX_LINES or found.right > MAX_COLUMNS or found.bottom * found.right > MAX_CELLS:
        raise Refused("too-large")
    if found.formulas:
        raise Refused("formulas", [_cell(row, column) for row, column in found.formulas])


if __name__ == "__main__":
    main(int(sys.argv[1]))
