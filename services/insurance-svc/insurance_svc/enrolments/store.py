"""All SQL of lists but their submission: what others read of a list, and the union's list of lists."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.seasons.store import SEASON_LOCKS

# Submissions of a union and releases of its lists, one after the other.
_LOCK_SPACE = 7236301

_LOCK = sa.text("""
    SELECT pg_advisory_xact_lock(CAST(:space AS integer), slot)
    FROM (SELECT DISTINCT hashint8(union_id) AS slot FROM unnest(CAST(:unions AS bigint[])) AS one(union_id)
          ORDER BY slot) AS slots
""")

_HOLD_AND_LOCK = sa.text("""
    SELECT pg_advisory_xact_lock_shared(CAST(:season_space AS integer), year)
    FROM (SELECT DISTINCT year FROM unnest(CAST(:years AS integer[])) AS one(year) ORDER BY year) AS seasons
    UNION ALL
    SELECT pg_advisory_xact_lock(CAST(:space AS integer), slot)
    FROM (SELECT DISTINCT hashint8(union_id) AS slot FROM unnest(CAST(:unions AS bigint[])) AS one(union_id)
          ORDER BY slot) AS slots
""")

_BY_IDS = sa.text("SELECT * FROM enrolments WHERE id = ANY(:ids)")

_OF_DISTRICT = sa.text("""
    SELECT e.*, o.name AS union_name
    FROM enrolments e LEFT JOIN organisations o ON o.id = e.union_id
    WHERE e.district_id = :district AND e.coverage_year = :year AND e.scheme = :scheme AND e.state = ANY(:states)
    ORDER BY e.id
""")


async def lock_unions(conn: AsyncConnection, union_ids: Collection[int]) -> None:
    """Until the transaction ends nobody else submits for these unions or releases their lists; one statement."""
    await conn.execute(_LOCK, {"space": _LOCK_SPACE, "unions": list(union_ids)})


async def hold_seasons_and_lock(conn: AsyncConnection, years: Collection[int], union_ids: Collection[int]) -> None:
    """:func:`insurance_svc.seasons.store.hold` for these years, then :func:`lock_unions`, with one statement."""
    values = {"season_space": SEASON_LOCKS, "years": list(years), "space": _LOCK_SPACE, "unions": list(union_ids)}
    await conn.execute(_HOLD_AND_LOCK, values)


async def by_ids(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """Lists by id."""
    return {row.id: row for row in await conn.execute(_BY_IDS, {"ids": list(ids)})}


async def standing_of_district(
    conn: AsyncConnection, district_id: int, scheme: str, year: int, states: Collection[str]
) -> Sequence[sa.Row[Any]]:
    """Lists of a district in these states with their unions' names (``union_name``), oldest first."""
    values = {"district": district_id, "scheme": scheme, "year": year, "states": list(states)}
    return (await conn.execute(_OF_DISTRICT, values)).all()
