"""What claims-svc counts for the auditor, and which of its rows must agree with the other services'."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.reconciliation import MEMBER_CONTENT, ORGANISATION_CONTENT, Noun

_COUNTS = sa.text("""
    SELECT 'members' AS noun, state, count(*) AS number FROM members GROUP BY state
    UNION ALL SELECT 'claims', state, count(*) FROM claims GROUP BY state
    UNION ALL SELECT 'payouts', state, count(*) FROM payouts GROUP BY state
    UNION ALL SELECT 'payout_batches', state, count(*) FROM payout_batches GROUP BY state
    UNION ALL SELECT 'payout_set_aside', why, count(*) FROM payout_set_aside GROUP BY why
    UNION ALL SELECT 'organisations', level, count(*) FROM organisations GROUP BY level
""")

_TOTALS = sa.text("""
    SELECT (SELECT count(*) FROM members) AS members_total,
           (SELECT count(*) FROM members WHERE union_id IS NULL) AS members_without_union,
           CAST((SELECT coalesce(sum(amount_fen), 0) FROM ledger) AS bigint) AS trial_balance_fen,
           CAST((SELECT -coalesce(sum(amount_fen), 0) FROM ledger WHERE account = 'cash') AS bigint) AS paid_fen,
           CAST((SELECT -coalesce(sum(amount_fen), 0) FROM ledger WHERE account = 'in_transit') AS bigint)
               AS in_transit_fen,
           CAST((SELECT -coalesce(sum(amount_fen), 0) FROM ledger WHERE account = 'payable') AS bigint) AS payable_fen
""")

NOUNS = {
    "members": Noun("members m WHERE true", "m.union_id", MEMBER_CONTENT.format("m")),
    "organisations": Noun("organisations o WHERE true", "o.id", ORGANISATION_CONTENT.format("o")),
}

_SET_ASIDE = sa.text("""
    SELECT id, why, answer_id, batch_number, payout_number, status, amount_fen, reason, received_at
    FROM payout_set_aside WHERE id > :after ORDER BY id LIMIT :limit
""")


async def counts(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """Rows by noun and state."""
    found: dict[str, dict[str, int]] = {}
    for noun, state, number in await conn.execute(_COUNTS):
        found.setdefault(noun, {})[state] = number
    return found


async def totals(conn: AsyncConnection) -> dict[str, Any]:
    """Totals that must agree with others', and what must be zero."""
    return dict((await conn.execute(_TOTALS)).one()._mapping)


async def set_aside(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """What the bank said of payouts and could not be filed."""
    return (await conn.execute(_SET_ASIDE, {"after": after, "limit": limit})).all()
