"""All SQL of whose cards money is to reach, and of who shows a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlife.rules import AccountClass, Card, LifeState
from card_svc.cardlife.tables import LIFE_COLUMNS, LIFE_OF_CARD

# Of who has no card, whether the last one was cancelled.
_CARDS = sa.text(f"""
    SELECT asked.member_id, c.card_number, c.number_end, {LIFE_COLUMNS},
           EXISTS (SELECT 1 FROM card_lives x WHERE x.member_id = asked.member_id AND x.state = 'cancelled') AS had_one
    FROM unnest(CAST(:members AS bigint[])) AS asked(member_id)
    LEFT JOIN cards c ON c.member_id = asked.member_id AND c.state = 'issued'
    {LIFE_OF_CARD}
""")  # noqa: S608  # constants of ours

_SHOWN = sa.text(f"""
    SELECT m.state AS member_state, c.card_hash, {LIFE_COLUMNS}
    FROM members m LEFT JOIN cards c ON c.member_id = m.id AND c.state = 'issued'
    {LIFE_OF_CARD}
    WHERE m.number = :number
""")  # noqa: S608  # constants of ours


@dataclass(frozen=True, slots=True)
class PayeeCard:
    """A member's card, its number encrypted for us; of a member without one, the cancelled one that there was."""

    card: Card | None
    number: str | None
    number_end: str | None


def card_of(row: Any) -> Card | None:
    """The card of a row with LIFE_COLUMNS, None where the member has none."""
    if row.numbered_on is None:
        return None
    if row.life_state is None:
        # Of a card of the previous system silence says nothing; one that was made here is told of from the start.
        return Card(row.numbered_on, told=not row.legacy)
    return Card(
        row.numbered_on,
        LifeState(row.life_state),
        AccountClass(row.account_class),
        row.activated_on,
        row.lost_on,
        row.numbers_kept,
    )


async def cards_of(conn: AsyncConnection, members: Sequence[int]) -> dict[int, PayeeCard]:
    """The card of each of these members, with one statement; every member is in the answer."""
    rows = await conn.execute(_CARDS, {"members": list(members)})
    return {row.member_id: PayeeCard(_with_last(row), row.card_number, row.number_end) for row in rows}


def _with_last(row: Any) -> Card | None:
    card = card_of(row)
    if card is None and row.had_one:
        # On which day it was made no longer matters.
        return Card(date.min, LifeState.CANCELLED)
    return card


async def shown(conn: AsyncConnection, number: str) -> tuple[str, Card | None] | None:
    """Member state and card of who has this member number (会员编号), None if nobody has."""
    row = (await conn.execute(_SHOWN, {"number": number})).first()
    return (row.member_state, card_of(row)) if row else None
