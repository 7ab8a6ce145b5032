"""All SQL of the list of lists (参保信息管理), as every level above a union sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Scope

# Once a list is in a batch, staff see how the batch stands.
_FROM = """
    FROM enrolments e JOIN organisations o ON o.id = e.union_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE o.path LIKE :scope
"""
_SHOWN = "CASE WHEN e.state = 'in_batch' THEN coalesce(b.state, e.state) ELSE e.state END"
_COLUMNS = f"""
    e.id, e.union_id, o.name AS union_name, e.district_id, e.scheme, e.way, e.coverage_year, e.class_code, e.central,
    {_SHOWN} AS shown_state, e.state AS list_state, e.batch_number, e.heads, e.fee_fen, e.subsidy_fen, e.district_fen,
    e.union_fen, e.submitted_at, greatest(e.changed_at, b.changed_at) AS changed_at, e.returned_at, e.return_reason,
    e.paid_fen, e.paid_on
"""

_PRICES = sa.text("SELECT * FROM enrolment_prices WHERE enrolment_id = :id ORDER BY term")

_MEMBERS = sa.text("""
    SELECT p.id AS policy_id, p.member_id, p.first_day, p.last_day, p.term, m.number, m.name, m.document_type,
           m.document_number, c.number_end AS card_number_end
    FROM policies p JOIN members m ON m.id = p.member_id LEFT JOIN cards c ON c.member_id = p.member_id
    WHERE p.enrolment_id = :id AND p.id > :after ORDER BY p.id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed by."""

    coverage_year: int | None = None
    scheme: str | None = None
    way: str | None = None
    state: str | None = None
    union_id: int | None = None
    batch_number: str | None = None
    submitted_from: datetime | None = None
    submitted_until: datetime | None = None


def _narrowed(filters: Filters, *, with_state: bool = True) -> tuple[str, dict[str, Any]]:
    wanted = {
        "e.coverage_year = :year": ("year", filters.coverage_year),
        "e.scheme = :scheme": ("scheme", filters.scheme),
        "e.way = :way": ("way", filters.way),
        f"{_SHOWN} = :state": ("state", filters.state if with_state else None),
        "e.union_id = :union": ("union", filters.union_id),
        "e.batch_number = :batch": ("batch", filters.batch_number),
        "e.submitted_at >= :since": ("since", filters.submitted_from),
        "e.submitted_at < :until": ("until", filters.submitted_until),
    }
    given = {condition: pair for condition, pair in wanted.items() if pair[1] is not None}
    return "".join(f" AND {condition}" for condition in given), dict(given.values())


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, before_id: int | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Lists, the newest first."""
    narrowed, values = _narrowed(filters)
    if before_id is not None:
        narrowed += " AND e.id < :before"
        values["before"] = before_id
    query = sa.text(f"SELECT {_COLUMNS} {_FROM} {narrowed} ORDER BY e.id DESC LIMIT :limit")  # ours
    return (await conn.execute(query, values | {"scope": scope.pattern, "limit": limit})).all()


async def tabs(conn: AsyncConnection, scope: Scope, filters: Filters) -> Sequence[sa.Row[Any]]:
    """(state, lists, heads and the four sums) for each state, whatever state is asked for."""
    narrowed, values = _narrowed(filters, with_state=False)
    query = sa.text(f"""
        SELECT {_SHOWN} AS state, count(*) AS lists, sum(e.heads) AS heads, sum(e.fee_fen) AS fee_fen,
               sum(e.subsidy_fen) AS subsidy_fen, sum(e.district_fen) AS district_fen, sum(e.union_fen) AS union_fen
        {_FROM} {narrowed} GROUP BY 1 ORDER BY 1
    """)  # ours
    return (await conn.execute(query, values | {"scope": scope.pattern})).all()


async def find(conn: AsyncConnection, scope: Scope, enrolment_id: int) -> sa.Row[Any] | None:
    """One list in the caller's tree."""
    query = sa.text(f"SELECT {_COLUMNS} {_FROM} AND e.id = :id")  # ours
    return (await conn.execute(query, {"scope": scope.pattern, "id": enrolment_id})).one_or_none()


async def prices(conn: AsyncConnection, enrolment_id: int) -> Sequence[sa.Row[Any]]:
    """A list's heads and prices of a head, by term."""
    return (await conn.execute(_PRICES, {"id": enrolment_id})).all()


async def members_page(conn: AsyncConnection, enrolment_id: int, after_id: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Members of a list, also of one that no longer stands."""
    return (await conn.execute(_MEMBERS, {"id": enrolment_id, "after": after_id, "limit": limit})).all()
