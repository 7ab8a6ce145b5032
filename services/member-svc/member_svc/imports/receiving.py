"""Taking in rows: checked whole, then stored whole and waiting for the superior, or refused whole (domain 3)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from member_svc.imports import store
from member_svc.imports.columns import Field
from member_svc.imports.error_sheet import sealed_sheet
from member_svc.imports.matching import Asked, ItemKind, Plan, Stored, match
from member_svc.imports.models import ImportKind, ImportState, ImportView
from member_svc.imports.rules import MemberRow, read_row, repeated_in_file
from member_svc.imports.workbook import Sheet
from member_svc.members.sealing import ENCRYPTED, Sealing
from unioncard.contracts.cards import CardState
from unioncard.contracts.members import MemberState
from unioncard.principal import Principal
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows after the check that needs no database."""

    rows: list[MemberRow]
    hashes: dict[int, list[str]]
    errors: list[RowError]
    count: int


class BadRows(Exception):
    """Some rows are wrong; nothing was stored."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("bad rows")
        self.errors = sorted(errors, key=lambda error: error.line)

    def problem(self, import_id: int | None = None) -> Problem:
        """Every bad row at once. ``import_id`` names the record that gives the sheet back with its errors."""
        lines = len({error.line for error in self.errors})
        extra = {"import_id": import_id, "errors_sheet": f"/imports/{import_id}/errors.xlsx"} if import_id else {}
        return Problem(
            422,
            "bad-rows",
            f"有 {lines} 行需要修改，本次没有导入任何会员",
            "请按各行提示修改后重新提交；文件须整份重新导入。",
            rows=self.errors,
            extra=extra,
        )


def check_sheet(sheet: Sheet[Field], today: date, sealing: Sealing) -> Checked:
    """All rows of a sheet; for a worker thread, since a thousand rows take a while."""
    rows: list[MemberRow] = []
    errors: list[RowError] = []
    for one in sheet.rows:
        row, wrong = read_row(one.line, sheet.cells(one), today)
        errors.extend(wrong)
        if row is not None:
            rows.append(row)
    return Checked(rows, hashes_of(rows, sealing), errors + repeated_in_file(rows), len(sheet.rows))


def hashes_of(rows: Sequence[MemberRow], sealing: Sealing) -> dict[int, list[str]]:
    """By line, what the row's document may be stored as."""
    return {row.line: sealing.document_hashes(row.document.type, row.document.number) for row in rows}


async def take_in(
    tx: Transaction, principal: Principal, checked: Checked, sealing: Sealing, *, kind: ImportKind, file_name: str
) -> ImportView:
    """Store an import that waits for approval, or raise :class:`BadRows` or a problem. A fixed number of statements."""
    union = await store.lock_union(tx.conn, principal.organisation_id)
    if union is None:
        raise not_found("您所属的工会")
    waiting = await store.waiting_file(tx.conn, union["id"]) if kind is ImportKind.FILE else None
    if waiting is not None:
        raise conflict(
            "import-waiting",
            "上一次导入还在等待上级工会审核",
            "同一工会一次只能有一个导入；请待上级工会审核后再导入。",
            import_id=waiting,
        )
    numbers = [row.number for row in checked.rows if row.number]
    hashes = [hashed for versions in checked.hashes.values() for hashed in versions]
    found = await store.candidates(tx.conn, hashes, numbers)
    plan = await asyncio.to_thread(_plan, checked, found, union["id"], sealing)
    if checked.errors or plan.errors:
        raise BadRows(checked.errors + plan.errors)
    if not plan.asked:
        raise invalid("nothing-to-change", "没有需要导入的内容", "文件中的会员均已在册且信息一致，无需导入。")
    import_id = await _store(tx, principal, union, plan, {row["id"]: row for row in found}, sealing, kind, file_name)
    counts = {item.value: plan.count(item) for item in ItemKind} | {"unchanged": plan.unchanged}
    tx.audit("import.ask", f"import:{import_id}", organisation_id=union["id"], after=counts)
    return ImportView(
        id=import_id,
        union_id=union["id"],
        union_name=union["name"],
        superior_id=union["superior_id"],
        kind=kind,
        state=ImportState.WAITING,
        file_name=file_name,
        rows=checked.count,
        new_rows=plan.count(ItemKind.NEW),
        changed_rows=plan.count(ItemKind.CHANGE),
        returning_rows=plan.count(ItemKind.RETURN),
        unchanged_rows=plan.unchanged,
        bad_rows=0,
        approved_rows=0,
        refused_rows=0,
        asked_by=principal.account_id,
        asked_at=tx.now,
        decided_by=None,
        decided_at=None,
        reason=None,
    )


