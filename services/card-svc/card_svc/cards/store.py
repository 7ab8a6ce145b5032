"""All SQL of the card state itself: what others change, they tell from here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.cards import CardsChanged, CardState, CardStateOfMember
from unioncard.unit_of_work import Transaction

EVENT_MEMBERS = 1000

NUMBERED_ON = "CAST(c.issued_at AT TIME ZONE 'Asia/Shanghai' AS date)"
"""With cards as c: the day in Shanghai on which the number was made."""

_LOCK_SPACE = 7236201


class Changed(NamedTuple):
    """A card state that has just changed."""

    member_id: int
    version: int
    state: str
    union_id: int
    numbered_on: date | None = None
    number_end: str | None = None


async def lock_union(conn: AsyncConnection, union_id: int) -> None:
    """Staff of one union act one after the other, until their transactions end."""
    await conn.execute(
        sa.text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), hashint8(:union))"),
        {"space": _LOCK_SPACE, "union": union_id},
    )


def publish(tx: Transaction, changes: Iterable[Changed], traceparent: str | None = None) -> None:
    """Tell the new states, at most 1,000 of one union an event."""
    by_union: dict[int, list[CardStateOfMember]] = defaultdict(list)
    for one in changes:
        card = CardStateOfMember.model_construct(
            member_id=one.member_id,
            version=one.version,
            state=CardState(one.state),
            numbered_on=one.numbered_on,
            number_end=one.number_end,
        )
        by_union[one.union_id].append(card)
    for union_id, cards in by_union.items():
        for start in range(0, len(cards), EVENT_MEMBERS):
            event = CardsChanged(union_id=union_id, cards=cards[start : start + EVENT_MEMBERS])
            tx.publish(event, key=str(union_id), subject=str(union_id), traceparent=traceparent)


async def snapshot_page(conn: AsyncConnection, after: int, limit: int) -> list[Changed]:
    """Card states by member id, for telling all of them anew."""
    rows = await conn.execute(
        sa.text(f"""
            SELECT c.member_id, c.version, c.state, coalesce(m.union_id, 0), {NUMBERED_ON}, c.number_end
            FROM cards c LEFT JOIN members m ON m.id = c.member_id
            WHERE c.member_id > :after ORDER BY c.member_id LIMIT :limit
        """),  # noqa: S608  # the words above
        {"after": after, "limit": limit},
    )
    return [Changed(*row) for row in rows]


def changed(rows: Iterable[Any]) -> list[Changed]:
    """Rows of (member_id, version, state, union_id), and of cards with a number (numbered_on, number_end)."""
    return [Changed(*row) for row in rows]


async def without_end(conn: AsyncConnection, limit: int) -> dict[int, str]:
    """Encrypted card numbers by member whose last four digits are not kept yet: numbers from before they were."""
    query = sa.text("""
        SELECT member_id, card_number FROM cards WHERE card_number IS NOT NULL AND number_end IS NULL
        ORDER BY member_id LIMIT :limit FOR UPDATE
    """)
    return {row.member_id: row.card_number for row in await conn.execute(query, {"limit": limit})}


async def keep_ends(conn: AsyncConnection, ends: Mapping[int, str]) -> None:
    """Keep the last four digits of these members' card numbers, with one statement."""
    query = sa.text("""
        UPDATE cards SET number_end = new.number_end
        FROM unnest(CAST(:members AS bigint[]), CAST(:ends AS text[])) AS new(member_id, number_end)
        WHERE cards.member_id = new.member_id
    """)
    await conn.execute(query, {"members": list(ends), "ends": list(ends.values())})
