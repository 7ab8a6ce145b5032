"""Counts and checksums. The checksum's expression is the same in every service that is compared."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.reconciliation import CARD_CONTENT, MEMBER_CONTENT, ORGANISATION_CONTENT, Noun

_COUNTS = sa.text("""
    SELECT 'members' AS noun, state, count(*) AS number FROM members GROUP BY state
    UNION ALL SELECT 'imports', state, count(*) FROM imports GROUP BY state
    UNION ALL SELECT 'import_items', state, count(*) FROM import_items GROUP BY state
    UNION ALL SELECT 'member_cards', state, count(*) FROM member_cards GROUP BY state
    UNION ALL SELECT 'organisations', level, count(*) FROM organisations GROUP BY level
""")

# Versions of 0 were never told to anybody.
NOUNS = {
    "members": Noun("members m WHERE m.version > 0", "m.union_id", MEMBER_CONTENT.format("m")),
    "cards": Noun(
        "member_cards c JOIN members m ON m.id = c.member_id WHERE true", "m.union_id", CARD_CONTENT.format("c")
    ),
    "organisations": Noun("organisations o WHERE true", "o.id", ORGANISATION_CONTENT.format("o")),
}

_WITHOUT_UNION = sa.text("SELECT count(*) FROM members WHERE version > 0 AND union_id IS NULL")


async def counts(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """Rows by noun and state."""
    found: dict[str, dict[str, int]] = {}
    for noun, state, number in await conn.execute(_COUNTS):
        found.setdefault(noun, {})[state] = number
    return found


async def without_union(conn: AsyncConnection) -> int:
    """Approved members that have no union now."""
    return int(await conn.scalar(_WITHOUT_UNION) or 0)


async def total(conn: AsyncConnection) -> int:
    """All members, whatever their state."""
    return int(await conn.scalar(sa.text("SELECT count(*) FROM members")) or 0)
