"""All SQL of batches after their submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches import events
from insurance_svc.batches.tables import BATCH_SUMS, BATCHES
from insurance_svc.ledger.rules import BatchMoney
from insurance_svc.metadata import ORGANISATIONS
from unioncard.auth import Scope
from unioncard.contracts.insurance import PremiumStanding, PremiumState
from unioncard.dates import day_end_exclusive
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

# A district whose own calendar row names its last day is not moved by the row for all; nor is what is due so many days
# after it was passed, whatever days its scheme's campaign has.
_MOVE_DUE = sa.text("""
    UPDATE batches b SET due_on = :due_on, changed_at = :now
    WHERE b.state = 'passed' AND b.scheme = :scheme AND b.coverage_year = :year AND b.due_on <> :due_on
      AND (b.district_id = :district OR :district = 0 AND NOT EXISTS (
          SELECT FROM calendar c WHERE c.scheme = b.scheme AND c.coverage_year = b.coverage_year
            AND c.phase = 'payment' AND c.district_id = b.district_id))
      AND EXISTS (SELECT FROM enrolments e WHERE e.batch_number = b.number AND e.way = 'centralized')
    RETURNING b.*
""")

# Whether the campaign's own days judge its payment: it is so for lists of the campaign, and for no other way.
_CENTRALIZED = sa.text("SELECT EXISTS (SELECT FROM enrolments WHERE batch_number = :number AND way = 'centralized')")

_BACK_TO_REVIEW = sa.text("""
    UPDATE enrolments SET state = 'submitted', batch_number = NULL, return_reason = :reason, changed_at = :now
    WHERE batch_number = :number AND state = 'in_batch' RETURNING id
""")

# Whoever has paid in time and is written off cannot be void any more, and the other way round.
_WRITE_OFF = sa.text("""
    UPDATE batches SET state = 'written_off', written_off_at = :now, written_off_by = :by, changed_at = :now
    WHERE number = ANY(CAST(:numbers AS text[])) AND state = 'passed' AND received_fen >= due_fen
    RETURNING *
""")

_PRICES = sa.text("""
    SELECT e.id, o.name AS union_name, e.way, e.class_code, p.*
    FROM enrolments e JOIN enrolment_prices p ON p.enrolment_id = e.id LEFT JOIN organisations o ON o.id = e.union_id
    WHERE e.batch_number = :number ORDER BY o.name, e.id, p.term
""")

_DETAILS_SENT = sa.text("""
    UPDATE batches SET details_sent_at = coalesce(details_sent_at, :now) WHERE number = :number RETURNING *
""")

_PAID = sa.text("""
    SELECT number FROM batches WHERE state = 'passed' AND received_fen >= due_fen
      AND (CAST(:scheme AS text) IS NULL OR scheme = :scheme)
      AND (CAST(:year AS smallint) IS NULL OR coverage_year = :year)
    ORDER BY number LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of batches is narrowed by."""

    number: str | None = None
    district_id: int | None = None
    scheme: str | None = None
    coverage_year: int | None = None
    state: str | None = None
    submitted_from: datetime | None = None
    submitted_until: datetime | None = None
    unpaid: bool | None = None
    overdue_on: date | None = None


async def by_numbers(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number."""
    rows = await conn.execute(sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)))
    return {row.number: row for row in rows}


