"""All SQL of the statistics: what was asked for comes from the claims' parts, what was paid from the books."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Scope

# A claim over two policies counts in the lines of both. Who was not covered has no year and no class, and so no line.
# "given up" is what lapsed or was withdrawn; a claim that is not decided yet has refused nothing.
_LINES = """
    WITH asked AS (
        SELECT p.district_id, p.coverage_year, p.class_code, c.benefit,
               count(DISTINCT c.number) AS claims,
               count(DISTINCT c.number) FILTER (WHERE c.approved_fen > 0) AS approved_claims,
               sum(p.claimed_fen) AS claimed_fen, sum(p.approved_fen) AS approved_fen,
               coalesce(sum(p.claimed_fen - p.approved_fen) FILTER (
                   WHERE c.state IN ('to_pay', 'paying', 'paid', 'returned', 'refused', 'closed')), 0) AS refused_fen,
               coalesce(sum(p.claimed_fen) FILTER (WHERE c.state IN ('lapsed', 'withdrawn')), 0) AS given_up_fen
        FROM claim_parts p JOIN claims c ON c.number = p.claim_number
        WHERE true {asked}
        GROUP BY 1, 2, 3, 4
    ), books AS (
        SELECT l.district_id, l.coverage_year, l.class_code, c.benefit, -sum(l.amount_fen) AS paid_fen
        FROM ledger l JOIN claims c ON c.number = l.claim_number
        WHERE l.account = 'cash' {books}
        GROUP BY 1, 2, 3, 4
    )
    SELECT a.district_id, d.name AS district_name, a.coverage_year, a.class_code, a.benefit, a.claims,
           a.approved_claims, CAST(a.claimed_fen AS bigint) AS claimed_fen,
           CAST(a.approved_fen AS bigint) AS approved_fen, CAST(a.refused_fen AS bigint) AS refused_fen,
           CAST(a.given_up_fen AS bigint) AS given_up_fen, CAST(coalesce(b.paid_fen, 0) AS bigint) AS paid_fen,
           CAST(a.claimed_fen - a.refused_fen - a.given_up_fen - coalesce(b.paid_fen, 0) AS bigint) AS pending_fen
    FROM asked a JOIN organisations d ON d.id = a.district_id
    LEFT JOIN books b USING (district_id, coverage_year, class_code, benefit)
    WHERE d.path LIKE :scope
    ORDER BY a.coverage_year DESC, d.name, a.district_id, a.class_code, a.benefit LIMIT :limit
"""


async def lines(
    conn: AsyncConnection,
    scope: Scope,
    *,
    coverage_year: int | None,
    district_id: int | None,
    class_code: str | None,
    benefit: str | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Sums by the policy's district, year and class, and by benefit, the latest year first."""
    wanted = {"coverage_year": coverage_year, "district_id": district_id, "class_code": class_code}
    given = {name: value for name, value in wanted.items() if value is not None}
    asked = "".join(f" AND p.{name} = :{name}" for name in given)
    books = "".join(f" AND l.{name} = :{name}" for name in given)
    if benefit is not None:
        asked, books = f"{asked} AND c.benefit = :benefit", f"{books} AND c.benefit = :benefit"
        given["benefit"] = benefit
    query = sa.text(_LINES.format(asked=asked, books=books))
    return (await conn.execute(query, given | {"scope": scope.pattern, "limit": limit})).all()
