"""Letting members go: checked whole, then done whole and at once, or refused whole (domain 3).

The union's own act, without a second pair of eyes; card and cover stay as they are and go with the member.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from member_svc.imports import store as imports
from member_svc.imports.error_sheet import sealed_sheet
from member_svc.imports.workbook import Sheet
from member_svc.members.events import publish_members
from member_svc.members.sealing import Sealing
from member_svc.transfer_outs import store
from member_svc.transfer_outs.columns import OutField
from member_svc.transfer_outs.models import ChosenMembers, TransferOutKind, TransferOutState, TransferOutView
from member_svc.transfer_outs.rules import Found, OutRow, fault, read_row, repeated
from unioncard.contracts.members import MemberState
from unioncard.crypto import TransportSealer
from unioncard.documents import DocumentError, DocumentType, normalise_document
from unioncard.principal import Principal
from unioncard.problems import Problem, RowError, conflict, not_found
from unioncard.unit_of_work import Transaction


class BadRows(Exception):
    """Some members cannot be let go; nothing was changed."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("bad rows")
        self.errors = sorted(errors, key=lambda error: error.line)

    def problem(self, transfer_out_id: int | None = None) -> Problem:
        """Every bad row at once. ``transfer_out_id`` names the record that gives the sheet back with its errors."""
        lines = len({error.line for error in self.errors})
        sheet = f"/transfer-outs/{transfer_out_id}/errors.xlsx"
        return Problem(
            422,
            "bad-rows",
            f"有 {lines} 行不能转出，本次没有转出任何会员",
            "请按各行提示修改后重新提交；文件须整份重新上传。",
            rows=self.errors,
            extra={"transfer_out_id": transfer_out_id, "errors_sheet": sheet} if transfer_out_id else {},
        )


class Asked:
    """Rows after the check that needs no database, with what each document may be stored as."""

    def __init__(self, rows: Sequence[OutRow], errors: Sequence[RowError], count: int, hashes: dict[int, list[str]]):
        self.rows = list(rows)
        self.errors = list(errors)
        self.count = count
        self.hashes = hashes


def chosen_rows(chosen: ChosenMembers) -> Asked:
    """Members chosen in the list; the first is line 1."""
    rows = [OutRow(n, chosen.reason, chosen.note, member_id=id_) for n, id_ in enumerate(chosen.member_ids, start=1)]
    return Asked(rows, [], len(rows), {})


def sheet_rows(sheet: Sheet[OutField], today: date, sealing: Sealing) -> Asked:
    """All rows of a sheet; for a worker thread, since a thousand rows take a while."""
    rows: list[OutRow] = []
    errors: list[RowError] = []
    for one in sheet.rows:
        row, wrong = read_row(one.line, sheet.cells(one))
        errors.extend(wrong)
        if row is not None:
            rows.append(row)
    hashes = {row.line: _stored_as(row.document, today, sealing) for row in rows}
    return Asked(rows, errors, len(sheet.rows), hashes)


def _stored_as(document: str, today: date, sealing: Sealing) -> list[str]:
    """The type is not asked for, and 15 digits may stand for 18."""
    hashes = sealing.document_hashes(DocumentType.OTHER, document)
    for kind in DocumentType:
        try:
            hashes += sealing.document_hashes(kind, normalise_document(kind, document, today).number)
        except DocumentError:
            continue
    return hashes


async def let_go(
    tx: Transaction,
    principal: Principal,
    asked: Asked,
    sealing: Sealing,
    sealer: TransportSealer,
    *,
    kind: TransferOutKind,
    file_name: str,
) -> TransferOutView:
    """Let all of them go, or raise :class:`BadRows` or a problem. A fixed number of statements."""
    union = await imports.lock_union(tx.conn, principal.organisation_id)
    if union is None:
        raise not_found("您所属的工会")
    hashes = [hashed for versions in asked.hashes.values() for hashed in versions]
    ids = [row.member_id for row in asked.rows if row.member_id is not None]
    stored = await store.found(tx.conn, union["id"], hashes, ids)
    members = await asyncio.to_thread(_matched, asked, stored, sealing)
    errors = asked.errors + repeated(asked.rows, members)
    errors += [error for row, one in zip(asked.rows, members, strict=True) if (error := fault(row, one))]
    if errors:
        raise BadRows(errors)
    values = {
        "union_id": union["id"],
        "kind": kind.value,
        "state": TransferOutState.DONE.value,
        "file_name": file_name,
        "rows": len(asked.rows),
        "bad_rows": 0,
        "asked_by": principal.account_id,
        "asked_at": tx.now,
    }
    transfer_out_id = await store.insert(tx.conn, values)
    rows = [
        {"line": row.line, "member_id": member.id, "reason": row.reason.value, "note": row.note}
        for row, member in zip(asked.rows, members, strict=True)
        if member is not None
    ]
    gone = await store.let_go(tx.conn, union["id"], rows)
    if len(gone) < len(rows):
        # A superior's approval came between our look and now.
        raise conflict("transfer-out-overtaken", "其中的会员刚刚被其他操作占用", "请重新提交一次，系统会指出是哪些行。")
    await store.insert_items(tx.conn, transfer_out_id, rows)
    await publish_members(tx, gone, union["id"], sealing, sealer)
    reasons: dict[str, Any] = dict(Counter(row.reason.value for row in asked.rows))
    tx.audit(
        "members.transfer-out",
        f"transfer-out:{transfer_out_id}",
        organisation_id=union["id"],
        after={"members": len(rows), "reasons": reasons},
    )
    return TransferOutView.model_validate(values | {"id": transfer_out_id, "union_name": union["name"]})


def _matched(asked: Asked, stored: Sequence[sa.RowMapping], sealing: Sealing) -> list[Found | None]:
    """Row by row, the union's member it stands for."""
    opened = {row["id"]: _opened(row, sealing) for row in stored}
    by_hash = {row["document_hash"]: row["id"] for row in stored}
    ids = [
        row.member_id
        if row.member_id is not None
        else next((by_hash[one] for one in asked.hashes[row.line] if one in by_hash), None)
        for row in asked.rows
    ]
    return [opened.get(id_) if id_ is not None else None for id_ in ids]


def _opened(row: sa.RowMapping, sealing: Sealing) -> Found:
    plain = sealing.open(row["id"], row)
    return Found(
        id=row["id"],
        name=plain["name"],
        document=plain["document_number"],
        number=row["number"],
        state=MemberState(row["state"]),
        waiting=row["waiting"],
    )


async def keep_refused(
    tx: Transaction,
    principal: Principal,
    sheet: Sheet[OutField],
    bad: BadRows,
    sealing: Sealing,
    *,
    request: str,
    file_name: str,
) -> int:
    """Keep the sender's cells with their errors, encrypted, so that the sheet can be given back. Returns the id."""
    request_key = f"{principal.account_id}/{request}"
    sealed = await asyncio.to_thread(sealed_sheet, sealing, "transfer_out_sheet", request_key, sheet, bad.errors)
    bad_rows = len({error.line for error in bad.errors})
    transfer_out_id = await store.keep_refused(
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
    tx.audit(
        "members.transfer-out-refused-by-check",
        f"transfer-out:{transfer_out_id}",
        organisation_id=principal.organisation_id,
        after={"rows": len(sheet.rows), "bad_rows": bad_rows},
    )
    return transfer_out_id
