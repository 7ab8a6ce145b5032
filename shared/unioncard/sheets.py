"""Lists as Excel workbooks."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Any

import xlsxwriter

from unioncard.dates import SHANGHAI
from unioncard.money import Fen, format_yuan
from unioncard.problems import Problem, invalid

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_ROWS = 50_000

Column = tuple[str, int]
"""A heading and its width in characters."""


def sheet(
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | int | date | None]],
    heading: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A workbook of one page: what it is about, line by line, then the table. Blocking: run it in a thread.

    Text stays text (18 digits must not become 3.1E+17, and no cell is a formula), counts are numbers, None is empty.
    """
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"constant_memory": True})
    page = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "bg_color": "#DDE6F0", "border": 1})
    for line, (what, value) in enumerate(heading):
        page.write_string(line, 0, what)
        page.write_string(line, 1, value)
    top = len(heading) + 1 if heading else 0
    for column, (title, width) in enumerate(columns):
        page.set_column(column, column, width)
        page.write_string(top, column, title, bold)
    page.freeze_panes(top + 1, 0)
    for line, row in enumerate(rows, start=top + 1):
        for column, cell in enumerate(row):
            if isinstance(cell, int):
                page.write_number(line, column, cell)
            elif cell is not None:
                page.write_string(line, column, cell if isinstance(cell, str) else cell.isoformat())
    book.close()
    return buffer.getvalue()


def moment(at: datetime | None) -> str | None:
    """An instant as staff read it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else None


def yuan(amount_fen: Any) -> str:
    """An amount in yuan, with two decimals."""
    return format_yuan(Fen(amount_fen))


def too_large() -> Problem:
    """422: more rows than one sheet takes."""
    return invalid("export-too-large", "导出的记录过多", f"每次最多导出 {MAX_ROWS} 条，请缩小筛选范围。")
