"""All SQL on the read model of card states."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.cards import CardStateOfMember

_UPSERT = sa.text("""
    INSERT INTO member_cards (member_id, version, state)
    SELECT DISTINCT ON (member_id) * FROM unnest(
        CAST(:members AS bigint[]), CAST(:versions AS bigint[]), CAST(:states AS text[])
    ) AS new(member_id, version, state) ORDER BY member_id, version DESC
    ON CONFLICT (member_id) DO UPDATE SET version = excluded.version, state = excluded.state
    WHERE member_cards.version < excluded.version
""")


async def take_over(conn: AsyncConnection, cards: Sequence[CardStateOfMember]) -> None:
    """Keep what is newer than what we have, with one statement."""
    values = {
        "members": [one.member_id for one in cards],
        "versions": [one.version for one in cards],
        "states": [one.state.value for one in cards],
    }
    await conn.execute(_UPSERT, values)
