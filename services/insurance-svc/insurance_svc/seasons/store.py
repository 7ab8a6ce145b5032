"""What a coverage year is made of, read from its tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.seasons.rules import PhaseDays, Rate
from insurance_svc.seasons.tables import CALENDAR, RATES

# The class of advisory locks on coverage years. Those on unions have one argument.
_SEASON_LOCKS = 0x5EA5

_PHASES = sa.text("""
    SELECT DISTINCT ON (phase) phase, first_day, last_day
    FROM calendar
    WHERE scheme = :scheme AND coverage_year = :year AND district_id IN (0, :district)
    ORDER BY phase, district_id DESC
""")
_IS_CENTRAL = sa.text("""
    SELECT EXISTS (
        SELECT FROM organisations o JOIN central_enterprises c ON c.district_code = o.district_code
        WHERE o.id = :union AND c.coverage_year = :year AND c.listed)
""")


async def hold(conn: AsyncConnection, year: int) -> None:
    """Keep prices, splits and calendar of the coverage year as they are until this transaction ends.

    Whoever writes a list or a due day takes this first, shared with all others that do; :func:`hold_alone` waits for
    them. So a change either comes before a list and prices it, or sees it and is refused.
    """
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_SEASON_LOCKS, year)))


async def hold_alone(conn: AsyncConnection, year: int) -> None:
    """Before prices, splits or calendar of the year change: wait for those that hold it, and keep others waiting."""
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_SEASON_LOCKS, year)))


async def rates(conn: AsyncConnection, year: int) -> dict[tuple[str, str], Rate]:
    """The year's prices by class code and term (``full``, ``half``); empty for a year that has none.

    Call :func:`hold` first where a list is written from them.
    """
    columns = RATES.c
    query = sa.select(
        columns.coverage_year,
        columns.class_code,
        columns.term,
        columns.fee_fen,
        columns.subsidy_fen,
        columns.central_subsidy_fen,
        columns.assumed,
    ).where(columns.coverage_year == year)
    return {(row.class_code, row.term): Rate(*row) for row in await conn.execute(query)}


async def phases(conn: AsyncConnection, scheme: str, year: int, district_id: int = 0) -> dict[str, PhaseDays]:
    """The scheme's calendar of a year by phase, the district's own rows over the general ones."""
    rows = await conn.execute(_PHASES, {"scheme": scheme, "year": year, "district": district_id})
    return {row.phase: PhaseDays(*row) for row in rows}


async def calendars(conn: AsyncConnection, scheme: str, year: int) -> dict[int, dict[str, PhaseDays]]:
    """The rows of the scheme's calendar of a year: for everybody under 0, and each district's own under its id."""
    columns = CALENDAR.c
    query = sa.select(columns.district_id, columns.phase, columns.first_day, columns.last_day).where(
        columns.scheme == scheme, columns.coverage_year == year
    )
    found: defaultdict[int, dict[str, PhaseDays]] = defaultdict(dict)
    for row in await conn.execute(query):
        found[row.district_id][row.phase] = PhaseDays(row.phase, row.first_day, row.last_day)
    return dict(found)


async def calendar_version(conn: AsyncConnection, scheme: str, year: int) -> int:
    """Rises with every change of the scheme's calendar of that year, for whomever it is."""
    columns = CALENDAR.c
    query = sa.select(sa.func.coalesce(sa.func.sum(columns.version), 0)).where(
        columns.scheme == scheme, columns.coverage_year == year
    )
    return int(await conn.scalar(query) or 0)


async def is_central(conn: AsyncConnection, union_id: int, year: int) -> bool:
    """Whether the organisation is priced as a central enterprise (央企) in that year: its 区局编号 is on the list."""
    return bool(await conn.scalar(_IS_CENTRAL, {"union": union_id, "year": year}))


async def all_rows(conn: AsyncConnection, table: sa.Table) -> list[dict[str, Any]]:
    """A whole table of rules; they hold some hundred rows."""
    return [dict(row) for row in (await conn.execute(sa.select(table))).mappings()]


async def add_rows(conn: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add new rules with one statement."""
    if rows:
        await conn.execute(sa.insert(table).values([dict(row) for row in rows]))
