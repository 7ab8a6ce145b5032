"""The sender's own sheet with a column that says what to mend."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import xlsxwriter

from member_svc.imports.columns import ERROR_HEADER
from member_svc.imports.workbook import as_cell


def error_sheet(kept: Mapping[str, Any]) -> bytes:
    """Rows in their lines and columns as they were sent, bad ones coloured, with ``错误信息`` as the last column.

    ``kept`` is what :func:`member_svc.imports.receiving.keep_refused` stored.
    """
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
