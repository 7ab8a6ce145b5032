"""What services ask their copies of the organisation tree."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.organisations import add_organisations_table
from unioncard.problems import not_found

# The same in every service that keeps the copy.
_ORGANISATIONS = add_organisations_table(sa.MetaData())

_DISTRICT_OF = sa.text("""
    SELECT d.id, d.district_code, d.name
    FROM organisations o
    JOIN organisations d ON d.id = ANY(CAST(string_to_array(trim(BOTH '/' FROM o.path), '/') AS bigint[]))
    WHERE o.id = :organisation AND d.level = 'district'
""")


@dataclass(frozen=True, slots=True)
class District:
    """A district, bureau or industry union (区局（产业）工会)."""

    id: int
    code: str
    name: str


async def district_of(conn: AsyncConnection, organisation_id: int) -> District:
    """The district that an organisation is or lies in; 404 above the districts, and for what is unknown here."""
    row = (await conn.execute(_DISTRICT_OF, {"organisation": organisation_id})).one_or_none()
    if row is None:
        raise not_found("您所属的区局（产业）工会")
    return District(row.id, row.district_code or "", row.name)


async def districts(conn: AsyncConnection) -> list[District]:
    """All of them, by code."""
    columns = _ORGANISATIONS.c
    query = (
        sa.select(columns.id, sa.func.coalesce(columns.district_code, ""), columns.name)
        .where(columns.level == "district")
        .order_by(columns.district_code, columns.id)
    )
    return [District(*row) for row in await conn.execute(query)]


async def names_of(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, str]:
    """Names by id."""
    columns = _ORGANISATIONS.c
    rows = await conn.execute(sa.select(columns.id, columns.name).where(columns.id.in_(ids)))
    return {row.id: row.name for row in rows}


async def district_on_path(conn: AsyncConnection, path: str) -> int | None:
    """The district that a path is or lies in; None above the districts."""
    columns = _ORGANISATIONS.c
    ids = [int(part) for part in path.strip("/").split("/")]
    return await conn.scalar(sa.select(columns.id).where(columns.level == "district", columns.id.in_(ids)))
