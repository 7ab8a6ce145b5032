"""All SQL of the campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.campaigns.rules import UnionStanding
from insurance_svc.campaigns.tables import CAMPAIGNS
from unioncard.contracts.insurance import CampaignTotals, DistrictStanding
from unioncard.unit_of_work import Transaction
from unioncard.web.pages import before

# A campaign is a scheme and year in whose calendar unions have a window.
_PLAN = sa.text("""
    INSERT INTO campaigns (scheme, coverage_year)
    SELECT DISTINCT scheme, coverage_year FROM calendar WHERE phase = 'union_window'
    ON CONFLICT DO NOTHING
""")
# Lists of the campaign itself; a scheme may take in others after its window (the second shape of 2014).
_LISTS = """
    SELECT * FROM enrolments
    WHERE scheme = :scheme AND coverage_year = :year AND way = 'centralized'
"""
_BATCHES = """
    SELECT * FROM batches b
    WHERE b.scheme = :scheme AND b.coverage_year = :year
      AND NOT EXISTS (SELECT FROM enrolments e WHERE e.batch_number = b.number AND e.way <> 'centralized')
"""
_STANDING = sa.text(f"""
    WITH lists AS ({_LISTS} AND district_id = :district),
         taken AS ({_BATCHES} AND b.district_id = :district)
    SELECT (SELECT count(*) FROM organisations u JOIN organisations d ON u.path LIKE d.path || '%'
            WHERE d.id = :district AND u.level = 'union') AS unions,
           count(DISTINCT union_id) FILTER (WHERE state IN ('submitted', 'basket', 'in_batch')) AS unions_with_list,
           count(*) FILTER (WHERE state = 'submitted') AS waiting,
           count(*) FILTER (WHERE state = 'basket') AS basket,
           count(*) FILTER (WHERE state = 'returned') AS returned,
           count(*) FILTER (WHERE state = 'in_batch') AS in_batch,
           coalesce(sum(heads) FILTER (WHERE state IN ('submitted', 'basket', 'in_batch')), 0) AS heads,
           (SELECT count(*) FROM taken WHERE state IN ('reviewing', 'passed')) AS batches_open,
           (SELECT count(*) FROM taken WHERE state = 'written_off') AS batches_written_off,
           (SELECT count(*) FROM taken WHERE state = 'voided') AS batches_voided
    FROM lists
""")  # noqa: S608  # the words above
# A returned list is mended by sending a new one, so it waits only until a later one stands.
_UNIONS = sa.text(f"""
    WITH lists AS ({_LISTS} AND district_id = :district)
    SELECT u.id, u.name,
           count(l.id) FILTER (WHERE l.state IN ('submitted', 'basket', 'in_batch')),
           count(l.id) FILTER (WHERE l.state = 'returned' AND NOT EXISTS (
               SELECT FROM lists later WHERE later.union_id = l.union_id AND later.submitted_at > l.returned_at
                 AND later.state IN ('submitted', 'basket', 'in_batch'))),
           CAST(coalesce(sum(greatest(l.union_fen - l.paid_fen, 0))
               FILTER (WHERE l.state IN ('submitted', 'basket')), 0) AS bigint)
    FROM organisations d
    JOIN organisations u ON u.path LIKE d.path || '%' AND u.level = 'union'
    LEFT JOIN lists l ON l.union_id = u.id
    WHERE d.id = :district GROUP BY u.id, u.name ORDER BY u.id
""")  # noqa: S608  # the words above
_NOT_SUBMITTED = sa.text(f"""
    SELECT id, heads FROM ({_LISTS}) AS lists
    WHERE state IN ('submitted', 'basket') AND (CAST(:district AS bigint) IS NULL OR district_id = :district)
    ORDER BY id
""")  # noqa: S608  # the words above
_OPEN_BATCHES = sa.text(f"""
    SELECT count(*) FROM ({_BATCHES}) AS taken WHERE state IN ('reviewing', 'passed')
""")  # noqa: S608  # the words above
_TOTALS = sa.text(f"""
    WITH taken AS ({_BATCHES}), paid AS (SELECT * FROM taken WHERE state = 'written_off')
    SELECT count(DISTINCT district_id) AS districts, count(*) AS batches,
           (SELECT count(*) FROM taken WHERE state = 'voided') AS batches_voided,
           coalesce(sum(heads), 0) AS heads, coalesce(sum(fee_fen), 0) AS fee_fen,
           coalesce(sum(subsidy_fen), 0) AS subsidy_fen, coalesce(sum(district_fen), 0) AS district_fen,
           coalesce(sum(union_fen), 0) AS union_fen, coalesce(sum(credit_fen), 0) AS credit_fen
    FROM paid
