"""What this service asks its copy of the organisation tree."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.metadata import ORGANISATIONS
from unioncard.problems import not_found


async def district_code_of(conn: AsyncConnection, union_id: int) -> str:
    """区局编号 of the union's district, or 404 while this service has not heard of the union."""
    columns = ORGANISATIONS.c
    code = await conn.scalar(sa.select(columns.district_code).where(columns.id == union_id))
    if code is None:
        raise not_found("您所属的区局（产业）工会")
    return str(code)


async def names_of(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, str]:
    """Names by id."""
    columns = ORGANISATIONS.c
    rows = await conn.execute(sa.select(columns.id, columns.name).where(columns.id.in_(ids)))
    return {row.id: row.name for row in rows}
