"""All SQL of the fee splits (基层缴费设置)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.rules import STANDING
from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.seasons.rules import Rate
from insurance_svc.seasons.tables import RATES
from insurance_svc.splits.rules import NewSplit
from insurance_svc.splits.tables import FEE_SPLITS
from unioncard.auth import Principal, Scope
from unioncard.unit_of_work import Transaction

# The union's own shares before the district's default.
_PRICES = sa.text("""
    SELECT n.line, r.coverage_year, r.class_code, r.term, r.fee_fen, r.subsidy_fen, r.central_subsidy_fen, r.assumed,
           s.district_fen, s.union_fen
    FROM unnest(CAST(:districts AS bigint[]), CAST(:years AS integer[]), CAST(:classes AS text[]),
                CAST(:centrals AS boolean[]), CAST(:unions AS bigint[]), CAST(:days AS date[]))
         WITH ORDINALITY AS n(district_id, coverage_year, class_code, central, union_id, day, line)
    JOIN rates r ON r.coverage_year = n.coverage_year AND r.class_code = n.class_code
    LEFT JOIN LATERAL (
        SELECT f.district_fen, f.union_fen FROM fee_splits f
        WHERE f.class_code = n.class_code AND f.district_id = n.district_id AND f.coverage_year = n.coverage_year
          AND f.term = r.term AND f.central = n.central AND f.union_id IN (0, n.union_id)
          AND n.day BETWEEN f.valid_from AND f.valid_to
        ORDER BY f.union_id DESC LIMIT 1
    ) AS s ON true
""")
_DROP_UNFIT = sa.text("""
    DELETE FROM fee_splits
    WHERE coverage_year = :coverage_year AND class_code = :class_code AND term = :term
      AND district_fen + union_fen
          <> :fee_fen - CASE WHEN central THEN :central_subsidy_fen ELSE :subsidy_fen END
    RETURNING district_id
""")
_UNIONS_AMONG = sa.text("""
    SELECT u.id FROM organisations u JOIN organisations d ON u.path LIKE d.path || '%'
    WHERE d.id = :district AND u.level = 'union' AND u.id = ANY(:unions)
""")
_USED = sa.text("""
    SELECT DISTINCT class_code, central, union_id FROM enrolments
    WHERE district_id = :district AND coverage_year = :year AND state = ANY(:standing)
""")
_PUT = sa.text("""
    INSERT INTO fee_splits (district_id, coverage_year, class_code, term, central, union_id, district_fen, union_fen,
                            valid_from, valid_to, set_by, set_at)
    SELECT :district, :year, class_code, term, central, union_id, district_fen, union_fen, :from, :to, :account, :now
    FROM unnest(CAST(:classes AS text[]), CAST(:terms AS text[]), CAST(:centrals AS boolean[]),
                CAST(:unions AS bigint[]), CAST(:district_fens AS bigint[]), CAST(:union_fens AS bigint[]))
         AS new(class_code, term, central, union_id, district_fen, union_fen)
    ON CONFLICT (district_id, coverage_year, class_code, term, central, union_id) DO UPDATE SET
        district_fen = excluded.district_fen, union_fen = excluded.union_fen, valid_from = excluded.valid_from,
        valid_to = excluded.valid_to, set_by = excluded.set_by, set_at = excluded.set_at
""")


@dataclass(frozen=True, slots=True)
class Share:
    """What district and union carry of a head's fee, in fen; with the subsidy they add up to the fee."""

    district_fen: int
    union_fen: int


@dataclass(frozen=True, slots=True)
class PricesOf:
    """Whose prices are asked for: of one class and year, valid on that day, the first of the cover."""

    district_id: int
    year: int
    class_code: str
    central: bool
    union_id: int
    day: date


async def prices(conn: AsyncConnection, asked: Sequence[PricesOf]) -> list[dict[str, tuple[Rate, Share | None]]]:
    """For each that is asked: by term what the class costs, and how district and union share it; one statement.

    None where the district has not set its shares. Call :func:`insurance_svc.seasons.store.hold` first where a list is
    written from them.
    """
    values = {
        "districts": [one.district_id for one in asked],
        "years": [one.year for one in asked],
        "classes": [one.class_code for one in asked],
        "centrals": [one.central for one in asked],
        "unions": [one.union_id for one in asked],
        "days": [one.day for one in asked],
    }
    found: list[dict[str, tuple[Rate, Share | None]]] = [{} for _ in asked]
    for row in await conn.execute(_PRICES, values):
        share = Share(row.district_fen, row.union_fen) if row.district_fen is not None else None
        found[row.line - 1][row.term] = Rate(*row[1:8]), share
    return found


