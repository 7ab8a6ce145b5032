"""Sheets of premium batches. Every cell is text: no cell is a formula, and amounts are in yuan as people read them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import xlsxwriter
from fastapi import Response

from insurance_svc.batches.rules import STATE_LABELS, yuan
from insurance_svc.seasons.rules import SCHEME_NAMES
from unioncard.contracts.insurance import PremiumState
from unioncard.dates import SHANGHAI

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_ROWS = 50_000

Columns = Sequence[tuple[str, int, Callable[[Any], str | None]]]

_BATCHES: Columns = (
    ("批次编号", 18, lambda row: row.number),
    ("区局", 26, lambda row: row.district_name),
    ("参保方式", 10, lambda row: SCHEME_NAMES[row.scheme]),
    ("保障年度", 10, lambda row: str(row.coverage_year)),
    ("状态", 12, lambda row: STATE_LABELS[PremiumState(row.state)]),
    ("人数", 10, lambda row: str(row.heads)),
    ("保费", 16, lambda row: yuan(row.fee_fen)),
    ("市总补贴", 16, lambda row: yuan(row.subsidy_fen)),
    ("区局承担", 16, lambda row: yuan(row.district_fen)),
    ("基层承担", 16, lambda row: yuan(row.union_fen)),
    ("清算分配款", 16, lambda row: yuan(row.credit_fen)),
    ("应缴", 16, lambda row: yuan(row.due_fen)),
    ("到账", 16, lambda row: yuan(row.received_fen)),
    ("提交时间", 18, lambda row: moment(row.submitted_at)),
    ("变更时间", 18, lambda row: moment(row.changed_at)),
    ("缴费截止日", 12, lambda row: row.due_on.isoformat() if row.due_on else None),
    ("凭证数", 8, lambda row: str(row.vouchers)),
    ("中心审核时间", 18, lambda row: moment(row.reviewed_at)),
    ("核销时间", 18, lambda row: moment(row.written_off_at)),
    ("退回或作废原因", 40, lambda row: row.void_reason or row.return_reason),
)


def moment(at: datetime | None) -> str | None:
    """An instant as staff read it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else None


def batches(rows: Sequence[Any]) -> bytes:
    """The list of batches as a workbook."""
    return sheet("参保批次", _BATCHES, rows)


def sheet(title: str, columns: Columns, rows: Sequence[Any], heading: Sequence[tuple[str, str]] = ()) -> bytes:
    """A workbook of one page: what it is about line by line, then the table."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"constant_memory": True})
    page = book.add_worksheet(title)
    bold = book.add_format({"bold": True, "bg_color": "#DDE6F0", "border": 1})
    for line, (name, value) in enumerate(heading):
        page.write_string(line, 0, name)
        page.write_string(line, 1, value)
    top = len(heading) + 1 if heading else 0
    for column, (name, width, _) in enumerate(columns):
        page.set_column(column, column, width)
        page.write_string(top, column, name, bold)
    for line, row in enumerate(rows, start=top + 1):
        for column, (_, _, shown) in enumerate(columns):
            page.write_string(line, column, shown(row) or "")
    book.close()
    return buffer.getvalue()


def download(content: bytes, name: str) -> Response:
    """A file to be saved, never shown in the page."""
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})