async def locked(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number, locked in their order: whoever changes a batch waits for the one before."""
    query = sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)).order_by(BATCHES.c.number).with_for_update()
    return {row.number: row for row in await conn.execute(query)}


async def locked_one(conn: AsyncConnection, number: str) -> sa.Row[Any] | None:
    """One batch, locked."""
    return (await locked(conn, [number])).get(number)


async def find(conn: AsyncConnection, scope: Scope, number: str) -> sa.Row[Any] | None:
    """A batch in the caller's scope, with the district's name."""
    query = _with_district().where(BATCHES.c.number == number, scope.covers(ORGANISATIONS.c.path))
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def with_district(conn: AsyncConnection, number: str) -> sa.Row[Any]:
    """A batch that is known to be, with the district's name."""
    row: sa.Row[Any] = (await conn.execute(_with_district().where(BATCHES.c.number == number))).one()
    return row


async def federation_ids(conn: AsyncConnection) -> list[int]:
    """The organisation to which the federation's and the centre's accounts belong."""
    columns = ORGANISATIONS.c
    return list((await conn.execute(sa.select(columns.id).where(columns.level == "federation"))).scalars())


async def prices(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """A batch's lists by union, a row for each price of each."""
    return (await conn.execute(_PRICES, {"number": number})).all()


async def details_sent(tx: Transaction, number: str) -> sa.Row[Any]:
    """The payment details are on their way; the first time counts."""
    return (await tx.conn.execute(_DETAILS_SENT, {"number": number, "now": tx.now})).one()


async def sums(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """A batch's sums by class and term."""
    columns = BATCH_SUMS.c
    query = sa.select(BATCH_SUMS).where(columns.batch_number == number).order_by(columns.class_code, columns.term)
    return (await conn.execute(query)).all()


def _with_district() -> sa.Select[Any]:
    joined = sa.join(BATCHES, ORGANISATIONS, ORGANISATIONS.c.id == BATCHES.c.district_id)
    return sa.select(BATCHES, ORGANISATIONS.c.name.label("district_name")).select_from(joined)


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, before: str | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Batches in the caller's scope, the newest number first."""
    query = _with_district().where(scope.covers(ORGANISATIONS.c.path), *_narrowed(filters, with_state=True))
    if before is not None:
        query = query.where(BATCHES.c.number < before)
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query.order_by(BATCHES.c.number.desc()).limit(limit))).all()
    return rows


async def states(conn: AsyncConnection, scope: Scope, filters: Filters) -> dict[str, int]:
    """How many batches there are in each state, the state itself not filtered by: the counts of the tabs."""
    query = (
        sa.select(BATCHES.c.state, sa.func.count())
        .join(ORGANISATIONS, ORGANISATIONS.c.id == BATCHES.c.district_id)
        .where(scope.covers(ORGANISATIONS.c.path), *_narrowed(filters, with_state=False))
        .group_by(BATCHES.c.state)
    )
    return {row.state: row[1] for row in await conn.execute(query)}


def _narrowed(filters: Filters, *, with_state: bool) -> list[sa.ColumnElement[bool]]:
    columns = BATCHES.c
    paid = columns.received_fen >= columns.due_fen
    return conditions(
        (filters.number, lambda value: columns.number == value),
        (filters.district_id, lambda value: columns.district_id == value),
        (filters.scheme, lambda value: columns.scheme == value),
        (filters.coverage_year, lambda value: columns.coverage_year == value),
        (filters.state if with_state else None, lambda value: columns.state == value),
        (filters.submitted_from, lambda value: columns.submitted_at >= value),
        (filters.submitted_until, lambda value: columns.submitted_at < value),
        (filters.unpaid, lambda value: sa.and_(columns.state == "passed", sa.not_(paid)) == value),
        (filters.overdue_on, lambda value: sa.and_(columns.state == "passed", columns.due_on < value)),
    )


async def is_centralized(conn: AsyncConnection, number: str) -> bool:
    """Whether the campaign's own days judge the batch's payment."""
    return bool(await conn.scalar(_CENTRALIZED, {"number": number}))


async def change(tx: Transaction, number: str, **values: Any) -> sa.Row[Any]:
    """Change a locked batch; its row as it is then."""
    query = sa.update(BATCHES).where(BATCHES.c.number == number).values(**values, changed_at=tx.now)
    row: sa.Row[Any] = (await tx.conn.execute(query.returning(BATCHES))).one()
    return row


async def back_to_review(tx: Transaction, number: str, reason: str) -> list[int]:
    """A returned batch's lists lie before the district again; their ids."""
    values = {"number": number, "reason": reason, "now": tx.now}
    return list((await tx.conn.execute(_BACK_TO_REVIEW, values)).scalars())


async def paid(conn: AsyncConnection, scheme: str | None, year: int | None, limit: int) -> list[str]:
    """Numbers of batches that are paid and not written off yet."""
    values = {"scheme": scheme, "year": year, "limit": limit}
    return list((await conn.execute(_PAID, values)).scalars())


async def write_off(tx: Transaction, numbers: Sequence[str], by: int) -> Sequence[sa.Row[Any]]:
    """Write off those that are passed and paid (核销); their rows. Locked before, in their order."""
    return (await tx.conn.execute(_WRITE_OFF, {"numbers": list(numbers), "by": by, "now": tx.now})).all()


def money_of(row: Any) -> BatchMoney:
    """What the ledger needs to know of a batch's row."""
    return BatchMoney(
        number=row.number,
        district_id=row.district_id,
        coverage_year=row.coverage_year,
        fee_fen=row.fee_fen,
        subsidy_fen=row.subsidy_fen,
        credit_fen=row.credit_fen,
        due_fen=row.due_fen,
        received_fen=row.received_fen,
    )


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
