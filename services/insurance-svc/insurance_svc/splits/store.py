"""All SQL of the fee splits (基层缴费设置)."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_SHARES = sa.text("""
    SELECT DISTINCT ON (term) term, district_fen, union_fen
    FROM fee_splits
    WHERE district_id = :district AND coverage_year = :year AND class_code = :class AND central = :central
      AND union_id IN (0, :union) AND :on BETWEEN valid_from AND valid_to
    ORDER BY term, union_id DESC
""")


@dataclass(frozen=True, slots=True)
class Share:
    """What district and union carry of a head's fee, in fen; with the subsidy they add up to the fee."""

    district_fen: int
    union_fen: int


async def shares(
    conn: AsyncConnection, district_id: int, year: int, class_code: str, central: bool, union_id: int, on: date
) -> dict[str, Share]:
    """The shares by term (``full``, ``half``) that are valid on that day, the first of the cover.

    The union's own before the district's default; a term that the district has not set is missing. Call
    :func:`insurance_svc.seasons.store.hold` first where a list is written from them.
    """
    values = {
        "district": district_id,
        "year": year,
        "class": class_code,
        "central": central,
        "union": union_id,
        "on": on,
    }
    rows = await conn.execute(_SHARES, values)
    return {row.term: Share(row.district_fen, row.union_fen) for row in rows}
