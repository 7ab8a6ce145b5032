"""Counts and checksums, computed where the data lies. Both services use the same expression."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# (id, version) as one 64-bit number; sums of them are compared, so no data moves.
_CHECKSUM = "CAST(coalesce(sum(hashtextextended({id} || ':' || {version}, 0)), 0) AS text)"

_MEMBERS = f"""
    SELECT coalesce(union_id, 0) AS id, count(*) AS count, CAST(sum(version) AS text) AS versions,
           {_CHECKSUM.format(id="id", version="version")} AS checksum
    FROM members WHERE coalesce(union_id, 0) > :after GROUP BY 1 ORDER BY 1 LIMIT :limit
"""  # noqa: S608  # the expression above

_CARDS = f"""
    SELECT coalesce(m.union_id, 0) AS id, count(*) AS count, CAST(sum(c.version) AS text) AS versions,
           {_CHECKSUM.format(id="c.member_id", version="c.version")} AS checksum
    FROM cards c LEFT JOIN members m ON m.id = c.member_id
    WHERE coalesce(m.union_id, 0) > :after GROUP BY 1 ORDER BY 1 LIMIT :limit
"""  # noqa: S608  # the expression above

_ORGANISATIONS = """
    SELECT id, 1 AS count, CAST(version AS text) AS versions,
           CAST(hashtextextended(id || ':' || version, 0) AS text) AS checksum
    FROM organisations WHERE id > :after ORDER BY id LIMIT :limit
"""

QUERIES = {"members": _MEMBERS, "cards": _CARDS, "organisations": _ORGANISATIONS}

_BATCHES = """
    SELECT b.id, b.number, b.union_id, b.channel, b.state, b.members, n.issued, n.failed, n.waiting, b.submitted_at,
           b.accepted_at, b.answered_at, b.closed_at
    FROM (SELECT * FROM batches WHERE id > :after ORDER BY id LIMIT :limit) b
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE outcome = 'issued') AS issued,
               count(*) FILTER (WHERE outcome = 'failed') AS failed,
               count(*) FILTER (WHERE outcome = 'waiting') AS waiting
        FROM batch_members WHERE batch_number = b.number) n
    ORDER BY b.id
"""

_SUMMARY = {
    "cards": "SELECT state, count(*) FROM cards GROUP BY 1",
    "outcomes": "SELECT outcome, count(*) FROM batch_members GROUP BY 1",
    "batches": "SELECT state, count(*) FROM batches GROUP BY 1",
    "todo": "SELECT check_state, count(*) FROM todo GROUP BY 1",
    "set_aside": "SELECT why, count(*) FROM set_aside GROUP BY 1",
    "partner_calls": "SELECT partner, count(*) FROM partner_calls GROUP BY 1",
}

_NUMBERS = """
    SELECT (SELECT count(*) FROM members) AS members,
           (SELECT count(*) FROM organisations) AS organisations,
           (SELECT count(DISTINCT card_hash) FROM cards WHERE card_hash IS NOT NULL) AS card_numbers,
           (SELECT count(*) FROM outbox WHERE refused IS NULL) AS outbox_waiting,
           (SELECT count(*) FROM outbox WHERE refused IS NOT NULL) AS outbox_refused,
           (SELECT count(*) FROM inbox WHERE state = 'running') AS inbox_running,
           (SELECT count(*) FROM cards c LEFT JOIN todo t ON t.member_id = c.member_id
            WHERE (c.state = 'to_do') <> (t.member_id IS NOT NULL)) AS todo_astray,
           (SELECT count(*) FROM cards c LEFT JOIN batch_members bm
                ON bm.member_id = c.member_id AND bm.batch_number = c.batch_number
            WHERE c.state = 'in_batch' AND coalesce(bm.outcome, '') <> 'waiting'
               OR c.state = 'issued' AND coalesce(bm.outcome, '') <> 'issued') AS cards_astray
"""


async def compare(conn: AsyncConnection, noun: str, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """(id, count, versions, checksum) by id."""
    return (await conn.execute(sa.text(QUERIES[noun]), {"after": after, "limit": limit})).all()


async def batches(conn: AsyncConnection, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Batches by id, with their members counted anew."""
    return (await conn.execute(sa.text(_BATCHES), {"after": after, "limit": limit})).all()


async def summary(conn: AsyncConnection) -> dict[str, Any]:
    """Every count of one moment."""
    found: dict[str, Any] = dict((await conn.execute(sa.text(_NUMBERS))).one()._mapping)
    for name, query in _SUMMARY.items():
        found[name] = {row[0]: row[1] for row in await conn.execute(sa.text(query))}
    return found
