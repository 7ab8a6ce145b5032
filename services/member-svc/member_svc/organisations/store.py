"""All SQL on organisations."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.organisations.rules import PARENTS
from member_svc.organisations.tables import ORGANISATIONS, STAGING
from unioncard.auth import Scope

_LOAD_LOCK = sa.text("SELECT pg_advisory_xact_lock(7236110)")

_STAGE = sa.text("""
    INSERT INTO organisation_staging (line, code, parent_code, level, kind, district_code, name, marked_central,
                                      credit_code, head_name_enc, head_phone_enc, head_hash)
    SELECT * FROM unnest(
        CAST(:line AS int[]), CAST(:code AS text[]), CAST(:parent_code AS text[]), CAST(:level AS text[]),
        CAST(:kind AS text[]), CAST(:district_code AS text[]), CAST(:name AS text[]),
        CAST(:marked_central AS boolean[]), CAST(:credit_code AS text[]), CAST(:head_name_enc AS text[]),
        CAST(:head_phone_enc AS text[]), CAST(:head_hash AS text[]))
""")

_STAGED = (
    "line",
    "code",
    "parent_code",
    "level",
    "kind",
    "district_code",
    "name",
    "marked_central",
    "credit_code",
    "head_name_enc",
    "head_phone_enc",
    "head_hash",
)

_DUPLICATES = sa.text("""
    SELECT line, first FROM (
        SELECT line, min(line) OVER (PARTITION BY code) AS first FROM organisation_staging) AS numbered
    WHERE line > first ORDER BY line LIMIT 1000
""")

_DRAW_IDS = sa.text("""
    UPDATE organisation_staging AS s
    SET id = coalesce(o.id, nextval(pg_get_serial_sequence('organisations', 'id')))
    FROM organisation_staging AS same LEFT JOIN organisations AS o ON o.code = same.code
    WHERE same.line = s.line
""")

# The whole tree as it will be: what the file says, and what it is silent about as it stands.
_TREE = """
    WITH RECURSIVE wanted AS (
        SELECT s.id, s.code, coalesce(p.id, q.id) AS parent_id, s.level, s.kind, s.district_code, s.name,
               s.marked_central, s.credit_code, s.head_name_enc, s.head_phone_enc, s.head_hash, s.line
        FROM organisation_staging s
        LEFT JOIN organisation_staging p ON p.code = s.parent_code
        LEFT JOIN organisations q ON q.code = s.parent_code
        UNION ALL
        SELECT o.id, o.code, o.parent_id, o.level, o.kind, o.district_code, o.name,
               o.marked_central, o.credit_code, o.head_name_enc, o.head_phone_enc, o.head_hash, NULL
        FROM organisations o WHERE NOT EXISTS (SELECT FROM organisation_staging s WHERE s.id = o.id)
    ), tree AS (
        SELECT w.*, '/' || w.id || '/' AS path, 'federation' AS true_kind, NULL AS true_district,
               w.marked_central AS central
        FROM wanted w WHERE w.level = 'federation'
        UNION ALL
        SELECT w.*, t.path || w.id || '/',
               CASE WHEN w.level = 'district' THEN w.kind ELSE t.true_kind END,
               CASE WHEN w.level = 'district' THEN w.district_code ELSE t.true_district END,
               w.marked_central OR t.central
        FROM wanted w JOIN tree t ON w.parent_id = t.id
        WHERE w.level || '<' || t.level = ANY(:allowed)
    )
"""

_FIND_PROBLEMS = """
    SELECT line, problem FROM (
        SELECT w.line, 'two-roots' AS problem FROM wanted w
        WHERE w.level = 'federation' AND (SELECT count(*) FROM wanted WHERE level = 'federation') > 1
        UNION ALL
        SELECT w.line, 'no-parent' FROM wanted w WHERE w.level <> 'federation' AND w.parent_id IS NULL
        UNION ALL
        SELECT w.line, 'parent-level' FROM wanted w JOIN wanted p ON p.id = w.parent_id
        WHERE NOT w.level || '<' || p.level = ANY(:allowed)
        UNION ALL
        SELECT w.line, 'district-code-taken' FROM wanted w
        WHERE w.level = 'district' AND EXISTS (
            SELECT FROM wanted o WHERE o.level = 'district' AND o.district_code = w.district_code AND o.id <> w.id)
        UNION ALL
        SELECT s.line, 'level-changed' FROM organisation_staging s JOIN organisations o ON o.id = s.id
        WHERE s.level <> o.level
        UNION ALL
        SELECT s.line, 'district-code-changed' FROM organisation_staging s JOIN organisations o ON o.id = s.id
        WHERE s.level = 'district' AND s.district_code <> o.district_code
    ) AS found
    WHERE line IS NOT NULL ORDER BY line LIMIT 1000
