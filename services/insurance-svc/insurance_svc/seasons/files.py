"""The files of a season: prices, benefits, calendar and central enterprises as CSV (UTF-8, also with BOM).

Amounts are in yuan, days are ``2019-11-01``, every row names its source. Columns by header, see :data:`SHEETS`.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from insurance_svc.seasons.rules import PHASE_NAMES, SCHEME_NAMES
from insurance_svc.seasons.tables import BENEFITS, CALENDAR, CENTRAL_ENTERPRISES, RATES
from unioncard.contracts.insurance import Phase
from unioncard.money import MoneyError, parse_yuan

SHOWN = 100
FIRST_YEAR, LAST_YEAR = 2000, 2999

# What the 2014 scheme calls the unions' window.
_SAME_PHASE = {"window": Phase.UNION_WINDOW.value}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with a line of a file, and how to mend it."""

    file: str
    line: int
    column: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file} 第 {self.line} 行，列 {self.column}：{self.reason}；{self.remedy}"


class BadSeason(Exception):
    """Nothing was loaded; every bad line is named (the first 100 are shown)."""

    def __init__(self, lines: list[BadLine]) -> None:
        more = f"\n……另有 {len(lines) - SHOWN} 处错误" if len(lines) > SHOWN else ""
        super().__init__("\n".join(str(line) for line in lines[:SHOWN]) + more)
        self.lines = lines


@dataclass
class Cells:
    """A line's cells, read one by one; what is wrong gathers in ``bad``."""

    file: str
    line: int
    raw: Mapping[str, str | None]
    bad: list[BadLine] = field(default_factory=list)

    def text(self, column: str) -> str:
        """A cell without the spaces around it."""
        return (self.raw.get(column) or "").strip()

    def wrong(self, column: str, reason: str, remedy: str) -> None:
        """Note what is wrong with a cell."""
        self.bad.append(BadLine(self.file, self.line, column, reason, remedy))

    def matching(self, column: str, pattern: str, remedy: str) -> str:
        """A text of that form."""
        text = self.text(column)
        if not re.fullmatch(pattern, text):
            self.wrong(column, "内容为空或格式不正确", remedy)
        return text

    def one_of(self, column: str, known: Mapping[str, Any]) -> str:
        """One of these texts."""
        text = self.text(column)
        if text not in known:
            self.wrong(column, f"“{text[:40]}”不在可选范围内", f"请填写 {'、'.join(known)} 之一")
        return text

    def year(self) -> int:
        """保障年度."""
        text = self.text("coverage_year")
        if not re.fullmatch("[0-9]{4}", text) or not FIRST_YEAR <= int(text) <= LAST_YEAR:
            self.wrong("coverage_year", "年度不正确", f"请填写 {FIRST_YEAR} 至 {LAST_YEAR} 之间的年度")
            return 0
        return int(text)

    def fen(self, column: str, *, optional: bool = False) -> int | None:
        """An amount in yuan as fen; None for an empty optional one, and for a wrong one."""
        text = self.text(column)
        if optional and not text:
            return None
        try:
            amount = parse_yuan(text)
        except MoneyError as error:
            self.wrong(column, error.reason_zh, error.remedy_zh)
            return None
        if not 0 <= amount < 10**12:
            self.wrong(column, "金额超出范围", "请填写不小于 0 的金额")
        return amount

    def day(self, column: str) -> date | None:
        """A day, or None for an open end."""
        text = self.text(column)
        if not text:
            return None
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.wrong(column, "日期不正确", "请填写如 2019-11-01 的日期")
        return day


def _class_code(cells: Cells) -> str:
    return cells.matching("class", r"[A-Z]{1,20}\+?", "请填写大写字母的档次，如 A 或 B+")


def _rate(cells: Cells) -> dict[str, Any]:
    fee = cells.fen("fee_yuan")
    subsidy = cells.fen("subsidy_yuan", optional=True)
    central = cells.fen("central_enterprise_subsidy_yuan", optional=True)
    # The 2014 source gives the fee alone: the subsidy is taken as 0 and marked as assumed.
    assumed = not cells.text("subsidy_yuan") and not cells.text("central_enterprise_subsidy_yuan")
    if not assumed and (subsidy is None or central is None) and not cells.bad:
        cells.wrong("subsidy_yuan", "两种补贴只填写了一种", "请同时填写两种补贴；均无依据时都留空")
    if fee is not None:
        if fee == 0:
            cells.wrong("fee_yuan", "保费为 0", "请填写大于 0 的金额")
        if max(subsidy or 0, central or 0) > fee:
            cells.wrong("subsidy_yuan", "补贴超过保费", "请核对金额")
    return {
        "coverage_year": cells.year(),
        "class_code": _class_code(cells),
        "term": cells.one_of("term", {"full": 0, "half": 0}),
        "fee_fen": fee,
        "subsidy_fen": subsidy or 0,
        "central_subsidy_fen": central or 0,
        "assumed": assumed,
    }


def _benefit(cells: Cells) -> dict[str, Any]:
    return {
        "coverage_year": cells.year(),
        "class_code": _class_code(cells),
        "benefit": cells.matching("benefit", "[a-z][a-z_]{0,59}", "请填写小写字母和下划线，如 critical_illness"),
        "amount_fen": cells.fen("amount_yuan"),
        "per": cells.one_of("per", {"event": 0, "day": 0}),
        "limit_fen": cells.fen("limit_yuan", optional=True),
        "note": cells.text("note"),
    }


