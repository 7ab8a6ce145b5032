"""What card-svc counts for the auditor, and which of its rows must agree with member-svc's."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.reconciliation import CARD_CONTENT, MEMBER_CONTENT, ORGANISATION_CONTENT, Noun

_COUNTS = sa.text("""
    SELECT 'members' AS noun, state, count(*) AS number FROM members GROUP BY state
    UNION ALL SELECT 'cards', coalesce(c.state, 'none'), count(*)
        FROM members m FULL JOIN cards c ON c.member_id = m.id GROUP BY 2
    UNION ALL SELECT 'todo', check_state, count(*) FROM todo GROUP BY check_state
    UNION ALL SELECT 'batches', state, count(*) FROM batches GROUP BY state
    UNION ALL SELECT 'batch_members', outcome, count(*) FROM batch_members GROUP BY outcome
    UNION ALL SELECT 'card_lives', state, count(*) FROM card_lives GROUP BY state
    UNION ALL SELECT 'set_aside', why, count(*) FROM set_aside GROUP BY why
    UNION ALL SELECT 'organisations', level, count(*) FROM organisations GROUP BY level
""")

# The last three must be zero: a card state that its to-do record, its batch or its account does not bear out. Cards
# without a batch are those of the previous system; the bank's memory of this platform has none of them.
_NUMBERS = sa.text("""
    SELECT (SELECT count(*) FROM members WHERE union_id IS NULL) AS members_without_union,
           (SELECT count(DISTINCT card_hash) FROM batch_members WHERE outcome = 'issued') AS card_numbers,
           (SELECT count(*) FROM cards WHERE state = 'issued' AND batch_number IS NULL) AS legacy_cards,
           (SELECT count(*) FROM members) AS members_total,
           (SELECT count(*) FROM cards c FULL JOIN todo t ON t.member_id = c.member_id
            WHERE (coalesce(c.state, '') = 'to_do') <> (t.member_id IS NOT NULL)) AS todo_astray,
           (SELECT count(*) FROM cards c LEFT JOIN batch_members bm
                ON bm.member_id = c.member_id AND bm.batch_number = c.batch_number
            WHERE c.state = 'in_batch' AND coalesce(bm.outcome, '') <> 'waiting'
               OR c.state = 'issued' AND c.batch_number IS NOT NULL
                  AND coalesce(bm.outcome, '') <> 'issued') AS cards_astray,
           (SELECT count(*) FROM cards c JOIN card_numbers n ON n.card_hash = c.card_hash
                JOIN card_lives l ON l.account_hash = n.account_hash
            WHERE l.state = 'cancelled' OR l.member_id <> c.member_id OR l.number_end <> c.number_end) AS lives_astray
""")

NOUNS = {
    "members": Noun("members m WHERE true", "m.union_id", MEMBER_CONTENT.format("m")),
    "cards": Noun("cards c JOIN members m ON m.id = c.member_id WHERE true", "m.union_id", CARD_CONTENT.format("c")),
    "organisations": Noun("organisations o WHERE true", "o.id", ORGANISATION_CONTENT.format("o")),
}

# Counted from the members, not taken from the batch's own counts: that the two agree is part of what is asked.
_BATCHES = sa.text("""
    SELECT b.id, b.number, b.union_id, b.channel, b.state, b.members, n.issued, n.failed, n.waiting, n.unaccounted,
           b.submitted_at, b.accepted_at, b.answered_at, b.closed_at
    FROM (SELECT * FROM batches WHERE id > :after ORDER BY id LIMIT :limit) b
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE outcome = 'issued') AS issued,
               count(*) FILTER (WHERE outcome = 'failed') AS failed,
               count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
               count(*) FILTER (WHERE outcome = 'issued' AND pickup IS NULL) AS unaccounted
        FROM batch_members WHERE batch_number = b.number) n
    ORDER BY b.id
""")

_OPEN_CHECKS = sa.text("""
    SELECT c.id, c.union_id, c.requested_at, c.total, n.waiting
    FROM checks c CROSS JOIN LATERAL (
        SELECT count(*) AS waiting FROM check_members WHERE check_id = c.id AND outcome IS NULL) n
    WHERE n.waiting > 0 AND c.id > :after ORDER BY c.id LIMIT :limit
""")

_SET_ASIDE = sa.text("""
    SELECT id, why, answer_id, batch_number, member_ref, status, reason, received_at
    FROM set_aside WHERE id > :after ORDER BY id LIMIT :limit
""")


async def counts(conn: AsyncConnection) -> dict[str, dict[str, int]]:
    """Rows by noun and state."""
    found: dict[str, dict[str, int]] = {}
    for noun, state, number in await conn.execute(_COUNTS):
        found.setdefault(noun, {})[state] = number
    return found


async def numbers(conn: AsyncConnection) -> dict[str, Any]:
    """Totals, and what must be zero."""
    return dict((await conn.execute(_NUMBERS)).one()._mapping)


async def batches(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Batches by id, with their members counted anew."""
    return (await conn.execute(_BATCHES, {"after": after, "limit": limit})).all()


async def open_checks(conn: AsyncConnection, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Checks that wait for an office."""
    return (await conn.execute(_OPEN_CHECKS, {"after": after, "limit": limit})).all()


async def set_aside(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """What the bank said and could not be filed."""
    return (await conn.execute(_SET_ASIDE, {"after": after, "limit": limit})).all()
