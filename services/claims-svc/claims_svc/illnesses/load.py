"""``python -m claims_svc load-illnesses FOLDER``: what the files of the catalogue bring that is not there yet.

Loading never changes what stands: a row that says something else than the service knows is refused by name, since
changes take four eyes (``POST /illness-changes``). What four eyes have changed since stays. Safe to repeat.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from claims_svc.illnesses import store
from claims_svc.illnesses.tables import CATALOGUES, ILLNESSES
from unioncard.unit_of_work import Transaction

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of the catalogue: each column's form and what the table calls it; ``key`` comes first."""

    file: str
    table: sa.Table
    columns: Mapping[str, tuple[str, str, str]]
    key: int
    facts: tuple[str, ...]


_YEAR = ("coverage_year", r"2[0-9]{3}", "请填写四位年度")
_CLASS = ("class_code", r"[A-Z]{1,20}\+?", "请填写大写字母的档次，如 A 或 B+")
_SOURCE = ("source", r".{1,200}", "请填写依据")
_CONVERT: Mapping[str, Callable[[str], Any]] = {"coverage_year": int, "illnesses": int}

SHEETS = (
    Sheet(
        "catalogues.csv",
        CATALOGUES,
        {
            "coverage_year": _YEAR,
            "class": _CLASS,
            "illnesses": ("illnesses", r"[1-9][0-9]{0,2}", "请填写病种数"),
            "source": _SOURCE,
        },
        2,
        ("illnesses",),
    ),
    Sheet(
        "illnesses.csv",
        ILLNESSES,
        {
            "coverage_year": _YEAR,
            "class": _CLASS,
            "code": ("code", r"[a-z][a-z0-9_]{0,59}", "请填写小写英文代码，如 malignant_tumour"),
            "name": ("name", r"[^\x00]{1,100}", "请填写疾病名称"),
            "source": _SOURCE,
        },
        3,
        ("name",),
    ),
)


class BadCatalogue(Exception):
    """Nothing was loaded; every bad line is named (the first 100 are shown)."""

    def __init__(self, lines: list[str]) -> None:
        more = [f"……另有 {len(lines) - SHOWN} 处错误"] if len(lines) > SHOWN else []
        super().__init__("\n".join([*lines[:SHOWN], *more]))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class CatalogueLoaded:
    """How many rows of the files were new, were there, and were changed since by four eyes."""

    added: int
    same: int
    kept: int


async def load_catalogue(tx: Transaction, folder: Path) -> CatalogueLoaded:
    """Take over the folder's files, all or nothing. Raises :class:`BadCatalogue` naming every bad row."""
    bad: list[str] = []
    files = {sheet.file: _read(sheet, folder / sheet.file, bad) for sheet in SHEETS if (folder / sheet.file).exists()}
    if not files:
        bad.append(f"文件夹中没有 {' 或 '.join(sheet.file for sheet in SHEETS)}")
    await store.hold_alone(tx.conn)
    added, same, kept = 0, 0, 0
    for sheet in SHEETS:
        names = [name for name, _, _ in sheet.columns.values()]
        known = {
            tuple(row[name] for name in names[: sheet.key]): row for row in await store.all_rows(tx.conn, sheet.table)
        }
        new: list[dict[str, Any]] = []
        for line, row in files.get(sheet.file, ()):
            stands = known.get(tuple(row[name] for name in names[: sheet.key]))
            if stands is None:
                new.append(row)
            elif stands.get("version", 1) > 1:
                kept += 1
            elif all(stands[fact] == row[fact] for fact in sheet.facts):
                same += 1
            else:
                bad.append(f"{sheet.file} 第 {line} 行：与已载入的内容不同；变更须由两人办理，请提交疾病目录变更申请")
        if not bad:
            await store.add_rows(tx.conn, sheet.table, new)
        added += len(new)
    if bad:
        raise BadCatalogue(bad)
    if added:
        tx.audit("illnesses.loaded", "illnesses:all", after={"added": added, "same": same, "kept": kept})
    return CatalogueLoaded(added, same, kept)


def _read(sheet: Sheet, path: Path, bad: list[str]) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a file with their lines; what is wrong gathers in ``bad``."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        lacking = [column for column in sheet.columns if column not in (reader.fieldnames or ())]
        if lacking:
            bad.append(f"{sheet.file} 第 1 行：缺少列 {'、'.join(lacking)}")
            return []
        rows: list[tuple[int, dict[str, Any]]] = []
        seen: set[tuple[Any, ...]] = set()
        for line, raw in enumerate(reader, start=2):
            row: dict[str, Any] = {}
            for column, (name, pattern, remedy) in sheet.columns.items():
                text = (raw[column] or "").strip()
                if not re.fullmatch(pattern, text):
                    bad.append(f"{sheet.file} 第 {line} 行，列 {column}：内容为空或格式不正确；{remedy}")
                    continue
                row[name] = _CONVERT.get(name, str)(text)
            if len(row) == len(sheet.columns):
                key = tuple(list(row.values())[: sheet.key])
                if key in seen:
                    bad.append(f"{sheet.file} 第 {line} 行：与前面的行重复；请删除其中一行")
                seen.add(key)
                rows.append((line, row))
    return rows
