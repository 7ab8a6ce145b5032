"""All SQL of transfer-outs. Every function is one statement, whatever the number of members."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.organisations.tables import ORGANISATIONS
from member_svc.transfer_outs.tables import TRANSFER_OUT_ITEMS, TRANSFER_OUTS
from unioncard.auth import Scope

_T, _I, _O = TRANSFER_OUTS.c, TRANSFER_OUT_ITEMS.c, ORGANISATIONS.c

_WAITING = "EXISTS (SELECT FROM import_items i WHERE i.member_id = m.id AND i.state = 'waiting')"

_FOUND = sa.text(f"""
    SELECT m.id, m.number, m.state, m.name_enc, m.document_enc, m.document_hash, {_WAITING} AS waiting
    FROM members m
    WHERE m.union_id = :union_id AND (m.document_hash = ANY(:hashes) OR m.id = ANY(:ids))
""")  # noqa: S608  # the constant above

# The guard is the same that the check looked at: an approval may have come between.
_LET_GO = sa.text(f"""
    UPDATE members m SET union_id = NULL, state = 'without_union', version = m.version + 1, left_reason = r.reason
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(member_id bigint, reason text)
    WHERE m.id = r.member_id AND m.union_id = :union_id AND m.state = 'normal' AND NOT {_WAITING}
    RETURNING m.*
""")  # noqa: S608  # the constant above

_INSERT_ITEMS = sa.text("""
    INSERT INTO transfer_out_items (transfer_out_id, line, member_id, number, name_enc, document_enc, reason, note)
    SELECT :transfer_out_id, r.line, m.id, m.number, m.name_enc, m.document_enc, r.reason, r.note
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(line int, member_id bigint, reason text, note text)
    JOIN members m ON m.id = r.member_id
""")

_KEEP_REFUSED = sa.text("""
    INSERT INTO transfer_outs (union_id, kind, state, file_name, rows, bad_rows, asked_by, asked_at, request_key,
        sheet_enc)
    VALUES (:union_id, 'file', 'refused_by_check', :file_name, :rows, :bad_rows, :asked_by, :asked_at, :request_key,
        :sheet_enc)
    ON CONFLICT (request_key) DO UPDATE SET file_name = excluded.file_name, rows = excluded.rows,
        bad_rows = excluded.bad_rows, asked_at = excluded.asked_at, sheet_enc = excluded.sheet_enc
    RETURNING id
""")


async def found(
    conn: AsyncConnection, union_id: int, hashes: Sequence[str], ids: Sequence[int]
) -> Sequence[sa.RowMapping]:
    """The union's members with one of these documents or ids."""
    values = {"union_id": union_id, "hashes": list(hashes), "ids": list(ids)}
    return (await conn.execute(_FOUND, values)).mappings().all()


async def insert(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """The transfer-out itself; returns its id."""
    return int(await conn.scalar(sa.insert(TRANSFER_OUTS).values(**values).returning(_T.id)) or 0)


async def let_go(conn: AsyncConnection, union_id: int, rows: Sequence[Mapping[str, Any]]) -> Sequence[sa.RowMapping]:
    """These members are without a union now; their rows as they are, fewer where one can no longer be let go."""
    values = {"union_id": union_id, "rows": orjson.dumps(rows).decode()}
    return (await conn.execute(_LET_GO, values)).mappings().all()


async def insert_items(conn: AsyncConnection, transfer_out_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Who was let go, as they are called today."""
    await conn.execute(_INSERT_ITEMS, {"transfer_out_id": transfer_out_id, "rows": orjson.dumps(rows).decode()})


async def keep_refused(
    conn: AsyncConnection,
    *,
    union_id: int,
    file_name: str,
    rows: int,
    bad_rows: int,
    asked_by: int,
    asked_at: datetime,
    request_key: str,
    sheet_enc: str,
) -> int:
    """Keep a file that the check refused; a repeat of the request keeps the same record. Returns its id."""
    values = {name: value for name, value in locals().items() if name != "conn"}
    return int(await conn.scalar(_KEEP_REFUSED, values) or 0)


_VIEW = sa.select(
    *(column for column in TRANSFER_OUTS.c if column.name not in ("sheet_enc", "request_key")),
    _O.name.label("union_name"),
).join(ORGANISATIONS, _O.id == _T.union_id)


async def page(
    conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]], before_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Transfer-outs of unions in scope, the newest first."""
    query = _VIEW.where(scope.covers(_O.path), *where, _T.id < before_id).order_by(_T.id.desc()).limit(limit)
    return (await conn.execute(query)).mappings().all()


async def count(conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many there are in scope."""
    joined = TRANSFER_OUTS.join(ORGANISATIONS, _O.id == _T.union_id)
    query = sa.select(sa.func.count()).select_from(joined).where(scope.covers(_O.path), *where)
    return int(await conn.scalar(query) or 0)


async def find(conn: AsyncConnection, scope: Scope, transfer_out_id: int) -> sa.RowMapping | None:
    """One in scope."""
    query = _VIEW.where(scope.covers(_O.path), _T.id == transfer_out_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def refused_sheet(conn: AsyncConnection, union_id: int, transfer_out_id: int) -> sa.RowMapping | None:
    """Key and cells of a union's file that the check refused."""
    query = sa.select(_T.request_key, _T.sheet_enc).where(
        _T.id == transfer_out_id, _T.union_id == union_id, _T.state == "refused_by_check"
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def items_page(
    conn: AsyncConnection, transfer_out_id: int, where: Sequence[sa.ColumnElement[bool]], after_line: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Who was let go, by line."""
    query = (
        sa.select(TRANSFER_OUT_ITEMS)
        .where(_I.transfer_out_id == transfer_out_id, *where, _I.line > after_line)
        .order_by(_I.line)
        .limit(limit)
    )
    return (await conn.execute(query)).mappings().all()


async def items_count(conn: AsyncConnection, transfer_out_id: int, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many they are."""
    query = sa.select(sa.func.count()).select_from(TRANSFER_OUT_ITEMS)
    return int(await conn.scalar(query.where(_I.transfer_out_id == transfer_out_id, *where)) or 0)