def _plan(checked: Checked, found: Sequence[sa.RowMapping], union_id: int, sealing: Sealing) -> Plan:
    return match(checked.rows, checked.hashes, [stored_member(row, sealing) for row in found], union_id)


def stored_member(row: sa.RowMapping, sealing: Sealing) -> Stored:
    """A row of ``candidates``, opened."""
    return Stored(
        id=row["id"],
        union_id=row["union_id"],
        number=row["number"],
        state=MemberState(row["state"]),
        card_state=CardState(row["card_state"]),
        waiting=row["waiting"],
        document_hash=row["document_hash"],
        values={**row, **sealing.open(row["id"], row)},
    )


async def _store(
    tx: Transaction,
    principal: Principal,
    union: sa.RowMapping,
    plan: Plan,
    raw: Mapping[int, sa.RowMapping],
    sealing: Sealing,
    kind: ImportKind,
    file_name: str,
) -> int:
    new = plan.count(ItemKind.NEW)
    ids = await store.draw_member_ids(tx.conn, new)
    members, items = await asyncio.to_thread(_sealed, plan, ids, raw, sealing)
    import_id = await store.insert_import(
        tx.conn,
        {
            "union_id": union["id"],
            "kind": kind.value,
            "state": "waiting",
            "file_name": file_name,
            "rows": len(plan.asked) + plan.unchanged,
            "new_rows": new,
            "changed_rows": plan.count(ItemKind.CHANGE),
            "returning_rows": plan.count(ItemKind.RETURN),
            "unchanged_rows": plan.unchanged,
            "bad_rows": 0,
            "asked_by": principal.account_id,
            "asked_at": tx.now,
        },
    )
    stored_members = await store.insert_members(tx.conn, union["id"], members)
    stored_items = await store.insert_items(tx.conn, import_id, items)
    if stored_members < len(members) or stored_items < len(items):
        # Another union asked for one of them between our look and now.
        raise conflict("import-overtaken", "其中的会员刚刚被其他操作占用", "请重新提交一次，系统会指出是哪些行。")
    return import_id


def _sealed(
    plan: Plan, ids: Sequence[int], raw: Mapping[int, sa.RowMapping], sealing: Sealing
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows for the tables of members and items."""
    members: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    fresh = iter(ids)
    for one in plan.asked:
        member_id = one.stored.id if one.stored else next(fresh)
        columns = sealed_columns(one, member_id, sealing)
        if one.stored is None:
            members.append({"id": member_id, **columns})
        items.append(
            {
                "line": one.row.line,
                "member_id": member_id,
                "kind": one.kind.value,
                "name_enc": sealing.encrypt("name", member_id, one.row.name),
                "document_enc": sealing.encrypt("document_number", member_id, one.row.document.number),
                "before": {column: raw[member_id][column] for column in columns} if one.stored else {},
                "changes": columns if one.stored else {},
            }
        )
    return members, items


def sealed_columns(asked: Asked, member_id: int, sealing: Sealing) -> dict[str, Any]:
    """The changed columns of the members table, what names a person encrypted and hashed."""
    columns: dict[str, Any] = {}
    for name, value in asked.changes.items():
        columns[ENCRYPTED.get(name, name)] = sealing.encrypt(name, member_id, value) if name in ENCRYPTED else value
    if "name" in asked.changes:
        columns["name_hash"] = sealing.name_hash(asked.row.name)
    if {"document_number", "document_type"} & asked.changes.keys():
        columns["document_hash"] = sealing.document_hash(asked.row.document)
    return columns


async def keep_refused(
    tx: Transaction,
    principal: Principal,
    sheet: Sheet[Field],
    bad: BadRows,
    sealing: Sealing,
    *,
    request: str,
    file_name: str,
) -> int:
    """Keep the sender's cells with their errors, encrypted, so that the sheet can be given back. Returns the id."""
    request_key = f"{principal.account_id}/{request}"
    sealed = await asyncio.to_thread(sealed_sheet, sealing, "import_sheet", request_key, sheet, bad.errors)
    bad_rows = len({error.line for error in bad.errors})
    import_id = await store.keep_refused(
        tx.conn,
        union_id=principal.organisation_id,
        file_name=file_name,
        rows=len(sheet.rows),
        bad_rows=bad_rows,
        asked_by=principal.account_id,
        asked_at=tx.now,
        request_key=request_key,
        sheet_enc=sealed,
    )
    counts = {"rows": len(sheet.rows), "bad_rows": bad_rows}
    tx.audit("import.refused-by-check", f"import:{import_id}", organisation_id=principal.organisation_id, after=counts)
    return import_id
