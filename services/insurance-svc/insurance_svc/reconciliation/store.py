"""What insurance-svc counts for the auditor, and which of its rows must agree with the other services'."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.reconciliation import CARD_CONTENT, MEMBER_CONTENT, ORGANISATION_CONTENT, Noun

_COUNTS = sa.text("""
    SELECT 'members' AS noun, state, count(*) AS number FROM members GROUP BY state
    UNION ALL SELECT 'enrolments', state, count(*) FROM enrolments GROUP BY state
    UNION ALL SELECT 'batches', state, count(*) FROM batches GROUP BY state
    UNION ALL SELECT 'organisations', level, count(*) FROM organisations GROUP BY level
""")

NOUNS = {
    "members": Noun("members m WHERE true", "m.union_id", MEMBER_CONTENT.format("m")),
    "cards": Noun("cards c JOIN members m ON m.id = c.member_id WHERE true", "m.union_id", CARD_CONTENT.format("c")),
    "organisations": Noun("organisations o WHERE true", "o.id", ORGANISATION_CONTENT.format("o")),
}


async def counts(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """Rows by noun and state."""
    found: dict[str, dict[str, int]] = {}
    for noun, state, number in await conn.execute(_COUNTS):
        found.setdefault(noun, {})[state] = number
    return found


async def totals(conn: AsyncConnection) -> dict[str, Any]:
    """Totals that must agree with others', and what must be zero."""
    row = (
        await conn.execute(
            sa.text("""
                SELECT (SELECT count(*) FROM members) AS members_total,
                       (SELECT count(*) FROM members WHERE union_id IS NULL) AS members_without_union,
                       (SELECT count(*) FROM policies WHERE NOT void) AS policies_standing,
                       (SELECT coalesce(sum(amount_fen), 0) FROM ledger) AS trial_balance_fen
            """)
        )
    ).one()
    return dict(row._mapping)
