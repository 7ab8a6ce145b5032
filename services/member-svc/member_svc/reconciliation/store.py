"""Counts and checksums. The checksum's expression is the same in every service that is compared."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_COUNTS = sa.text("""
    SELECT 'members' AS noun, state, count(*) AS number FROM members GROUP BY state
    UNION ALL SELECT 'imports', state, count(*) FROM imports GROUP BY state
    UNION ALL SELECT 'import_items', state, count(*) FROM import_items GROUP BY state
    UNION ALL SELECT 'member_cards', state, count(*) FROM member_cards GROUP BY state
    UNION ALL SELECT 'organisations', level, count(*) FROM organisations GROUP BY level
""")

_CROSSINGS = sa.text("""
    SELECT (SELECT count(*) FROM outbox WHERE refused IS NULL) AS outbox_waiting,
           (SELECT count(*) FROM outbox WHERE refused IS NOT NULL) AS outbox_refused,
           (SELECT count(*) FROM inbox WHERE state = 'running') AS inbox_running,
           (SELECT count(*) FROM partner_calls) AS partner_calls_waiting
""")

# Versions of 0 were never told to anybody.
_MEMBERS = sa.text("""
    SELECT coalesce(union_id, 0) AS union_id, count(*) AS count, sum(version) AS versions,
           sum(hashtextextended(id || ':' || version, 0))::text AS checksum
    FROM members WHERE version > 0 AND coalesce(union_id, 0) > :after
    GROUP BY coalesce(union_id, 0) ORDER BY 1 LIMIT :limit
""")

_WITHOUT_UNION = sa.text("SELECT count(*) FROM members WHERE version > 0 AND union_id IS NULL")

_CARDS = sa.text("""
    SELECT m.union_id, count(*) AS count, sum(c.version) AS versions,
           sum(hashtextextended(c.member_id || ':' || c.version, 0))::text AS checksum
    FROM member_cards c JOIN members m ON m.id = c.member_id
    WHERE m.union_id > :after GROUP BY m.union_id ORDER BY 1 LIMIT :limit
""")

_ORGANISATIONS = sa.text("""
    SELECT count(*) AS count, coalesce(sum(version), 0) AS versions,
           coalesce(sum(hashtextextended(id || ':' || version, 0)), 0)::text AS checksum
    FROM organisations
""")


async def counts(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """Rows by noun and state."""
    found: dict[str, dict[str, int]] = {}
    for noun, state, number in await conn.execute(_COUNTS):
        found.setdefault(noun, {})[state] = number
    return found


async def crossings(conn: AsyncConnection) -> sa.RowMapping:
    """What waits in outbox, inbox and partner calls."""
    return (await conn.execute(_CROSSINGS)).mappings().one()


async def members(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.RowMapping]:
    """Approved members by union."""
    return (await conn.execute(_MEMBERS, {"after": after, "limit": limit})).mappings().all()


async def without_union(conn: AsyncConnection) -> int:
    """Approved members that have no union now."""
    return int(await conn.scalar(_WITHOUT_UNION) or 0)


async def cards(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.RowMapping]:
    """Card states of the read model by the member's union."""
    return (await conn.execute(_CARDS, {"after": after, "limit": limit})).mappings().all()


async def organisations(conn: AsyncConnection) -> sa.RowMapping:
    """The whole tree."""
    return (await conn.execute(_ORGANISATIONS)).mappings().one()
