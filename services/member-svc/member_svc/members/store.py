"""All SQL on members but for what imports and approvals do with them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.cards.tables import MEMBER_CARDS
from member_svc.imports.tables import ITEMS
from member_svc.members.tables import MEMBERS
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import Scope

_M, _O = MEMBERS.c, ORGANISATIONS.c

CARD_STATE = sa.func.coalesce(MEMBER_CARDS.c.state, "none")
_UNDER_REVIEW = (
    sa.exists().where(ITEMS.c.member_id == _M.id, ITEMS.c.state == "waiting").correlate(MEMBERS).label("under_review")
)
_FROM = MEMBERS.join(ORGANISATIONS, _O.id == _M.union_id).outerjoin(MEMBER_CARDS, MEMBER_CARDS.c.member_id == _M.id)


async def page(
    conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]], after_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Members in scope by id, with union's name, card state and whether a change waits for approval."""
    query = (
        sa.select(MEMBERS, _O.name.label("union_name"), CARD_STATE.label("card_state"), _UNDER_REVIEW)
        .select_from(_FROM)
        .where(scope.covers(_O.path), *where, _M.id > after_id)
        .order_by(_M.id)
        .limit(limit)
    )
    return (await conn.execute(query)).mappings().all()


async def count(conn: AsyncConnection, scope: Scope, where: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many there are in scope."""
    query = sa.select(sa.func.count()).select_from(_FROM).where(scope.covers(_O.path), *where)
    return int(await conn.scalar(query) or 0)


async def count_by_state(conn: AsyncConnection, scope: Scope) -> dict[str, int]:
    """Members in scope by state, for the tabs."""
    query = sa.select(_M.state, sa.func.count().label("number")).select_from(_FROM)
    query = query.where(scope.covers(_O.path)).group_by(_M.state)
    return {row.state: row.number for row in await conn.execute(query)}


async def find(conn: AsyncConnection, scope: Scope, member_id: int) -> sa.RowMapping | None:
    """One member in scope."""
    query = (
        sa.select(MEMBERS, _O.name.label("union_name"), CARD_STATE.label("card_state"), _UNDER_REVIEW)
        .select_from(_FROM)
        .where(scope.covers(_O.path), _M.id == member_id)
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def ids_by_number(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Member number → (id, union) of those that exist."""
    rows = await conn.execute(sa.select(_M.number, _M.id, _M.union_id).where(_M.number.in_(numbers)))
    return {row.number: (row.id, row.union_id) for row in rows if row.number}


async def published_page(conn: AsyncConnection, after: tuple[int, int], limit: int) -> Sequence[sa.RowMapping]:
    """Members that readers know (approved, in a union), by union and id."""
    query = (
        sa.select(MEMBERS)
        .where(_M.version > 0, _M.union_id.is_not(None), sa.tuple_(_M.union_id, _M.id) > sa.tuple_(*after))
        .order_by(_M.union_id, _M.id)
        .limit(limit)
    )
    return (await conn.execute(query)).mappings().all()


async def published_without_union(conn: AsyncConnection, after_id: int, limit: int) -> Sequence[sa.RowMapping]:
    """Members that readers know (approved) and that have no union now, by id."""
    query = (
        sa.select(MEMBERS).where(_M.version > 0, _M.union_id.is_(None), _M.id > after_id).order_by(_M.id).limit(limit)
    )
    return (await conn.execute(query)).mappings().all()
