"""All SQL of a decision. Every function is one statement, whatever the number of items."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# The import's row is the lock: of two approvers at once the second sees what the first decided.
_LOCK = sa.text("""
    SELECT i.id, i.state, i.union_id, i.asked_by, i.decided_by, o.parent_id AS superior_id, o.path, o.district_code
    FROM imports i JOIN organisations o ON o.id = i.union_id
    WHERE i.id = :import_id FOR UPDATE OF i
""")

_ITEMS = sa.text("""
    SELECT line, kind, state, decided_by, decided_at FROM import_items
    WHERE import_id = :import_id AND (CAST(:lines AS int[]) IS NULL OR line = ANY(:lines)) ORDER BY line
""")

# What has become impossible since it was asked.
_OBSTACLES = sa.text("""
    SELECT i.line, i.member_id, i.name_enc, i.document_enc,
           CASE WHEN m.id IS NULL THEN 'gone'
                WHEN i.kind = 'change' AND (m.union_id IS DISTINCT FROM :union_id OR m.state <> 'normal') THEN 'moved'
                WHEN i.kind = 'return' AND m.union_id IS NOT NULL THEN 'moved'
                WHEN i.changes ? 'document_hash' AND coalesce(c.state, 'none') NOT IN ('none', 'failed') THEN 'carded'
                ELSE 'taken' END AS obstacle
    FROM import_items i
    LEFT JOIN members m ON m.id = i.member_id
    LEFT JOIN member_cards c ON c.member_id = i.member_id
    WHERE i.import_id = :import_id AND i.line = ANY(:lines) AND i.state = 'waiting' AND i.kind <> 'new' AND (
        m.id IS NULL
        OR i.kind = 'change' AND (m.union_id IS DISTINCT FROM :union_id OR m.state <> 'normal')
        OR i.kind = 'return' AND m.union_id IS NOT NULL
        OR i.changes ? 'document_hash' AND (
            coalesce(c.state, 'none') NOT IN ('none', 'failed')
            OR EXISTS (SELECT FROM members o
                       WHERE o.document_hash = i.changes->>'document_hash' AND o.id <> i.member_id)))
    ORDER BY i.line
""")

_DRAW_NUMBERS = sa.text("""
    INSERT INTO member_numbers AS n (district_code, last) VALUES (:district_code, :count)
    ON CONFLICT (district_code) DO UPDATE SET last = n.last + :count
    RETURNING last - :count AS before
""")

_APPROVE_NEW = sa.text("""
    UPDATE members m
    SET state = 'normal', version = 1, number = :district_code || lpad((:before + i.place)::text, 7, '0')
    FROM (SELECT member_id, row_number() OVER (ORDER BY line) AS place FROM import_items
          WHERE import_id = :import_id AND line = ANY(:lines) AND state = 'waiting' AND kind = 'new') AS i
    WHERE m.id = i.member_id AND m.state = 'pending'
    RETURNING m.*
""")

_APPROVE_CHANGES = sa.text("""
    UPDATE members m SET
        union_id = :union_id, state = 'normal', version = m.version + 1, left_reason = NULL,
        name_enc = coalesce(c.name_enc, m.name_enc), name_hash = coalesce(c.name_hash, m.name_hash),
        document_type = coalesce(c.document_type, m.document_type),
        document_enc = coalesce(c.document_enc, m.document_enc),
        document_hash = coalesce(c.document_hash, m.document_hash),
        document_expiry = coalesce(c.document_expiry, m.document_expiry),
        nationality = coalesce(c.nationality, m.nationality), sex = coalesce(c.sex, m.sex),
        birth_date = coalesce(c.birth_date, m.birth_date), mobile_enc = coalesce(c.mobile_enc, m.mobile_enc),
        address_enc = coalesce(c.address_enc, m.address_enc), education = coalesce(c.education, m.education),
        household = coalesce(c.household, m.household), grade = coalesce(c.grade, m.grade),
        post = coalesce(c.post, m.post)
    FROM import_items i
    CROSS JOIN LATERAL jsonb_to_record(i.changes) AS c(name_enc text, name_hash text, document_type text,
        document_enc text, document_hash text, document_expiry date, nationality text, sex text, birth_date date,
        mobile_enc text, address_enc text, education text, household text, grade text, post text)
    WHERE i.import_id = :import_id AND i.line = ANY(:lines) AND i.state = 'waiting' AND i.kind <> 'new'
      AND m.id = i.member_id
    RETURNING m.*
