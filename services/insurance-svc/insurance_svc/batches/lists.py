"""All SQL of unions' lists while they are under the district's review (区局审核)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches.rules import Money
from insurance_svc.enrolments.tables import ENROLMENTS
from insurance_svc.metadata import ORGANISATIONS
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

ReviewState = Literal["submitted", "basket"]

# Only a list of the campaign has a union's payment to wait for; of instant lists the district pays the whole.
UNPAID = "(e.way = 'centralized' AND e.paid_fen < e.union_fen)"

_SUMS = """count(*) AS lists, coalesce(sum(e.heads), 0) AS heads, coalesce(sum(e.fee_fen), 0) AS fee_fen,
    coalesce(sum(e.subsidy_fen), 0) AS subsidy_fen, coalesce(sum(e.district_fen), 0) AS district_fen,
    coalesce(sum(e.union_fen), 0) AS union_fen"""

_TOTALS = sa.text(f"""
    SELECT e.state, {UNPAID} AS unpaid, e.class_code, bool_or(e.way = 'centralized') AS centralized, {_SUMS}
    FROM enrolments e
    WHERE e.district_id = :district AND e.coverage_year = :year AND e.scheme = :scheme
      AND e.state IN ('submitted', 'basket')
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")  # noqa: S608  # the words above

_HAS_CENTRALIZED = sa.text("""
    SELECT EXISTS (
        SELECT FROM enrolments
        WHERE district_id = :district AND coverage_year = :year AND scheme = :scheme AND way = 'centralized'
          AND state IN ('submitted', 'basket')
          AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[]))))
""")

_MOVE = sa.text("""
    UPDATE enrolments SET state = :to, changed_at = :now
    WHERE district_id = :district AND coverage_year = :year AND scheme = :scheme AND state = :from
      AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[])))
    RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Season:
    """Whose lists of which campaign."""

    district_id: int
    scheme: str
    coverage_year: int

    @property
    def values(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {"district": self.district_id, "scheme": self.scheme, "year": self.coverage_year}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of lists under review is narrowed by."""

    state: ReviewState | None = None
    union_id: int | None = None
    union_name: str | None = None
    credit_code: str | None = None
    class_code: str | None = None
    submitted_from: datetime | None = None
    submitted_until: datetime | None = None
    unpaid: bool | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of one state, payment and class."""

    state: str
    unpaid: bool
    class_code: str
    centralized: bool
    money: Money


async def page(
    conn: AsyncConnection, season: Season, filters: Filters, after_id: int, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Lists under review in the order they came, and for the first page how many there are."""
    columns, union = ENROLMENTS.c, ORGANISATIONS.c
    where = [
        columns.district_id == season.district_id,
        columns.coverage_year == season.coverage_year,
        columns.scheme == season.scheme,
        columns.state.in_([filters.state] if filters.state else ["submitted", "basket"]),
        *_narrowed(filters),
    ]
    joined = sa.join(ENROLMENTS, ORGANISATIONS, union.id == columns.union_id)
    total = None
    if not after_id:
        total = await conn.scalar(sa.select(sa.func.count()).select_from(joined).where(*where))
    unpaid = sa.and_(columns.way == "centralized", columns.paid_fen < columns.union_fen).label("unpaid")
    query = sa.select(ENROLMENTS, union.name.label("union_name"), union.credit_code, unpaid).select_from(joined)
    query = query.where(*where, columns.id > after_id).order_by(columns.id).limit(limit)
    return (await conn.execute(query)).all(), total


def _narrowed(filters: Filters) -> list[sa.ColumnElement[bool]]:
    columns = ENROLMENTS.c
    unpaid = sa.and_(columns.way == "centralized", columns.paid_fen < columns.union_fen)
    return conditions(
        (filters.union_id, lambda value: columns.union_id == value),
        (filters.union_name, lambda value: ORGANISATIONS.c.name.contains(value, autoescape=True)),
        (filters.credit_code, lambda value: ORGANISATIONS.c.credit_code == value.strip().upper()),
        (filters.class_code, lambda value: columns.class_code == value),
        (filters.submitted_from, lambda value: columns.submitted_at >= value),
        (filters.submitted_until, lambda value: columns.submitted_at < value),
        (filters.unpaid, lambda value: unpaid == value),
    )


async def totals(conn: AsyncConnection, season: Season) -> list[Totals]:
    """What lies under review, by state, payment and class, with one statement."""
    rows = await conn.execute(_TOTALS, season.values)
    return [
        Totals(
            row.state,
            row.unpaid,
            row.class_code,
            row.centralized,
            Money(row.lists, row.heads, row.fee_fen, row.subsidy_fen, row.district_fen, row.union_fen),
        )
        for row in rows
    ]


async def under_review(conn: AsyncConnection, season: Season, ids: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """Which of these lists are under this district's review."""
    columns = ENROLMENTS.c
    query = sa.select(ENROLMENTS).where(
        columns.id.in_(ids),
        columns.district_id == season.district_id,
        columns.scheme == season.scheme,
        columns.coverage_year == season.coverage_year,
        columns.state.in_(["submitted", "basket"]),
    )
    return (await conn.execute(query.order_by(columns.id))).all()


async def has_centralized(conn: AsyncConnection, season: Season, ids: Sequence[int] | None) -> bool:
    """Whether one of these lists (``None``: of all under review) is of the campaign itself, whose days judge it."""
    values = season.values | {"ids": list(ids) if ids is not None else None}
    return bool(await conn.scalar(_HAS_CENTRALIZED, values))


async def move(tx: Transaction, season: Season, ids: Sequence[int] | None, to: ReviewState) -> list[int]:
    """Put lists into the basket (待提交) or take them off again; ``None``: all. The ids of those that moved."""
    values = season.values | {
        "ids": list(ids) if ids is not None else None,
        "from": "submitted" if to == "basket" else "basket",
        "to": to,
        "now": tx.now,
    }
    return list((await tx.conn.execute(_MOVE, values)).scalars())
