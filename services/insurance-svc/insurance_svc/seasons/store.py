"""What a coverage year is made of, read from its tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.rules import STANDING
from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.seasons.rules import PhaseDays, Rate
from insurance_svc.seasons.tables import BENEFITS, CALENDAR, CENTRAL_ENTERPRISES, RATES, RULE_CHANGES
from unioncard.auth import Scope
from unioncard.unit_of_work import Transaction

# The class of advisory locks on coverage years.
SEASON_LOCKS = 0x5EA5

# Also part of statements that read other things: the district and the organisation are parameters or columns there.
PHASES_OF = """
    SELECT DISTINCT ON (phase) phase, first_day, last_day
    FROM calendar
    WHERE scheme = {scheme} AND coverage_year = {year} AND district_id IN (0, {district})
    ORDER BY phase, district_id DESC
"""
IS_CENTRAL_OF = """
    EXISTS (
        SELECT FROM organisations one JOIN central_enterprises c ON c.district_code = one.district_code
        WHERE one.id = {union} AND c.coverage_year = {year} AND c.listed)
"""
_PHASES = sa.text(PHASES_OF.format(scheme=":scheme", year=":year", district=":district"))
_IS_CENTRAL = sa.text(f"SELECT {IS_CENTRAL_OF.format(union=':union', year=':year')}")
_LIST_STANDS = sa.text("""
    SELECT EXISTS (
        SELECT FROM enrolments e
        WHERE e.coverage_year = :year AND e.state = ANY(:standing)
          AND (CAST(:scheme AS text) IS NULL OR e.scheme = :scheme)
          AND (CAST(:code AS text) IS NULL
               OR e.district_id IN (SELECT id FROM organisations WHERE level = 'district' AND district_code = :code)))
""")


async def hold(conn: AsyncConnection, year: int) -> None:
    """Keep prices, splits and calendar of the coverage year as they are until this transaction ends.

    Whoever writes a list or a due day takes this first, shared with all others that do; :func:`hold_alone` waits for
    them. So a change either comes before a list and prices it, or sees it and is refused.
    """
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(SEASON_LOCKS, year)))


async def hold_alone(conn: AsyncConnection, year: int) -> None:
    """Before prices, splits or calendar of the year change: wait for those that hold it, and keep others waiting."""
    await conn.execute(sa.select(sa.func.pg_advisory_xact_lock(SEASON_LOCKS, year)))


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


async def row_of(conn: AsyncConnection, table: sa.Table, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """One rule as it stands."""
    query = sa.select(table).where(*(table.c[name] == value for name, value in key.items()))
    row = (await conn.execute(query)).mappings().one_or_none()
    return dict(row) if row else None


async def put_row(conn: AsyncConnection, table: sa.Table, key: Sequence[str], row: Mapping[str, Any]) -> None:
    """Add a rule, or change it and count its version up."""
    new = insert(table).values(dict(row))
    changed = {name: new.excluded[name] for name in row if name not in key}
    await conn.execute(
        new.on_conflict_do_update(index_elements=list(key), set_=changed | {"version": table.c.version + 1})
    )


async def list_stands(conn: AsyncConnection, year: int, scheme: str | None, district_code: str | None) -> bool:
    """Whether a list of that year stands (of that scheme; of a union of that district)."""
    values = {"year": year, "scheme": scheme, "code": district_code, "standing": sorted(STANDING)}
    return bool(await conn.scalar(_LIST_STANDS, values))


async def is_district(conn: AsyncConnection, organisation_id: int) -> bool:
    """Whether there is such a district, bureau or industry union."""
    columns = ORGANISATIONS.c
    query = sa.select(columns.id).where(columns.id == organisation_id, columns.level == "district")
    return await conn.scalar(query) is not None


async def add_change(
    tx: Transaction, kind: str, wanted: Mapping[str, Any], before: Mapping[str, Any] | None, reason: str, account: int
) -> sa.Row[Any]:
    """A proposal that waits."""
    values = {
        "kind": kind,
        "wanted": dict(wanted),
        # SQL's NULL, not JSON's: there was no row.
        "before": dict(before) if before is not None else sa.null(),
        "reason": reason,
        "proposed_by": account,
        "proposed_at": tx.now,
    }
    rows = await tx.conn.execute(sa.insert(RULE_CHANGES).values(values).returning(*RULE_CHANGES.c))
    return rows.one()


async def lock_change(conn: AsyncConnection, change_id: int) -> sa.Row[Any] | None:
    """A proposal, locked until the transaction ends."""
    query = sa.select(RULE_CHANGES).where(RULE_CHANGES.c.id == change_id).with_for_update()
    return (await conn.execute(query)).one_or_none()


async def decide_change(tx: Transaction, change_id: int, state: str, account: int, reason: str | None) -> sa.Row[Any]:
    """Write down the decision on a locked proposal that waits."""
    query = (
        sa.update(RULE_CHANGES)
        .where(RULE_CHANGES.c.id == change_id, RULE_CHANGES.c.state == "waiting")
        .values(state=state, decided_by=account, decided_at=tx.now, decision_reason=reason)
        .returning(*RULE_CHANGES.c)
    )
    return (await tx.conn.execute(query)).one()


async def find_change(conn: AsyncConnection, change_id: int) -> sa.Row[Any] | None:
    """A proposal."""
    return (await conn.execute(sa.select(RULE_CHANGES).where(RULE_CHANGES.c.id == change_id))).one_or_none()


async def changes_page(
    conn: AsyncConnection, state: str | None, kind: str | None, before_id: int | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Proposals, the newest first; on the first page also how many there are."""
    columns = RULE_CHANGES.c
    chosen = [columns.state == state] if state else []
    chosen += [columns.kind == kind] if kind else []
    query = sa.select(RULE_CHANGES).where(*chosen).order_by(columns.id.desc()).limit(limit)
    if before_id is not None:
        return (await conn.execute(query.where(columns.id < before_id))).all(), None
    total = await conn.scalar(sa.select(sa.func.count()).select_from(RULE_CHANGES).where(*chosen))
    return (await conn.execute(query)).all(), total


async def season(conn: AsyncConnection, year: int, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    """All rules of a year by table; of the calendar what is for everybody, and for districts on the scope's path."""
    calendar, tree = CALENDAR.c, ORGANISATIONS.c
    # A union sees the exception for its district, a district its own, the federation all of them.
    on_path = scope.covers(tree.path) | sa.literal(scope.path).startswith(tree.path)
    seen = sa.select(tree.id).where(tree.level == "district", on_path)
    found: dict[str, list[dict[str, Any]]] = {}
    for table in (RATES, BENEFITS, CALENDAR, CENTRAL_ENTERPRISES):
        query = sa.select(table).where(table.c.coverage_year == year).order_by(*table.primary_key.columns)
        if table is CALENDAR:
            query = query.where((calendar.district_id == 0) | calendar.district_id.in_(seen))
        found[table.name] = [dict(row) for row in (await conn.execute(query)).mappings()]
    return found
