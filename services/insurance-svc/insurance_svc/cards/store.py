"""All SQL of the read model of card states."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.cards import CardStateOfMember

_UPSERT = sa.text("""
    INSERT INTO cards (member_id, version, state, numbered_on, number_end)
    SELECT DISTINCT ON (member_id) *
    FROM unnest(CAST(:members AS bigint[]), CAST(:versions AS bigint[]), CAST(:states AS text[]),
                CAST(:numbered AS date[]), CAST(:ends AS text[]))
         AS new(member_id, version, state, numbered_on, number_end)
    ORDER BY member_id, version DESC
    ON CONFLICT (member_id) DO UPDATE SET version = excluded.version, state = excluded.state,
        numbered_on = excluded.numbered_on, number_end = excluded.number_end
    WHERE cards.version < excluded.version
""")


async def take_over(conn: AsyncConnection, cards: Sequence[CardStateOfMember]) -> None:
    """Take over what is newer than what we have, with one statement."""
    if cards:
        await conn.execute(
            _UPSERT,
            {
                "members": [card.member_id for card in cards],
                "versions": [card.version for card in cards],
                "states": [card.state.value for card in cards],
                "numbered": [card.numbered_on for card in cards],
                "ends": [card.number_end for card in cards],
            },
        )
