"""All SQL of the losses."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Scope
from unioncard.contracts.claims import PayoutSettled

_TAKE_OVER = sa.text("""
    INSERT INTO losses (payout_number, district_id, coverage_year, class_code, came_back, benefit, amount_fen)
    SELECT payout_number, district_id, coverage_year, class_code, amount_fen < 0, benefit, amount_fen
    FROM unnest(CAST(:payouts AS text[]), CAST(:districts AS bigint[]), CAST(:years AS smallint[]),
                CAST(:classes AS text[]), CAST(:benefits AS text[]), CAST(:amounts AS bigint[]))
         AS new(payout_number, district_id, coverage_year, class_code, benefit, amount_fen)
    ON CONFLICT DO NOTHING
""")

_LINES = sa.text("""
    SELECT l.district_id, o.name AS district_name, l.class_code, l.benefit,
           count(*) FILTER (WHERE NOT l.came_back) - count(*) FILTER (WHERE l.came_back) AS payouts,
           CAST(sum(l.amount_fen) AS bigint) AS losses_fen
    FROM losses l JOIN organisations o ON o.id = l.district_id
    WHERE l.coverage_year = :year AND o.path LIKE :scope
    GROUP BY l.district_id, o.name, l.class_code, l.benefit
    ORDER BY l.district_id, l.class_code, l.benefit LIMIT :limit
""")


async def take_over(conn: AsyncConnection, settled: Sequence[PayoutSettled]) -> None:
    """Count each payout once, with one statement."""
    values = {
        "payouts": [one.payout_number for one in settled],
        "districts": [one.district_id for one in settled],
        "years": [one.coverage_year for one in settled],
        "classes": [one.class_code for one in settled],
        "benefits": [one.benefit.value for one in settled],
        "amounts": [one.amount_fen for one in settled],
    }
    await conn.execute(_TAKE_OVER, values)


async def lines(conn: AsyncConnection, scope: Scope, year: int, limit: int) -> Sequence[sa.Row[Any]]:
    """A year's losses by district, class and benefit."""
    values = {"year": year, "scope": scope.pattern, "limit": limit}
    return (await conn.execute(_LINES, values)).all()
