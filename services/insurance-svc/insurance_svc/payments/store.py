"""All SQL of union payments and bank statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.payments.rules import Match, Outcome
from insurance_svc.payments.tables import STATEMENT_LINES, STATEMENTS
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

# One change of the account's statements at a time.
_LOCK = sa.text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), 0)")
_STATEMENT_LOCK = 0xBA4C

_ADD_DAYS = sa.text("""
    INSERT INTO statements (day, lines, amount_fen, loaded_by)
    SELECT day, lines, amount_fen, :by
    FROM unnest(CAST(:days AS date[]), CAST(:lines AS integer[]), CAST(:amounts AS bigint[]))
        AS new(day, lines, amount_fen)
""")

_ADD_LINES = sa.text("""
    INSERT INTO statement_lines (bank_reference, day, amount_fen, counted_fen, payer, remark, batch_number, outcome)
    SELECT * FROM unnest(CAST(:references AS text[]), CAST(:days AS date[]), CAST(:amounts AS bigint[]),
        CAST(:counted AS bigint[]), CAST(:payers AS text[]), CAST(:remarks AS text[]), CAST(:batches AS text[]),
        CAST(:outcomes AS text[]))
""")

_RECEIVE = sa.text("""
    UPDATE batches b SET received_fen = b.received_fen + new.counted, changed_at = :now
    FROM (SELECT number, sum(counted) AS counted
          FROM unnest(CAST(:numbers AS text[]), CAST(:counted AS bigint[])) AS one(number, counted) GROUP BY 1) new
    WHERE b.number = new.number AND new.counted > 0
""")

# What was short is short no longer once the rest came.
_COMPLETE = sa.text("""
    UPDATE statement_lines l SET settlement = 'attached', settled_at = :now, note = '余款已到账'
    FROM batches b
    WHERE b.number = ANY(CAST(:numbers AS text[])) AND b.received_fen >= b.due_fen AND l.batch_number = b.number
      AND l.outcome = 'short' AND l.settlement IS NULL
""")

_LOADED = sa.text("SELECT day FROM statements WHERE day BETWEEN :first AND :last ORDER BY day")

_OPEN_DAYS = sa.text("""
    SELECT DISTINCT day FROM statement_lines
    WHERE outcome = 'wrong_reference' AND settlement IS NULL AND day BETWEEN :first AND :last
""")

# Every day on which the money could have come is loaded, and none of them holds money nobody knows whose it is.
_RECONCILED = sa.text("""
    SELECT (SELECT count(*) FROM statements WHERE day BETWEEN :first AND :last)
            = CAST(:last AS date) - CAST(:first AS date) + 1
        AND NOT EXISTS (SELECT FROM statement_lines WHERE outcome = 'wrong_reference' AND settlement IS NULL
                        AND day BETWEEN :first AND :last)
""")

_UNCOUNT = sa.text("UPDATE statement_lines SET counted_fen = 0 WHERE batch_number = :number AND counted_fen > 0")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of movements is narrowed by."""

    first_day: date | None = None
    last_day: date | None = None
    outcome: str | None = None
    open: bool | None = None
    batch_number: str | None = None


async def lock(conn: AsyncConnection) -> None:
    """Until the transaction ends nobody else loads or settles."""
    await conn.execute(_LOCK, {"space": _STATEMENT_LOCK})


async def loaded_days(conn: AsyncConnection, first: date, last: date) -> list[date]:
    """Days of this period whose statement is loaded."""
    return list((await conn.execute(_LOADED, {"first": first, "last": last})).scalars())


async def known_references(conn: AsyncConnection, references: Sequence[str]) -> set[str]:
    """Which of the bank's own numbers were loaded before."""
    columns = STATEMENT_LINES.c
    query = sa.select(columns.bank_reference).where(columns.bank_reference.in_(references))
    return set((await conn.execute(query)).scalars())