async def standing(conn: AsyncConnection, district_id: int, year: int) -> dict[tuple[str, str, bool, int], sa.Row[Any]]:
    """A district's splits of a year by class, term, kind and union (0: the default)."""
    columns = FEE_SPLITS.c
    query = sa.select(FEE_SPLITS).where(columns.district_id == district_id, columns.coverage_year == year)
    return {(row.class_code, row.term, row.central, row.union_id): row for row in await conn.execute(query)}


async def used(conn: AsyncConnection, district_id: int, year: int) -> set[tuple[str, bool, int]]:
    """Class, kind and union of the district's lists of that year that stand."""
    values = {"district": district_id, "year": year, "standing": sorted(STANDING)}
    return {(row.class_code, row.central, row.union_id) for row in await conn.execute(_USED, values)}


async def unions_among(conn: AsyncConnection, district_id: int, ids: Sequence[int]) -> set[int]:
    """Which of these are unions of the district."""
    return set((await conn.execute(_UNIONS_AMONG, {"district": district_id, "unions": list(ids)})).scalars())


async def put(
    tx: Transaction,
    principal: Principal,
    district_id: int,
    year: int,
    entries: Sequence[NewSplit],
    validity: tuple[date, date],
) -> None:
    """Set splits with one statement."""
    values = {
        "district": district_id,
        "year": year,
        "from": validity[0],
        "to": validity[1],
        "account": principal.account_id,
        "now": tx.now,
        "classes": [one.class_code for one in entries],
        "terms": [one.term for one in entries],
        "centrals": [one.central for one in entries],
        "unions": [one.union_id for one in entries],
        "district_fens": [one.district_fen for one in entries],
        "union_fens": [one.union_fen for one in entries],
    }
    await tx.conn.execute(_PUT, values)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of splits is narrowed to."""

    coverage_year: int | None
    class_code: str | None
    district_id: int | None


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, after_id: int | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Splits with their prices, by id; on the first page also how many there are.

    Below a district people see its defaults, and what is set for unions in their own part of the tree.
    """
    split, rate = FEE_SPLITS.c, RATES.c
    district, union = ORGANISATIONS.alias("d"), ORGANISATIONS.alias("u")
    joined = (
        sa.join(FEE_SPLITS, district, district.c.id == split.district_id)
        .join(
            RATES,
            (rate.coverage_year == split.coverage_year)
            & (rate.class_code == split.class_code)
            & (rate.term == split.term),
        )
        .outerjoin(union, union.c.id == split.union_id)
    )
    own_default = sa.literal(scope.path).startswith(district.c.path) & (split.union_id == 0)
    chosen = [scope.covers(district.c.path) | scope.covers(union.c.path) | own_default]
    wanted = {name: getattr(filters, name) for name in ("coverage_year", "class_code", "district_id")}
    chosen += [split[name] == value for name, value in wanted.items() if value is not None]
    subsidy = sa.case((split.central, rate.central_subsidy_fen), else_=rate.subsidy_fen)
    query = (
        sa.select(
            FEE_SPLITS,
            district.c.name.label("district_name"),
            union.c.name.label("union_name"),
            rate.fee_fen,
            subsidy.label("subsidy_fen"),
        )
        .select_from(joined)
        .where(*chosen)
        .order_by(split.id)
        .limit(limit)
    )
    if after_id is not None:
        return (await conn.execute(query.where(split.id > after_id))).all(), None
    total = await conn.scalar(sa.select(sa.func.count()).select_from(joined).where(*chosen))
    return (await conn.execute(query)).all(), total


async def drop_unfit(conn: AsyncConnection, rate: Mapping[str, Any]) -> list[int]:
    """Remove the shares of a class and term that do not add up to this price; the districts they were of."""
    return sorted(set((await conn.execute(_DROP_UNFIT, dict(rate))).scalars()))
