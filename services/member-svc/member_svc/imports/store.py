"""All SQL on imports and their items. Every function is one statement, whatever the number of rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.imports.tables import IMPORTS, ITEMS
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import Scope

_I, _O, _T = IMPORTS.c, ORGANISATIONS.c, ITEMS.c

# One import of a union is looked at after the other: the second sees what the first left waiting.
_LOCK_UNION = sa.text("""
    SELECT o.id, o.name, o.district_code, p.id AS superior_id, p.name AS superior_name
    FROM organisations o JOIN organisations p ON p.id = o.parent_id
    WHERE o.id = :union_id FOR NO KEY UPDATE OF o
""")

_CANDIDATES = sa.text("""
    SELECT m.*, coalesce(c.state, 'none') AS card_state,
           EXISTS (SELECT FROM import_items i WHERE i.member_id = m.id AND i.state = 'waiting') AS waiting
    FROM members m LEFT JOIN member_cards c ON c.member_id = m.id
    WHERE m.document_hash = ANY(:hashes) OR m.number = ANY(:numbers)
""")

_DRAW_IDS = sa.text("SELECT nextval('member_ids') FROM generate_series(1, :count)")

_INSERT_MEMBERS = sa.text("""
    INSERT INTO members (id, union_id, state, kind, version, name_enc, name_hash, document_type, document_enc,
        document_hash, document_expiry, nationality, sex, birth_date, mobile_enc, address_enc, education, household,
        grade, post)
    SELECT id, :union_id, 'pending', 'employed', 0, name_enc, name_hash, document_type, document_enc, document_hash,
        document_expiry, nationality, sex, birth_date, mobile_enc, address_enc, education, household, grade, post
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id bigint, name_enc text, name_hash text, document_type text,
        document_enc text, document_hash text, document_expiry date, nationality text, sex text, birth_date date,
        mobile_enc text, address_enc text, education text, household text, grade text, post text)
    ORDER BY document_hash ON CONFLICT (document_hash) DO NOTHING
""")

_INSERT_ITEMS = sa.text("""
    INSERT INTO import_items (import_id, line, member_id, kind, state, name_enc, document_enc, before, changes)
    SELECT :import_id, line, member_id, kind, 'waiting', name_enc, document_enc, before, changes
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(line int, member_id bigint, kind text, name_enc text,
        document_enc text, before jsonb, changes jsonb)
    ORDER BY member_id ON CONFLICT (member_id) WHERE state = 'waiting' DO NOTHING
""")

_KEEP_REFUSED = sa.text("""
    INSERT INTO imports (union_id, kind, state, file_name, rows, new_rows, changed_rows, returning_rows,
        unchanged_rows, bad_rows, asked_by, asked_at, request_key, sheet_enc)
    VALUES (:union_id, 'file', 'refused_by_check', :file_name, :rows, 0, 0, 0, 0, :bad_rows, :asked_by, :asked_at,
        :request_key, :sheet_enc)
    ON CONFLICT (request_key) DO UPDATE SET file_name = excluded.file_name, rows = excluded.rows,
        bad_rows = excluded.bad_rows, asked_at = excluded.asked_at, sheet_enc = excluded.sheet_enc
    RETURNING id
""")


async def lock_union(conn: AsyncConnection, union_id: int) -> sa.RowMapping | None:
    """The union with its direct superior, locked against another import of its own."""
    return (await conn.execute(_LOCK_UNION, {"union_id": union_id})).mappings().one_or_none()


async def waiting_file(conn: AsyncConnection, union_id: int) -> int | None:
    """The union's file import that waits for approval, if any."""
    query = sa.select(_I.id).where(_I.union_id == union_id, _I.state == "waiting", _I.kind == "file")
    found: int | None = await conn.scalar(query)
    return found


async def candidates(conn: AsyncConnection, hashes: Sequence[str], numbers: Sequence[str]) -> Sequence[sa.RowMapping]:
    """Members with one of these documents or member numbers, wherever they are."""
    return (await conn.execute(_CANDIDATES, {"hashes": list(hashes), "numbers": list(numbers)})).mappings().all()


async def draw_member_ids(conn: AsyncConnection, count: int) -> list[int]:
    """Ids for new members."""
    return list((await conn.execute(_DRAW_IDS, {"count": count})).scalars())


async def insert_members(conn: AsyncConnection, union_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
    """New members in state pending; returns how many went in (a document that is taken meanwhile does not)."""
    values = {"union_id": union_id, "rows": orjson.dumps(rows).decode()}
    return (await conn.execute(_INSERT_MEMBERS, values)).rowcount


async def insert_import(conn: AsyncConnection, values: Mapping[str, Any]) -> int:
    """The import itself; returns its id."""
    return int(await conn.scalar(sa.insert(IMPORTS).values(**values).returning(_I.id)) or 0)


async def insert_items(conn: AsyncConnection, import_id: int, rows: Sequence[Mapping[str, Any]]) -> int:
    """Its items; returns how many went in (a member that waits for another decision does not)."""
    values = {"import_id": import_id, "rows": orjson.dumps(rows).decode()}
    return (await conn.execute(_INSERT_ITEMS, values)).rowcount


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
    *(column for column in IMPORTS.c if column.name not in ("sheet_enc", "request_key")),
    _O.name.label("union_name"),
    _O.parent_id.label("superior_id"),
    _O.path,
).join(ORGANISATIONS, _O.id == _I.union_id)


async def page(
    conn: AsyncConnection, where: Sequence[sa.ColumnElement[bool]], before_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Imports, the newest first."""
    query = _VIEW.where(*where, _I.id < before_id).order_by(_I.id.desc()).limit(limit)
    return (await conn.execute(query)).mappings().all()


async def count(conn: AsyncConnection, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many there are."""
    query = sa.select(sa.func.count()).select_from(IMPORTS.join(ORGANISATIONS, _O.id == _I.union_id)).where(*where)
    return int(await conn.scalar(query) or 0)


def in_scope(scope: Scope) -> sa.ColumnElement[bool]:
    """Imports of unions in scope."""
    return scope.covers(_O.path)


async def find(conn: AsyncConnection, scope: Scope, import_id: int) -> sa.RowMapping | None:
    """One import in scope."""
    query = _VIEW.where(in_scope(scope), _I.id == import_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def refused_sheet(conn: AsyncConnection, union_id: int, import_id: int) -> sa.RowMapping | None:
    """Key and cells of a union's file that the check refused."""
    query = sa.select(_I.request_key, _I.sheet_enc).where(
        _I.id == import_id, _I.union_id == union_id, _I.state == "refused_by_check"
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def items_page(
    conn: AsyncConnection, import_id: int, where: Sequence[sa.ColumnElement[bool]], after_line: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Items of an import by line."""
    query = (
        sa.select(ITEMS).where(_T.import_id == import_id, *where, _T.line > after_line).order_by(_T.line).limit(limit)
    )
    return (await conn.execute(query)).mappings().all()


async def items_count(conn: AsyncConnection, import_id: int, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many items an import has."""
    query = sa.select(sa.func.count()).select_from(ITEMS).where(_T.import_id == import_id, *where)
    return int(await conn.scalar(query) or 0)