""")  # noqa: S608  # the words above


async def plan(conn: AsyncConnection) -> None:
    """Have a row for each campaign that the calendar plans."""
    await conn.execute(_PLAN)


async def find(conn: AsyncConnection, scheme: str, year: int, *, lock: bool = False) -> sa.Row[Any] | None:
    """The campaign, if the calendar plans one."""
    columns = CAMPAIGNS.c
    query = sa.select(CAMPAIGNS).where(columns.scheme == scheme, columns.coverage_year == year)
    return (await conn.execute(query.with_for_update() if lock else query)).one_or_none()


async def set_participation(conn: AsyncConnection, wanted: Mapping[str, Any]) -> None:
    """The campaign's minimum participation; None: none."""
    columns = CAMPAIGNS.c
    await conn.execute(
        sa.update(CAMPAIGNS)
        .where(columns.scheme == wanted["scheme"], columns.coverage_year == wanted["coverage_year"])
        .values({name: wanted[name] for name in ("participation_percent", "participation_all_below")})
    )


async def unclosed(conn: AsyncConnection) -> Sequence[sa.Row[Any]]:
    """Campaigns that are planned or open."""
    columns = CAMPAIGNS.c
    query = sa.select(CAMPAIGNS).where(columns.state != "closed").order_by(columns.scheme, columns.coverage_year)
    return (await conn.execute(query)).all()


async def set_state(tx: Transaction, scheme: str, year: int, state: Literal["open", "closed"]) -> None:
    """Open or close a locked campaign."""
    columns = CAMPAIGNS.c
    await tx.conn.execute(
        sa.update(CAMPAIGNS)
        .where(columns.scheme == scheme, columns.coverage_year == year)
        .values({"state": state, f"{'opened' if state == 'open' else 'closed'}_at": tx.now})
    )


async def standing(
    conn: AsyncConnection, scheme: str, year: int, district_id: int, *, split_set: bool
) -> DistrictStanding:
    """A district's unions, lists and batches as they are now."""
    values = {"scheme": scheme, "year": year, "district": district_id}
    row = (await conn.execute(_STANDING, values)).one()
    return DistrictStanding(split_set=split_set, **row._mapping)


async def union_standings(conn: AsyncConnection, scheme: str, year: int, district_id: int) -> list[UnionStanding]:
    """What each union of the district still has to do."""
    rows = await conn.execute(_UNIONS, {"scheme": scheme, "year": year, "district": district_id})
    return [UnionStanding(*row) for row in rows]


async def not_submitted(
    conn: AsyncConnection, scheme: str, year: int, district_id: int | None
) -> Sequence[sa.Row[Any]]:
    """``(id, heads)`` of the campaign's lists that no batch holds, of one district or of all, oldest first."""
    values = {"scheme": scheme, "year": year, "district": district_id}
    return (await conn.execute(_NOT_SUBMITTED, values)).all()


async def open_batches(conn: AsyncConnection, scheme: str, year: int) -> int:
    """Batches of the campaign that are neither written off, nor returned, nor void."""
    return int(await conn.scalar(_OPEN_BATCHES, {"scheme": scheme, "year": year}) or 0)


async def totals(conn: AsyncConnection, scheme: str, year: int) -> CampaignTotals:
    """What the campaign came to."""
    row = (await conn.execute(_TOTALS, {"scheme": scheme, "year": year})).one()
    return CampaignTotals(**row._mapping)


async def page(
    conn: AsyncConnection, after_key: tuple[int, str] | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Campaigns, the latest year first; on the first page also how many there are."""
    columns = CAMPAIGNS.c
    order = (columns.coverage_year, columns.scheme)
    query = sa.select(CAMPAIGNS).order_by(*(column.desc() for column in order)).limit(limit)
    if after_key is not None:
        return (await conn.execute(query.where(before(order, after_key)))).all(), None
    return (await conn.execute(query)).all(), await conn.scalar(sa.select(sa.func.count()).select_from(CAMPAIGNS))
