"""Sheets of premium batches. Every cell is text: no cell is a formula, and amounts are in yuan as people read them."""

from collections.abc import Callable, Sequence
from typing import Any

from insurance_svc.batches.rules import STATE_LABELS, yuan
from insurance_svc.seasons.rules import SCHEME_NAMES
from unioncard import sheets
from unioncard.contracts.insurance import PremiumState
from unioncard.sheets import MAX_ROWS as MAX_ROWS
from unioncard.sheets import XLSX as XLSX
from unioncard.sheets import moment

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


def batches(rows: Sequence[Any]) -> bytes:
    """The list of batches as a workbook."""
    return sheet("参保批次", _BATCHES, rows)


def sheet(title: str, columns: Columns, rows: Sequence[Any], heading: Sequence[tuple[str, str]] = ()) -> bytes:
    """A workbook of one page: what it is about line by line, then the table."""
    headings = [(name, width) for name, width, _ in columns]
    return sheets.sheet(title, headings, ([shown(row) for _, _, shown in columns] for row in rows), heading)