def _phase(cells: Cells) -> dict[str, Any]:
    scheme, named = cells.one_of("scheme", SCHEME_NAMES), cells.text("phase")
    phase = _SAME_PHASE.get(named, named)
    if phase not in PHASE_NAMES:
        cells.one_of("phase", PHASE_NAMES)
    first, last = cells.day("first_day"), cells.day("last_day")
    if not cells.text("first_day") and not cells.text("last_day"):
        cells.wrong("last_day", "首日和末日均为空", "请至少填写一个日期")
    if first and last and last < first:
        cells.wrong("last_day", "末日早于首日", "请核对日期")
    return {
        "scheme": scheme,
        "coverage_year": cells.year(),
        "phase": phase,
        "district_id": 0,
        "first_day": first,
        "last_day": last,
    }


def _central_enterprise(cells: Cells) -> dict[str, Any]:
    return {
        "coverage_year": cells.year(),
        "district_code": cells.matching("district_code", "[0-9]{3}", "请填写 3 位区局编号"),
        "name": cells.matching("name", ".{1,200}", "请填写单位名称"),
    }


@dataclass(frozen=True, slots=True)
class Sheet:
    """One of a season's files: its columns, and the table, key and facts of a row."""

    file: str
    columns: tuple[str, ...]
    table: sa.Table
    key: tuple[str, ...]
    facts: tuple[str, ...]
    read: Callable[[Cells], dict[str, Any]]

    def key_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What there is one row of."""
        return tuple(row[name] for name in self.key)

    def facts_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What the row says of it."""
        return tuple(row[name] for name in self.facts)


_RATE_COLUMNS = "coverage_year class term fee_yuan subsidy_yuan central_enterprise_subsidy_yuan source"
_BENEFIT_COLUMNS = "coverage_year class benefit amount_yuan per limit_yuan note source"

SHEETS = (
    Sheet(
        "rates.csv",
        tuple(_RATE_COLUMNS.split()),
        RATES,
        ("coverage_year", "class_code", "term"),
        ("fee_fen", "subsidy_fen", "central_subsidy_fen", "assumed"),
        _rate,
    ),
    Sheet(
        "benefits.csv",
        tuple(_BENEFIT_COLUMNS.split()),
        BENEFITS,
        ("coverage_year", "class_code", "benefit"),
        ("amount_fen", "per", "limit_fen", "note"),
        _benefit,
    ),
    Sheet(
        "calendars.csv",
        ("scheme", "coverage_year", "phase", "first_day", "last_day", "source"),
        CALENDAR,
        ("scheme", "coverage_year", "phase", "district_id"),
        ("first_day", "last_day"),
        _phase,
    ),
    Sheet(
        "central_enterprises.csv",
        ("coverage_year", "district_code", "name", "source"),
        CENTRAL_ENTERPRISES,
        ("coverage_year", "district_code"),
        ("name",),
        _central_enterprise,
    ),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sound row and where it stands."""

    line: int
    row: dict[str, Any]


def read_folder(folder: Path) -> dict[str, list[Loaded]]:
    """The rows of each file in the folder by its name. Raises :class:`BadSeason` naming every bad line."""
    found = [sheet for sheet in SHEETS if (folder / sheet.file).is_file()]
    if not found:
        names = "、".join(sheet.file for sheet in SHEETS)
        raise BadSeason([BadLine(str(folder), 0, "-", "文件夹中没有可加载的文件", f"应有 {names} 中的一个或几个")])
    bad: list[BadLine] = []
    rows = {sheet.file: _read(sheet, folder / sheet.file, bad) for sheet in found}
    if bad:
        raise BadSeason(bad)
    return rows


def _read(sheet: Sheet, path: Path, bad: list[BadLine]) -> list[Loaded]:
    rows: list[Loaded] = []
    seen: dict[tuple[Any, ...], int] = {}
    for cells in _lines(sheet, path, bad):
        row = sheet.read(cells) | {"source": cells.text("source")[:500]}
        if not row["source"]:
            cells.wrong("source", "没有注明依据", "请填写文件或决定的出处")
        if any("\x00" in str(value) for value in row.values()):
            cells.wrong(sheet.columns[0], "含有不允许的字符", "请删除不可见字符")
        first = seen.setdefault(sheet.key_of(row), cells.line)
        if first != cells.line and not cells.bad:
            cells.wrong(sheet.columns[0], f"与第 {first} 行重复", "请只保留一行")
        bad += cells.bad
        rows.append(Loaded(cells.line, row))
    return rows


def _lines(sheet: Sheet, path: Path, bad: list[BadLine]) -> Iterator[Cells]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="")
            found = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = found
            if sorted(found) != sorted(sheet.columns):
                remedy = f"表头应为：{','.join(sheet.columns)}"
                bad.append(BadLine(sheet.file, 1, sheet.columns[0], "表头不符", remedy))
                return
            for raw in reader:
                cells = Cells(sheet.file, reader.line_num, raw)
                if "" in raw or None in raw.values():
                    cells.wrong(sheet.columns[-1], "该行的列数与表头不同", "请检查逗号，含逗号的内容应加引号")
                    bad += cells.bad
                    continue
                yield cells
    except (UnicodeDecodeError, csv.Error):
        remedy = "请另存为“CSV UTF-8”后重新加载"
        bad.append(BadLine(sheet.file, 1, sheet.columns[0], "文件不是 UTF-8 编码的 CSV", remedy))
    except OSError as error:
        bad.append(BadLine(sheet.file, 0, "-", f"无法读取文件：{error.strerror}", "请核对路径和权限"))
