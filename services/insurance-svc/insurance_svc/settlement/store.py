"""All SQL of the settlement after a year's end (清算)."""

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.settlement.tables import SETTLEMENTS
from unioncard.auth import Scope
from unioncard.unit_of_work import Transaction

_ENTER = sa.text("""
    INSERT INTO settlements (district_id, coverage_year, amount_fen, reason, entered_by, entered_at)
    VALUES (:district, :year, :amount, :reason, :by, :now)
    ON CONFLICT (district_id, coverage_year) WHERE state <> 'refused' DO NOTHING
    RETURNING id
""")

_DECIDE = sa.text("""
    UPDATE settlements SET state = :state, decided_by = :by, decided_at = :now
    WHERE id = :id AND state = 'waiting' AND entered_by <> :by RETURNING *
""")

# The year's money of each district: what was written off, what its claims cost, and what the settlement
# made of it.
_OVERVIEW = sa.text("""
    SELECT o.id AS district_id, o.name AS district_name, coalesce(b.heads, 0) AS heads,
        coalesce(b.premiums_fen, 0) AS premiums_fen, coalesce(b.subsidy_fen, 0) AS subsidy_fen,
        coalesce(b.credit_fen, 0) AS credit_used_fen, coalesce(c.credit_fen, 0) AS credit_fen,
        coalesce(l.payouts, 0) AS payouts, CAST(coalesce(l.losses_fen, 0) AS bigint) AS losses_fen,
        s.id AS settlement_id, s.state, s.amount_fen
    FROM organisations o
    LEFT JOIN (SELECT district_id, sum(heads) AS heads, sum(fee_fen) AS premiums_fen, sum(subsidy_fen) AS subsidy_fen,
                   sum(credit_fen) AS credit_fen
               FROM batches WHERE coverage_year = :year AND state = 'written_off' GROUP BY 1) b ON b.district_id = o.id
    LEFT JOIN (SELECT district_id, -sum(amount_fen) AS credit_fen FROM ledger
               WHERE account = 'district_credit' GROUP BY 1) c ON c.district_id = o.id
    LEFT JOIN (SELECT district_id, sum(amount_fen) AS losses_fen,
                   count(DISTINCT payout_number) FILTER (WHERE NOT came_back)
                   - count(DISTINCT payout_number) FILTER (WHERE came_back) AS payouts
               FROM losses WHERE coverage_year = :year GROUP BY 1) l ON l.district_id = o.id
    LEFT JOIN settlements s ON s.district_id = o.id AND s.coverage_year = :year AND s.state <> 'refused'
    WHERE o.level = 'district' AND o.path LIKE :scope AND o.id > :after ORDER BY o.id LIMIT :limit
""")


async def enter(tx: Transaction, district_id: int, year: int, amount_fen: int, reason: str, by: int) -> int | None:
    """A surplus or shortfall that waits for a second pair of eyes; None if there is one for that year."""
    values = {"district": district_id, "year": year, "amount": amount_fen, "reason": reason, "by": by, "now": tx.now}
    made: int | None = await tx.conn.scalar(_ENTER, values)
    return made


async def decide(
    tx: Transaction, settlement_id: int, state: Literal["approved", "refused"], by: int
) -> sa.Row[Any] | None:
    """Decide what another account entered; its row, None unless it waits for somebody else."""
    values = {"id": settlement_id, "state": state, "by": by, "now": tx.now}
    row: sa.Row[Any] | None = (await tx.conn.execute(_DECIDE, values)).one_or_none()
    return row


async def find(conn: AsyncConnection, settlement_id: int) -> sa.Row[Any] | None:
    """One entry, with the district's name."""
    joined = sa.join(SETTLEMENTS, ORGANISATIONS, ORGANISATIONS.c.id == SETTLEMENTS.c.district_id)
    query = sa.select(SETTLEMENTS, ORGANISATIONS.c.name.label("district_name")).select_from(joined)
    row: sa.Row[Any] | None = (await conn.execute(query.where(SETTLEMENTS.c.id == settlement_id))).one_or_none()
    return row


async def page(
    conn: AsyncConnection, scope: Scope, year: int | None, state: str | None, before_id: int | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Entries of districts in the caller's scope, the newest first."""
    columns = SETTLEMENTS.c
    joined = sa.join(SETTLEMENTS, ORGANISATIONS, ORGANISATIONS.c.id == columns.district_id)
    query = sa.select(SETTLEMENTS, ORGANISATIONS.c.name.label("district_name")).select_from(joined)
    query = query.where(scope.covers(ORGANISATIONS.c.path))
    if year is not None:
        query = query.where(columns.coverage_year == year)
    if state is not None:
        query = query.where(columns.state == state)
    if before_id is not None:
        query = query.where(columns.id < before_id)
    return (await conn.execute(query.order_by(columns.id.desc()).limit(limit))).all()


async def overview(conn: AsyncConnection, scope: Scope, year: int, after_id: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Districts with a year's money, in the order of their ids."""
    values = {"year": year, "scope": scope.pattern, "after": after_id, "limit": limit}
    return (await conn.execute(_OVERVIEW, values)).all()
