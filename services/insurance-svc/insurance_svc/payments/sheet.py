"""Reads a bank statement: Excel, or CSV as the bank's counter software writes it (UTF-8 or GB18030)."""

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from insurance_svc.payments.rules import Line
from unioncard.money import MoneyError, parse_yuan
from unioncard.problems import Problem, RowError, invalid
from unioncard.spreadsheets.process import ask_reader

REFERENCE, DAY, AMOUNT, PAYER, REMARK = "流水号", "起息日", "金额", "付款人", "附言"
HEADER = (REFERENCE, DAY, AMOUNT, PAYER, REMARK)
MAX_LINES = 5000
# 9,999,999,999.99 yuan: more is a slip of the key.
MAX_FEN = 10**12

# .xlsx, and .xls
_EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_EXCEL_REMEDIES = {
    "password": "请取消文件密码后重新导入。",
    "merged": "请取消合并的单元格后重新导入。",
    "formulas": "请将公式复制后“选择性粘贴”为数值，再重新导入。",
    "too-large": "请只保留对账单的内容，另存为新文件后重新导入。",
}

Row = tuple[int, dict[str, Any]]
"""A line's number in the file, and its cells as text by column."""

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,40}")
_DAY = re.compile(r"([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})")


class _Bad(Exception):
    def __init__(self, field: str, reason: str, remedy: str) -> None:
        super().__init__(field)
        self.field, self.reason, self.remedy = field, reason, remedy


async def read(data: bytes, first_day: date, last_day: date) -> list[Line]:
    """The movements of these days; a problem (422) that names every bad row."""
    rows = await _workbook_rows(data) if data.startswith(_EXCEL) else await asyncio.to_thread(_csv_rows, data)
    return _lines(rows, first_day, last_day)


def _lines(rows: Sequence[Row], first_day: date, last_day: date) -> list[Line]:
    lines: list[Line] = []
    bad: list[RowError] = []
    seen: dict[str, int] = {}
    for number, row in rows:
        try:
            line = _line(row, first_day, last_day)
            if line.reference in seen:
                raise _Bad(REFERENCE, f"与第 {seen[line.reference]} 行重复", "同一笔流水只能出现一次")
            seen[line.reference] = number
            lines.append(line)
        except _Bad as error:
            where = str(row.get(REFERENCE) or "")[:40]
            bad.append(
                RowError(
                    line=number, name="", number=where, field=error.field, reason=error.reason, remedy=error.remedy
                )
            )
    if bad:
        title = f"对账单有 {len(bad)} 行不能导入"
        raise Problem(422, "bad-statement", title, "请按各行提示改正后重新导入；本次没有导入任何内容。", rows=bad[:200])
    return lines


def _csv_rows(data: bytes) -> list[Row]:
    reader = csv.DictReader(io.StringIO(_text(data), newline=""))
    try:
        _check_header(reader.fieldnames or [])
        rows = [(reader.line_num, row) for row in reader if any(row.values())]
    except csv.Error:
        raise invalid("statement-broken", "对账单无法读取", "请另存为 CSV（逗号分隔）后重新导入。") from None
    return _not_too_many(rows, len(rows))


async def _workbook_rows(data: bytes) -> list[Row]:
    answer = await ask_reader(data, MAX_LINES)
    if code := answer.get("refused"):
        remedy = _EXCEL_REMEDIES.get(code, "请用 Excel 或 WPS 另存为 .xlsx 或 CSV 后重新导入。")
        raise invalid("statement-broken", "对账单无法读取", remedy)
    header = [str(cell).strip() for cell in answer["header"]]
    _check_header(header)
    rows = [
        (line, {name: _as_text(cell) for name, cell in zip(header, cells, strict=False)})
        for line, cells in answer["rows"]
    ]
    return _not_too_many(rows, answer["count"])


def _as_text(cell: Any) -> str:
    """A cell as CSV would have it: a day in ISO form, an amount as it is typed; thirds of a fen stay to be refused."""
    if isinstance(cell, dict):
        return str(cell["day"])
    if isinstance(cell, float):
        text = f"{cell:.2f}".removesuffix(".00")
        return text if float(text) == cell else repr(cell)
    return "" if cell is None else str(cell)


def _not_too_many(rows: list[Row], count: int) -> list[Row]:
    if count > MAX_LINES:
        raise invalid("statement-too-long", "对账单行数过多", f"每次最多 {MAX_LINES} 行，请按日分开导入。")
    return rows


def _check_header(names: Iterable[Any]) -> None:
    if set(HEADER) - {str(name).strip() for name in names}:
        raise invalid(
            "statement-header", "对账单的列不正确", f"第一行须有：{'、'.join(HEADER)}；没有流水的日子只保留第一行。"
        )


def _text(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise invalid("statement-broken", "对账单无法读取", "请另存为 CSV（逗号分隔）后重新导入。")


def _line(row: dict[str, Any], first_day: date, last_day: date) -> Line:
    cells = {str(name).strip(): (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    reference = cells.get(REFERENCE, "")
    if not _REFERENCE.fullmatch(reference):
        raise _Bad(REFERENCE, "流水号不正确", "填写银行流水号：字母、数字和短横线，不超过 40 位")
    day = _day(cells.get(DAY, ""))
    if not first_day <= day <= last_day:
        raise _Bad(DAY, "起息日不在所选日期之内", f"本次导入的日期为 {first_day} 至 {last_day}")
    try:
        amount = parse_yuan(cells.get(AMOUNT, ""))
    except MoneyError as error:
        raise _Bad(AMOUNT, error.reason_zh, error.remedy_zh) from None
    if not 0 < amount <= MAX_FEN:
        raise _Bad(AMOUNT, "金额须大于零", "只导入收款流水；付款请不要放入")
    return Line(reference, day, amount, cells.get(PAYER, "")[:200], cells.get(REMARK, "")[:500])


def _day(text: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise _Bad(DAY, "起息日不正确", "填写日期，如 2020-01-20")
