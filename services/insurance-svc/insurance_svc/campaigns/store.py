"""All SQL of the campaigns."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.campaigns.tables import CAMPAIGNS

# A campaign is a scheme and year in whose calendar unions have a window.
_PLAN = sa.text("""
    INSERT INTO campaigns (scheme, coverage_year)
    SELECT DISTINCT scheme, coverage_year FROM calendar WHERE phase = 'union_window'
    ON CONFLICT DO NOTHING
""")


async def plan(conn: AsyncConnection) -> None:
    """Have a row for each campaign that the calendar plans."""
    await conn.execute(_PLAN)


async def find(conn: AsyncConnection, scheme: str, year: int, *, lock: bool = False) -> sa.Row[Any] | None:
    """The campaign, if the calendar plans one."""
    columns = CAMPAIGNS.c
    query = sa.select(CAMPAIGNS).where(columns.scheme == scheme, columns.coverage_year == year)
    return (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
