"""All SQL of the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims.rules import Catalogue, Catalogues
from claims_svc.illnesses.tables import CATALOGUES, ILLNESS_CHANGES, ILLNESSES
from unioncard.unit_of_work import Transaction

_CATALOGUES = sa.text("""
    SELECT c.coverage_year, c.class_code, c.illnesses,
           array(SELECT i.code FROM illnesses i
                 WHERE i.coverage_year = c.coverage_year AND i.class_code = c.class_code AND i.listed) AS codes
    FROM illness_catalogues c
    WHERE (c.coverage_year, c.class_code) IN (
        SELECT * FROM unnest(CAST(:years AS smallint[]), CAST(:classes AS text[])))
""")

_PUT = sa.text("""
    INSERT INTO illnesses (coverage_year, class_code, code, name, listed, source)
    VALUES (:coverage_year, :class_code, :code, :name, :listed, :source)
    ON CONFLICT (coverage_year, class_code, code) DO UPDATE SET
        name = excluded.name, listed = excluded.listed, source = excluded.source, version = illnesses.version + 1
""")


async def catalogues(conn: AsyncConnection, wanted: Sequence[tuple[int, str]]) -> Catalogues:
    """The catalogues of these years and classes, with one statement."""
    if not wanted:
        return {}
    values = {"years": [year for year, _ in wanted], "classes": [class_code for _, class_code in wanted]}
    return {
        (row.coverage_year, row.class_code): Catalogue(frozenset(row.codes), len(row.codes) >= row.illnesses)
        for row in await conn.execute(_CATALOGUES, values)
    }


async def names(conn: AsyncConnection, codes: Sequence[str]) -> dict[str, str]:
    """Names by code; of a code with several, any."""
    columns = ILLNESSES.c
    rows = await conn.execute(sa.select(columns.code, columns.name).where(columns.code.in_(codes)).distinct())
    return {row.code: row.name for row in rows}


async def listed(conn: AsyncConnection, coverage_year: int | None, class_code: str | None) -> Sequence[sa.Row[Any]]:
    """Every illness of the catalogue, those taken off too, narrowed by year and class."""
    columns = ILLNESSES.c
    query = sa.select(ILLNESSES).order_by(columns.coverage_year.desc(), columns.class_code, columns.code)
    if coverage_year is not None:
        query = query.where(columns.coverage_year == coverage_year)
    if class_code is not None:
        query = query.where(columns.class_code == class_code)
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query)).all()
    return rows


async def sizes(conn: AsyncConnection) -> dict[tuple[int, str], int]:
    """How many kinds the terms of each year and class speak of."""
    rows = await conn.execute(sa.select(CATALOGUES))
    return {(row.coverage_year, row.class_code): row.illnesses for row in rows}


async def hold_alone(conn: AsyncConnection) -> None:
    """Until the transaction ends nobody else changes the catalogue."""
    await conn.execute(sa.text("SELECT pg_advisory_xact_lock(7236402)"))


async def all_rows(conn: AsyncConnection, table: sa.Table) -> list[dict[str, Any]]:
    """Every row of a table of the catalogue."""
    return [dict(row._mapping) for row in await conn.execute(sa.select(table))]


async def add_rows(conn: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """New rows, with one statement."""
    if rows:
        await conn.execute(table.insert().values([dict(row) for row in rows]))


async def find(conn: AsyncConnection, coverage_year: int, class_code: str, code: str) -> sa.Row[Any] | None:
    """One illness of a year and class."""
    columns = ILLNESSES.c
    query = sa.select(ILLNESSES).where(
        columns.coverage_year == coverage_year, columns.class_code == class_code, columns.code == code
    )
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def put(tx: Transaction, row: Mapping[str, Any]) -> None:
    """An illness as two people want it."""
    await tx.conn.execute(_PUT, dict(row))


async def add_change(tx: Transaction, values: Mapping[str, Any], by: int) -> sa.Row[Any]:
    """A change that waits for a second pair of eyes."""
    added = {**values, "proposed_by": by, "proposed_at": tx.now}
    statement = ILLNESS_CHANGES.insert().values(added).returning(ILLNESS_CHANGES)
    row: sa.Row[Any] = (await tx.conn.execute(statement)).one()
    return row


async def lock_change(conn: AsyncConnection, change_id: int) -> sa.Row[Any] | None:
    """A change, locked."""
    query = sa.select(ILLNESS_CHANGES).where(ILLNESS_CHANGES.c.id == change_id).with_for_update()
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def decide_change(tx: Transaction, change_id: int, state: str, by: int, reason: str | None) -> sa.Row[Any]:
    """Note how a locked change was decided."""
    statement = (
        ILLNESS_CHANGES.update()
        .where(ILLNESS_CHANGES.c.id == change_id)
        .values(state=state, decided_by=by, decided_at=tx.now, decision_reason=reason)
        .returning(ILLNESS_CHANGES)
    )
    row: sa.Row[Any] = (await tx.conn.execute(statement)).one()
    return row


async def changes_page(
    conn: AsyncConnection, state: str | None, before_id: int | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int]:
    """Changes, the newest first, and how many there are."""
    columns = ILLNESS_CHANGES.c
    where = [columns.state == state] if state is not None else []
    query = sa.select(ILLNESS_CHANGES).where(*where).order_by(columns.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(columns.id < before_id)
    total = await conn.scalar(sa.select(sa.func.count()).select_from(ILLNESS_CHANGES).where(*where))
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query)).all()
    return rows, int(total or 0)
