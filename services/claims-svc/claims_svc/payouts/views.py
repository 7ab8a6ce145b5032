"""What staff see of payouts: batches, payouts and what waits to be put right. All their SQL."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims.tables import CLAIMS
from claims_svc.members.tables import MEMBERS
from claims_svc.metadata import ORGANISATIONS
from claims_svc.payouts.tables import PAYOUT_BATCHES, PAYOUTS
from unioncard.auth import Scope
from unioncard.contracts.claims import ClaimState
from unioncard.narrowing import conditions

_UNION = ORGANISATIONS.alias("union_of")
_DISTRICT = ORGANISATIONS.alias("district_of")


async def batches(
    conn: AsyncConnection,
    state: str | None,
    first_day: date | None,
    last_day: date | None,
    before: str | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Batches, the newest first."""
    columns = PAYOUT_BATCHES.c
    query = sa.select(PAYOUT_BATCHES).where(
        *conditions(
            (state, lambda value: columns.state == value),
            (first_day, lambda value: columns.on_day >= value),
            (last_day, lambda value: columns.on_day <= value),
            (before, lambda value: columns.number < value),
        )
    )
    return (await conn.execute(query.order_by(columns.number.desc()).limit(limit))).all()


async def counts(conn: AsyncConnection, first_day: date | None, last_day: date | None) -> Sequence[sa.Row[Any]]:
    """Batches and their money by state."""
    columns = PAYOUT_BATCHES.c
    query = (
        sa.select(
            columns.state,
            sa.func.count().label("batches"),
            sa.func.coalesce(sa.func.sum(columns.payouts), 0).label("payouts"),
            sa.cast(sa.func.coalesce(sa.func.sum(columns.amount_fen), 0), sa.BigInteger).label("amount_fen"),
        )
        .where(
            *conditions(
                (first_day, lambda value: columns.on_day >= value),
                (last_day, lambda value: columns.on_day <= value),
            )
        )
        .group_by(columns.state)
    )
    return (await conn.execute(query)).all()


async def payouts(
    conn: AsyncConnection,
    scope: Scope,
    *,
    batch_number: str | None = None,
    claim_number: str | None = None,
    state: str | None = None,
    after: str = "",
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Payouts of claims in the caller's scope, by number."""
    columns = PAYOUTS.c
    query = (
        _named(columns.union_id, columns.district_id, columns.member_id, PAYOUTS)
        .add_columns(*columns)
        .where(
            scope.covers(_UNION.c.path),
            columns.number > after,
            *conditions(
                (batch_number, lambda value: columns.batch_number == value),
                (claim_number, lambda value: columns.claim_number == value),
                (state, lambda value: columns.state == value),
            ),
        )
    )
    return (await conn.execute(query.order_by(columns.number).limit(limit))).all()


async def to_put_right(
    conn: AsyncConnection, scope: Scope, district_id: int | None, after: str, limit: int
) -> Sequence[sa.Row[Any]]:
    """Claims whose money came back or could not be sent, with their last attempt; by claim number."""
    claim, tried = CLAIMS.c, PAYOUTS.c
    last = (
        sa.select(PAYOUTS)
        .where(tried.claim_number == claim.number)
        .order_by(tried.number.desc())
        .limit(1)
        .lateral("last")
    )
    returns = (
        sa.select(sa.func.count())
        .where(tried.claim_number == claim.number, tried.state == "returned")
        .scalar_subquery()
        .label("returns")
    )
    query = (
        _named(claim.union_id, claim.district_id, claim.member_id, sa.join(CLAIMS, last, sa.true()))
        .add_columns(
            claim.number.label("claim_number"),
            claim.member_id,
            claim.benefit,
            claim.changed_at,
            *(last.c[name] for name in _LAST),
            returns,
        )
        .where(
            scope.covers(_UNION.c.path),
            claim.state == ClaimState.RETURNED.value,
            claim.number > after,
            *conditions((district_id, lambda value: claim.district_id == value)),
        )
    )
    return (await conn.execute(query.order_by(claim.number).limit(limit))).all()


_LAST = ("payee", "account_end", "amount_fen", "state", "unpayable", "reason")


def _named(
    union_id: sa.Column[Any], district_id: sa.Column[Any], member_id: sa.Column[Any], source: sa.FromClause
) -> sa.Select[Any]:
    joined = (
        sa.join(source, _UNION, _UNION.c.id == union_id)
        .join(_DISTRICT, _DISTRICT.c.id == district_id)
        .join(MEMBERS, MEMBERS.c.id == member_id)
    )
    return sa.select(
        MEMBERS.c.name.label("member_name"),
        MEMBERS.c.number.label("member_number"),
        MEMBERS.c.document_number.label("member_document"),
        _UNION.c.name.label("union_name"),
        _DISTRICT.c.name.label("district_name"),
    ).select_from(joined)
