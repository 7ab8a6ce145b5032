"""All SQL of batches after their submission."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches import events
from insurance_svc.batches.tables import BATCHES
from unioncard.contracts.insurance import PremiumStanding, PremiumState
from unioncard.dates import day_end_exclusive
from unioncard.unit_of_work import Transaction

# A district whose own calendar row names its last day is not moved by the row for all.
_MOVE_DUE = sa.text("""
    UPDATE batches b SET due_on = :due_on, changed_at = :now
    WHERE b.state = 'passed' AND b.scheme = :scheme AND b.coverage_year = :year AND b.due_on <> :due_on
      AND (b.district_id = :district OR :district = 0 AND NOT EXISTS (
          SELECT FROM calendar c WHERE c.scheme = b.scheme AND c.coverage_year = b.coverage_year
            AND c.phase = 'payment' AND c.district_id = b.district_id))
    RETURNING b.*
""")


async def by_numbers(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number."""
    rows = await conn.execute(sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)))
    return {row.number: row for row in rows}


async def locked(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number, locked in their order: whoever changes a batch waits for the one before."""
    query = sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)).order_by(BATCHES.c.number).with_for_update()
    return {row.number: row for row in await conn.execute(query)}


def standing_of(row: Any) -> PremiumStanding:
    """How a batch's row stands."""
    return PremiumStanding(
        state=PremiumState(row.state),
        due_at=day_end_exclusive(row.due_on) if row.due_on else None,
        vouchers=row.vouchers,
        received_fen=row.received_fen,
    )


async def standing(conn: AsyncConnection, number: str) -> PremiumStanding | None:
    """How a batch stands, None if there is none."""
    row = (await by_numbers(conn, [number])).get(number)
    return standing_of(row) if row else None


async def move_due(tx: Transaction, scheme: str, year: int, district_id: int, due_on: date) -> int:
    """The last day of payment moved: every passed batch of the district (0: of all without a day of their own).

    Returns how many batches moved; each says so with ``insurance.batch.due-changed.v1``.
    """
    values = {"scheme": scheme, "year": year, "district": district_id, "due_on": due_on, "now": tx.now}
    rows = (await tx.conn.execute(_MOVE_DUE, values)).all()
    for row in rows:
        events.due_changed(tx, row)
    if rows:
        moved = {"due_on": due_on, "batches": len(rows)}
        tx.audit("batches.due-moved", f"calendar:{scheme}/{year}", organisation_id=district_id or None, after=moved)
    return len(rows)
