"""The sender's own sheet: kept encrypted when it is refused, given back with a column that says what to mend."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import orjson
import xlsxwriter

from member_svc.imports.columns import ERROR_HEADER
from member_svc.imports.workbook import Sheet, as_cell
from member_svc.members.sealing import Sealing
from unioncard.problems import RowError


def sealed_sheet(sealing: Sealing, field: str, request_key: str, sheet: Sheet[Any], errors: Sequence[RowError]) -> str:
    """The sender's cells and what is wrong with them, encrypted as the column ``field`` of the request."""
    kept = {
        "header": sheet.header,
        "rows": [[row.line, row.cells] for row in sheet.rows],
        "errors": [[error.line, error.field, error.reason, error.remedy] for error in errors],
    }
    return sealing.cipher.encrypt(field, request_key, orjson.dumps(kept).decode())


def opened_sheet(sealing: Sealing, field: str, request_key: str, sealed: str) -> bytes:
    """What :func:`sealed_sheet` kept, as a workbook for its sender."""
    return error_sheet(orjson.loads(sealing.cipher.decrypt(field, request_key, sealed)))


def error_sheet(kept: Mapping[str, Any]) -> bytes:
    """Rows in their lines and columns as they were sent, bad ones coloured, with ``错误信息`` as the last column."""
    reasons: dict[int, list[str]] = {}
    for line, field, reason, remedy in kept["errors"]:
        reasons.setdefault(line, []).append(f"{field}：{reason}，{remedy}")
    header = [str(cell) for cell in kept["header"]]
    # Sent back a second time, the sheet already has our column: it is filled anew.
    places = [place for place, name in enumerate(header) if name.strip() != ERROR_HEADER]
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    text = book.add_format({"num_format": "@"})
    bold = book.add_format({"num_format": "@", "bold": True})
    bad = book.add_format({"num_format": "@", "bg_color": "#FFC7CE"})
    sheet = book.add_worksheet("会员信息")
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(places) - 1, 16, text)
    sheet.set_column(len(places), len(places), 80, text)
    for column, place in enumerate(places):
        sheet.write_string(0, column, header[place], bold)
    sheet.write_string(0, len(places), ERROR_HEADER, bold)
    for line, cells in kept["rows"]:
        wrong = reasons.get(line)
        for column, place in enumerate(places):
            sheet.write_string(line - 1, column, _shown(cells, place), bad if wrong else text)
        if wrong:
            sheet.write_string(line - 1, len(places), "；".join(wrong), bad)
    book.close()
    return buffer.getvalue()


def _shown(cells: list[Any], place: int) -> str:
    cell = as_cell(cells[place]) if place < len(cells) else None
    return "" if cell is None else str(cell)
