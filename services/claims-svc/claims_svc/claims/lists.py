"""All SQL of the list of claims, as every level sees its part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims.store import visible, with_names
from claims_svc.claims.tables import CLAIMS
from claims_svc.ledger.tables import LEDGER
from claims_svc.members.tables import MEMBERS
from claims_svc.metadata import ORGANISATIONS
from unioncard.auth import Scope
from unioncard.narrowing import conditions
from unioncard.web.pages import before


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed by. Names and documents are compared by their keyed hashes."""

    number: str | None = None
    names: Sequence[str] | None = None
    documents: Sequence[str] | None = None
    member_number: str | None = None
    member_id: int | None = None
    state: str | None = None
    benefit: str | None = None
    payee: str | None = None
    coverage_year: int | None = None
    class_code: str | None = None
    union_id: int | None = None
    union_name: str | None = None
    district_id: int | None = None
    district_stamp: bool | None = None
    filed_from: datetime | None = None
    filed_until: datetime | None = None
    due_until: datetime | None = None


def paid_fen() -> sa.ScalarSelect[Any]:
    """What of a claim has arrived, by the books."""
    entry = LEDGER.c
    total = sa.cast(sa.func.coalesce(-sa.func.sum(entry.amount_fen), 0), sa.BigInteger)
    return sa.select(total).where(entry.claim_number == CLAIMS.c.number, entry.account == "cash").scalar_subquery()


def _narrowed(filters: Filters, *, with_state: bool = True) -> list[sa.ColumnElement[bool]]:
    columns = CLAIMS.c
    return conditions(
        (filters.number, lambda value: columns.number == value),
        (filters.names, lambda value: MEMBERS.c.name_hash.in_(value)),
        (filters.documents, lambda value: MEMBERS.c.document_hash.in_(value)),
        (filters.member_number, lambda value: MEMBERS.c.number == value),
        (filters.member_id, lambda value: columns.member_id == value),
        (filters.state if with_state else None, lambda value: columns.state == value),
        (filters.benefit, lambda value: columns.benefit == value),
        (filters.payee, lambda value: columns.payee == value),
        (filters.coverage_year, lambda value: columns.coverage_year == value),
        (filters.class_code, lambda value: columns.class_code == value),
        (filters.union_id, lambda value: columns.union_id == value),
        (filters.union_name, lambda value: ORGANISATIONS.c.name.contains(value, autoescape=True)),
        (filters.district_id, lambda value: columns.district_id == value),
        (filters.district_stamp, lambda value: columns.district_stamp == value),
        (filters.filed_from, lambda value: columns.filed_at >= value),
        (filters.filed_until, lambda value: columns.filed_at < value),
        (filters.due_until, lambda value: columns.due_at <= value),
    )


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, key: tuple[Any, ...] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Claims, the newest first."""
    columns = CLAIMS.c
    order = (columns.filed_at, columns.number)
    query = with_names().add_columns(paid_fen().label("paid_fen")).where(visible(scope), *_narrowed(filters))
    if key:
        query = query.where(before(order, key))
    return (await conn.execute(query.order_by(*(one.desc() for one in order)).limit(limit))).all()


async def tabs(conn: AsyncConnection, scope: Scope, filters: Filters) -> Sequence[sa.Row[Any]]:
    """(state, claims, what was asked for, refused and paid) of each state, whatever state is asked for."""
    narrowed = with_names().add_columns(paid_fen().label("paid_fen"))
    narrowed = narrowed.where(visible(scope), *_narrowed(filters, with_state=False))
    found = narrowed.subquery()
    sums = (
        sa.cast(sa.func.sum(found.c[name]), sa.BigInteger).label(name)
        for name in ("claimed_fen", "refused_fen", "paid_fen")
    )
    query = sa.select(found.c.state, sa.func.count().label("claims"), *sums).group_by(found.c.state)
    return (await conn.execute(query)).all()