"""

_COUNT_LOOSE = "SELECT (SELECT count(*) FROM wanted) - (SELECT count(*) FROM tree)"

_UPSERT = """
    INSERT INTO organisations AS o (id, code, parent_id, path, level, kind, name, district_code, marked_central,
        central_enterprise, credit_code, head_name_enc, head_phone_enc, head_hash, version)
    OVERRIDING SYSTEM VALUE
    SELECT id, code, parent_id, path, level, true_kind, name, true_district, marked_central,
           central, credit_code, head_name_enc, head_phone_enc, head_hash, 1 FROM tree
    ON CONFLICT (id) DO UPDATE SET
        parent_id = excluded.parent_id, path = excluded.path, kind = excluded.kind, name = excluded.name,
        district_code = excluded.district_code, marked_central = excluded.marked_central,
        central_enterprise = excluded.central_enterprise, credit_code = excluded.credit_code,
        head_name_enc = excluded.head_name_enc, head_phone_enc = excluded.head_phone_enc,
        head_hash = excluded.head_hash, version = o.version + 1
    WHERE (o.parent_id, o.path, o.kind, o.name, o.district_code, o.marked_central, o.central_enterprise,
           o.credit_code, o.head_hash)
        IS DISTINCT FROM (excluded.parent_id, excluded.path, excluded.kind, excluded.name, excluded.district_code,
           excluded.marked_central, excluded.central_enterprise, excluded.credit_code, excluded.head_hash)
    RETURNING id, parent_id, path, level, kind, name, district_code, central_enterprise, credit_code, version
"""

_PROBLEMS, _UNPLACED, _APPLY = (sa.text(_TREE + then) for then in (_FIND_PROBLEMS, _COUNT_LOOSE, _UPSERT))

_ALLOWED = {"allowed": [f"{level}<{above}" for level, parents in PARENTS.items() for above in parents]}

_CONTRACT = (
    "id",
    "parent_id",
    "path",
    "level",
    "kind",
    "name",
    "district_code",
    "central_enterprise",
    "credit_code",
    "version",
)


async def open_staging(conn: AsyncConnection) -> None:
    """One load at a time; the staging table is ours until the transaction ends."""
    await conn.execute(_LOAD_LOCK)
    await conn.execute(sa.delete(STAGING))


async def stage(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Add lines to the staging table, one statement for all."""
    await conn.execute(_STAGE, {name: [row[name] for row in rows] for name in _STAGED})


async def staged_duplicates(conn: AsyncConnection) -> list[tuple[int, int]]:
    """Lines whose code stood in the file before: (line, first line)."""
    return [(row.line, row.first) for row in await conn.execute(_DUPLICATES)]


async def staged_problems(conn: AsyncConnection) -> list[tuple[int, str]]:
    """Lines that do not fit into the tree as it would be: (line, code of the problem)."""
    await conn.execute(_DRAW_IDS)
    return [(row.line, row.problem) for row in await conn.execute(_PROBLEMS, _ALLOWED)]


async def unplaced(conn: AsyncConnection) -> int:
    """How many organisations would hang in the air (a ring, or a whole branch without root)."""
    return int(await conn.scalar(_UNPLACED, _ALLOWED) or 0)


async def apply_staged(conn: AsyncConnection) -> Sequence[sa.RowMapping]:
    """Insert and update with one statement; the rows that are new or changed, as contracts have them."""
    return (await conn.execute(_APPLY, _ALLOWED)).mappings().all()


async def contract_page(conn: AsyncConnection, after_id: int, limit: int) -> Sequence[sa.RowMapping]:
    """Organisations as contracts have them, by id."""
    c = ORGANISATIONS.c
    query = sa.select(*(c[name] for name in _CONTRACT)).where(c.id > after_id).order_by(c.id).limit(limit)
    return (await conn.execute(query)).mappings().all()


async def ids_by_code(conn: AsyncConnection, codes: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Id and level of each of these organisations that exists."""
    c = ORGANISATIONS.c
    rows = await conn.execute(sa.select(c.code, c.id, c.level).where(c.code.in_(codes)))
    return {row.code: (row.id, row.level) for row in rows}


async def page(
    conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]], after_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Organisations in scope, by id."""
    c = ORGANISATIONS.c
    query = sa.select(ORGANISATIONS).where(scope.covers(c.path), *where, c.id > after_id).order_by(c.id).limit(limit)
    return (await conn.execute(query)).mappings().all()


async def count(conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many there are in scope."""
    query = sa.select(sa.func.count()).select_from(ORGANISATIONS).where(scope.covers(ORGANISATIONS.c.path), *where)
    return int(await conn.scalar(query) or 0)


async def find(conn: AsyncConnection, scope: Scope, organisation_id: int) -> sa.RowMapping | None:
    """One organisation in scope."""
    c = ORGANISATIONS.c
    query = sa.select(ORGANISATIONS).where(scope.covers(c.path), c.id == organisation_id)
    return (await conn.execute(query)).mappings().one_or_none()


async def superiors(conn: AsyncConnection, path: str) -> list[tuple[int, str, str]]:
    """(id, name, level) of everything above, the federation first: what a union may see of it (domain 2)."""
    c = ORGANISATIONS.c
    ids = [int(part) for part in path.strip("/").split("/")[:-1]]
    query = sa.select(c.id, c.name, c.level).where(c.id.in_(ids)).order_by(sa.func.length(c.path))
    return [(row.id, row.name, row.level) for row in await conn.execute(query)]
