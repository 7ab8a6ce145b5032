"""All SQL of what unions moved to their district (基层缴费)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.tables import ENROLMENTS
from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.payments.tables import UNION_PAYMENTS
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

_RECORD = sa.text("""
    INSERT INTO union_payments (enrolment_id, amount_fen, paid_on, note, recorded_by)
    SELECT enrolment_id, amount_fen, :on, :note, :by
    FROM unnest(CAST(:ids AS bigint[]), CAST(:amounts AS bigint[])) AS new(enrolment_id, amount_fen)
""")

_ADD = sa.text("""
    UPDATE enrolments e SET paid_fen = e.paid_fen + new.amount_fen, paid_on = :on, changed_at = :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:amounts AS bigint[])) AS new(enrolment_id, amount_fen)
    WHERE e.id = new.enrolment_id
""")


async def locked(conn: AsyncConnection, district_id: int, ids: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """The district's lists by id, locked in their order."""
    columns = ENROLMENTS.c
    query = sa.select(ENROLMENTS).where(columns.id.in_(ids), columns.district_id == district_id)
    return {row.id: row for row in await conn.execute(query.order_by(columns.id).with_for_update())}


async def record(tx: Transaction, amounts: Mapping[int, int], on: date, note: str, by: int) -> None:
    """Amounts in fen by list; a negative one takes back a mistake. Two statements, whatever the number."""
    values: dict[str, Any] = {"ids": list(amounts), "amounts": list(amounts.values()), "on": on}
    await tx.conn.execute(_RECORD, values | {"note": note, "by": by})
    await tx.conn.execute(_ADD, values | {"now": tx.now})


async def page(
    conn: AsyncConnection,
    pattern: str,
    year: int | None,
    union_id: int | None,
    enrolment_id: int | None,
    before_id: int | None,
    limit: int,
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """What was recorded for unions whose path is LIKE ``pattern``, the newest first; and how many, at first."""
    payments, lists, unions = UNION_PAYMENTS.c, ENROLMENTS.c, ORGANISATIONS.c
    joined = sa.join(UNION_PAYMENTS, ENROLMENTS, lists.id == payments.enrolment_id).join(
        ORGANISATIONS, unions.id == lists.union_id
    )
    where = [
        unions.path.like(pattern),
        *conditions(
            (year, lambda value: lists.coverage_year == value),
            (union_id, lambda value: lists.union_id == value),
            (enrolment_id, lambda value: payments.enrolment_id == value),
        ),
    ]
    total = None
    if before_id is None:
        total = await conn.scalar(sa.select(sa.func.count()).select_from(joined).where(*where))
    else:
        where.append(payments.id < before_id)
    shown = sa.select(UNION_PAYMENTS, lists.union_id, lists.class_code, unions.name.label("union_name"))
    query = shown.select_from(joined).where(*where).order_by(payments.id.desc()).limit(limit)
    return (await conn.execute(query)).all(), total
