"""``python -m insurance_svc load-season FOLDER``: what the files of a season bring that is not there yet.

Loading never changes what stands: a row that says something else than the service knows is refused by name, since
changes take four eyes (``POST /rule-changes``). What four eyes have changed since stays as it is. Safe to repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insurance_svc.campaigns import store as campaigns
from insurance_svc.campaigns.events import tell_calendar
from insurance_svc.seasons import store
from insurance_svc.seasons.files import SHEETS, BadLine, BadSeason, Loaded, Sheet, read_folder
from unioncard.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class SeasonLoaded:
    """How many rows of the files were new, were there, and were changed since by four eyes."""

    added: int
    same: int
    kept: int


async def load_season(tx: Transaction, folder: Path) -> SeasonLoaded:
    """Take over the folder's files, all or nothing. Raises :class:`BadSeason` naming every bad row."""
    rows = read_folder(folder)
    # In ascending order, so that two loads cannot wait for one another.
    for year in sorted({one.row["coverage_year"] for sheet in rows.values() for one in sheet}):
        await store.hold_alone(tx.conn, year)
    added, same, kept = 0, 0, 0
    bad: list[BadLine] = []
    for sheet in SHEETS:
        sorted_out = _sort_out(sheet, rows.get(sheet.file, ()), await store.all_rows(tx.conn, sheet.table))
        bad += sorted_out.bad
        if not bad:
            await store.add_rows(tx.conn, sheet.table, sorted_out.new)
        added, same, kept = added + len(sorted_out.new), same + sorted_out.same, kept + sorted_out.kept
        if sheet.file == "calendars.csv" and not bad:
            await _tell_calendars(tx, sorted_out.new)
    if bad:
        raise BadSeason(bad)
    loaded = SeasonLoaded(added, same, kept)
    if added:
        tx.audit("season.loaded", "season:all", after={"added": added, "same": same, "kept": kept})
    return loaded


@dataclass(frozen=True, slots=True)
class _SortedOut:
    new: list[dict[str, Any]]
    same: int
    kept: int
    bad: list[BadLine]


def _sort_out(sheet: Sheet, loaded: Sequence[Loaded], standing: Sequence[Mapping[str, Any]]) -> _SortedOut:
    known = {sheet.key_of(row): row for row in standing}
    new: list[dict[str, Any]] = []
    bad: list[BadLine] = []
    same, kept = 0, 0
    for one in loaded:
        row = known.get(sheet.key_of(one.row))
        if row is None:
            new.append(one.row)
        elif row["version"] > 1:
            kept += 1
        elif sheet.facts_of(row) == sheet.facts_of(one.row):
            same += 1
        else:
            remedy = "已加载的内容须由两人办理变更，请提交规则变更申请，并恢复文件中的该行"
            bad.append(BadLine(sheet.file, one.line, sheet.columns[0], "与已加载的内容不同", remedy))
    return _SortedOut(new, same, kept, bad)


async def _tell_calendars(tx: Transaction, new: Sequence[Mapping[str, Any]]) -> None:
    """Plan the campaigns that the calendar now has, and tell those that run of their new rows."""
    await campaigns.plan(tx.conn)
    for scheme, year in sorted({(row["scheme"], row["coverage_year"]) for row in new}):
        await tell_calendar(tx, scheme, year, 0)
