"""All SQL of the outlets."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.outlets.tables import OUTLETS

_FIELDS = ("code", "branch", "name", "address", "phone")
_REPLACE = sa.text("""
    WITH new AS (
        SELECT * FROM unnest(CAST(:code AS text[]), CAST(:branch AS text[]), CAST(:name AS text[]),
                             CAST(:address AS text[]), CAST(:phone AS text[]))
            AS file(code, branch, name, address, phone)
    ), gone AS (
        UPDATE outlets SET active = false WHERE active AND code NOT IN (SELECT code FROM new)
    )
    INSERT INTO outlets (code, branch, name, address, phone, active) SELECT new.*, true FROM new
    ON CONFLICT (code) DO UPDATE SET branch = excluded.branch, name = excluded.name, address = excluded.address,
        phone = excluded.phone, active = true
""")


async def replace(conn: AsyncConnection, rows: Sequence[dict[str, str]]) -> None:
    """Take over the whole directory."""
    await conn.execute(_REPLACE, {field: [row[field] for row in rows] for field in _FIELDS})


async def page(conn: AsyncConnection, branch: str | None, after_code: str | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Outlets on offer, by code."""
    columns = OUTLETS.c
    query = sa.select(OUTLETS).where(columns.active).order_by(columns.code).limit(limit)
    if branch is not None:
        query = query.where(columns.branch == branch)
    if after_code is not None:
        query = query.where(columns.code > after_code)
    return (await conn.execute(query)).all()


async def find(conn: AsyncConnection, branch: str, code: str) -> sa.Row[Any] | None:
    """The outlet on offer with this code in this branch."""
    columns = OUTLETS.c
    query = sa.select(OUTLETS).where(columns.active, columns.branch == branch, columns.code == code)
    return (await conn.execute(query)).one_or_none()
