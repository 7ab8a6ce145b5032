"""Reads a bank statement: CSV as the bank's counter software writes it (UTF-8 or GB18030)."""

import csv
import io
import re
from datetime import date
from typing import Any

from insurance_svc.payments.rules import Line
from unioncard.money import MoneyError, parse_yuan
from unioncard.problems import Problem, RowError, invalid

REFERENCE, DAY, AMOUNT, PAYER, REMARK = "流水号", "起息日", "金额", "付款人", "附言"
HEADER = (REFERENCE, DAY, AMOUNT, PAYER, REMARK)
MAX_LINES = 5000
# 9,999,999,999.99 yuan: more is a slip of the key.
MAX_FEN = 10**12

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,40}")
_DAY = re.compile(r"([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})")


class _Bad(Exception):
    def __init__(self, field: str, reason: str, remedy: str) -> None:
        super().__init__(field)
        self.field, self.reason, self.remedy = field, reason, remedy


def read(data: bytes, first_day: date, last_day: date) -> list[Line]:
    """The movements of these days; a problem (422) that names every bad row."""
    lines: list[Line] = []
    bad: list[RowError] = []
    seen: dict[str, int] = {}
    for number, row in _rows(data):
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


def _rows(data: bytes) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(_text(data), newline=""))
    try:
        if reader.fieldnames is None or missing_columns(reader.fieldnames):
            raise invalid(
                "statement-header", "对账单的列不正确", f"第一行须有：{'、'.join(HEADER)}；没有流水的日子只保留第一行。"
            )
        rows = [(reader.line_num, row) for row in reader if any(row.values())]
    except csv.Error:
        raise invalid("statement-broken", "对账单无法读取", "请另存为 CSV（逗号分隔）后重新导入。") from None
    if len(rows) > MAX_LINES:
        raise invalid("statement-too-long", "对账单行数过多", f"每次最多 {MAX_LINES} 行，请按日分开导入。")
    return rows


def missing_columns(names: Any) -> set[str]:
    """Columns that a statement must have and this one has not."""
    return set(HEADER) - {str(name).strip() for name in names}


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
