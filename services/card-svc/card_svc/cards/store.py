"""All SQL of the card state itself: what others change, they tell from here."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.cards import CardsChanged, CardState, CardStateOfMember
from unioncard.unit_of_work import Transaction

EVENT_MEMBERS = 1000
_LOCK_SPACE = 7236201


class Changed(NamedTuple):
    """A card state that has just changed."""

    member_id: int
    version: int
    state: str
    union_id: int


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
            member_id=one.member_id, version=one.version, state=CardState(one.state)
        )
        by_union[one.union_id].append(card)
    for union_id, cards in by_union.items():
        for start in range(0, len(cards), EVENT_MEMBERS):
            event = CardsChanged(union_id=union_id, cards=cards[start : start + EVENT_MEMBERS])
            tx.publish(event, key=str(union_id), subject=str(union_id), traceparent=traceparent)


async def snapshot_page(conn: AsyncConnection, after: int, limit: int) -> list[Changed]:
    """Card states by member id, for telling all of them anew."""
    rows = await conn.execute(
        sa.text("""
            SELECT c.member_id, c.version, c.state, coalesce(m.union_id, 0)
            FROM cards c LEFT JOIN members m ON m.id = c.member_id
            WHERE c.member_id > :after ORDER BY c.member_id LIMIT :limit
        """),
        {"after": after, "limit": limit},
    )
    return [Changed(*row) for row in rows]


def changed(rows: Iterable[Any]) -> list[Changed]:
    """Rows of (member_id, version, state, union_id)."""
    return [Changed(*row) for row in rows]