async def add(
    tx: Transaction,
    days: Mapping[date, tuple[int, int]],
    matches: Sequence[Match],
    sealed: Mapping[str, tuple[str, str]],
    by: int,
) -> None:
    """Keep a statement: a row a day (lines, amount in fen), a row a movement, what each batch received.

    ``sealed`` holds each reference's encrypted payer and remark. Four statements, whatever the size.
    """
    values: dict[str, Any] = {
        "days": list(days),
        "lines": [lines for lines, _ in days.values()],
        "amounts": [amount for _, amount in days.values()],
    }
    await tx.conn.execute(_ADD_DAYS, values | {"by": by})
    values = {
        "references": [one.line.reference for one in matches],
        "days": [one.line.day for one in matches],
        "amounts": [one.line.amount_fen for one in matches],
        "counted": [one.counted_fen for one in matches],
        "payers": [sealed[one.line.reference][0] for one in matches],
        "remarks": [sealed[one.line.reference][1] for one in matches],
        "batches": [one.number for one in matches],
        "outcomes": [one.outcome.value for one in matches],
    }
    await tx.conn.execute(_ADD_LINES, values)
    paying = {one.number: 0 for one in matches if one.number}
    for one in matches:
        if one.number:
            paying[one.number] += one.counted_fen
    await receive(tx, paying)


async def receive(tx: Transaction, counted: Mapping[str, int]) -> None:
    """Batches received so much; what they were short of before is settled where it is all there now."""
    values = {"numbers": list(counted), "counted": list(counted.values()), "now": tx.now}
    await tx.conn.execute(_RECEIVE, values)
    await tx.conn.execute(_COMPLETE, {"numbers": list(counted), "now": tx.now})


async def uncount(tx: Transaction, number: str) -> None:
    """A batch is void: what was paid of it is to be given back, movement by movement."""
    await tx.conn.execute(_UNCOUNT, {"number": number})


async def reconciled(conn: AsyncConnection, first: date, last: date) -> bool:
    """Whether the statements of all these days are loaded and every movement in them belongs to somebody."""
    return bool(await conn.scalar(_RECONCILED, {"first": first, "last": last}))


async def open_days(conn: AsyncConnection, first: date, last: date) -> set[date]:
    """Days with a movement that nobody knows whose it is."""
    return set((await conn.execute(_OPEN_DAYS, {"first": first, "last": last})).scalars())


async def line(conn: AsyncConnection, reference: str) -> sa.Row[Any] | None:
    """A movement, locked."""
    query = sa.select(STATEMENT_LINES).where(STATEMENT_LINES.c.bank_reference == reference).with_for_update()
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def change_line(tx: Transaction, reference: str, **values: Any) -> None:
    """Change a locked movement."""
    await tx.conn.execute(
        sa.update(STATEMENT_LINES).where(STATEMENT_LINES.c.bank_reference == reference).values(**values)
    )


async def days_page(conn: AsyncConnection, before: date | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Loaded days, the newest first."""
    query = sa.select(STATEMENTS).order_by(STATEMENTS.c.day.desc()).limit(limit)
    if before is not None:
        query = query.where(STATEMENTS.c.day < before)
    return (await conn.execute(query)).all()


async def lines_page(
    conn: AsyncConnection, filters: Filters, after: tuple[date, str] | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Movements by day and reference, and for the first page how many there are."""
    columns = STATEMENT_LINES.c
    is_open = sa.and_(columns.outcome != Outcome.EXACT.value, columns.settlement.is_(None))
    where = conditions(
        (filters.first_day, lambda value: columns.day >= value),
        (filters.last_day, lambda value: columns.day <= value),
        (filters.outcome, lambda value: columns.outcome == value),
        (filters.open, lambda value: is_open if value else sa.not_(is_open)),
        (filters.batch_number, lambda value: columns.batch_number == value),
    )
    total = None
    if after is None:
        total = await conn.scalar(sa.select(sa.func.count()).select_from(STATEMENT_LINES).where(*where))
    else:
        where.append(sa.tuple_(columns.day, columns.bank_reference) > sa.tuple_(*after))
    query = sa.select(STATEMENT_LINES).where(*where).order_by(columns.day, columns.bank_reference).limit(limit)
    return (await conn.execute(query)).all(), total