""")

# Never approved, so nobody else knows them; the item keeps what was asked.
_DROP_PENDING = sa.text("""
    DELETE FROM members m USING import_items i
    WHERE i.import_id = :import_id AND i.line = ANY(:lines) AND i.state = 'waiting' AND i.kind = 'new'
      AND m.id = i.member_id AND m.state = 'pending'
""")

_DECIDE_ITEMS = sa.text("""
    UPDATE import_items SET state = :state, decided_by = :account, decided_at = :now, reason = :reason
    WHERE import_id = :import_id AND line = ANY(:lines) AND state = 'waiting'
""")

_COUNTS = sa.text("""
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'approved') AS approved,
           count(*) FILTER (WHERE state = 'refused') AS refused
    FROM import_items WHERE import_id = :import_id
""")

_DECIDE_IMPORT = sa.text("""
    UPDATE imports SET state = :state, approved_rows = :approved, refused_rows = :refused, decided_by = :account,
        decided_at = :now, reason = :reason
    WHERE id = :import_id
""")


async def lock(conn: AsyncConnection, import_id: int) -> sa.RowMapping | None:
    """The import with its union's place, locked."""
    return (await conn.execute(_LOCK, {"import_id": import_id})).mappings().one_or_none()


async def items(conn: AsyncConnection, import_id: int, lines: Sequence[int] | None) -> Sequence[sa.RowMapping]:
    """The chosen items, or all."""
    values = {"import_id": import_id, "lines": list(lines) if lines is not None else None}
    return (await conn.execute(_ITEMS, values)).mappings().all()


async def obstacles(
    conn: AsyncConnection, import_id: int, union_id: int, lines: Sequence[int]
) -> Sequence[sa.RowMapping]:
    """Items that can no longer be approved, with the reason's code."""
    values = {"import_id": import_id, "union_id": union_id, "lines": list(lines)}
    return (await conn.execute(_OBSTACLES, values)).mappings().all()


async def draw_numbers(conn: AsyncConnection, district_code: str, count: int) -> int:
    """Reserve member numbers of a district; returns the last one given out before."""
    values = {"district_code": district_code, "count": count}
    return int(await conn.scalar(_DRAW_NUMBERS, values) or 0)


async def approve_new(
    conn: AsyncConnection, import_id: int, lines: Sequence[int], district_code: str, before: int
) -> Sequence[sa.RowMapping]:
    """New members become normal and get their numbers in the sheet's order; the rows as they are now."""
    values = {"import_id": import_id, "lines": list(lines), "district_code": district_code, "before": before}
    return (await conn.execute(_APPROVE_NEW, values)).mappings().all()


async def approve_changes(
    conn: AsyncConnection, import_id: int, lines: Sequence[int], union_id: int
) -> Sequence[sa.RowMapping]:
    """Changes take effect and members come back; the rows as they are now."""
    values = {"import_id": import_id, "lines": list(lines), "union_id": union_id}
    return (await conn.execute(_APPROVE_CHANGES, values)).mappings().all()


async def drop_pending(conn: AsyncConnection, import_id: int, lines: Sequence[int]) -> int:
    """New members that were refused leave no trace but their item; returns how many."""
    return (await conn.execute(_DROP_PENDING, {"import_id": import_id, "lines": list(lines)})).rowcount


async def decide_items(
    conn: AsyncConnection,
    import_id: int,
    lines: Sequence[int],
    *,
    state: str,
    account: int,
    now: datetime,
    reason: str | None,
) -> int:
    """Note the decision on each; returns on how many."""
    values = {"import_id": import_id, "lines": list(lines), "state": state, "account": account, "now": now}
    return (await conn.execute(_DECIDE_ITEMS, values | {"reason": reason})).rowcount


async def counts(conn: AsyncConnection, import_id: int) -> tuple[int, int, int]:
    """Items that wait, were approved, were refused."""
    row = (await conn.execute(_COUNTS, {"import_id": import_id})).one()
    return row.waiting, row.approved, row.refused


async def decide_import(
    conn: AsyncConnection,
    import_id: int,
    *,
    state: str,
    approved: int,
    refused: int,
    account: int,
    now: datetime,
    reason: str | None,
) -> None:
    """Note the decision on the import."""
    values = {name: value for name, value in locals().items() if name != "conn"}
    await conn.execute(_DECIDE_IMPORT, values)
