"""All SQL of the list of members with their cards (卡片信息管理)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlife.tables import LIFE_COLUMNS, LIFE_OF_CARD
from card_svc.cards.tables import DOCUMENT_TYPE, EXPIRY, NATIONALITY
from unioncard.auth import Scope
from unioncard.contracts.cards import CardState, Channel

# Only normal members of employers appear; the others apply for themselves [H19, M24].
_FROM = f"""
    FROM members m LEFT JOIN cards c ON c.member_id = m.id JOIN organisations o ON o.id = m.union_id
    {LIFE_OF_CARD}
    WHERE o.path LIKE :scope AND m.state = 'normal' AND m.kind = 'employed'
"""

_COLUMNS = f"""
    m.id, m.union_id, o.name AS union_name, m.number, m.name, m.sex, m.document_number, m.mobile,
    {DOCUMENT_TYPE} AS document_type, {EXPIRY} AS document_expiry, {NATIONALITY} AS nationality,
    coalesce(c.state, 'none') AS state, coalesce(c.version, 0) AS version, c.channel, c.applied_at, c.batch_number,
    c.card_number, c.issued_at, c.failed_reason, {LIFE_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed by."""

    names: Sequence[str] | None
    documents: Sequence[str] | None
    sex: str | None
    applied_from: datetime | None
    applied_until: datetime | None
    state: CardState | None
    channel: Channel | None
    union_id: int | None
    activated: bool | None


def _narrowed(filters: Filters) -> tuple[str, dict[str, Any]]:
    wanted = {
        "m.name_hash = ANY(:names)": ("names", filters.names),
        "m.document_hash = ANY(:documents)": ("documents", filters.documents),
        "m.sex = :sex": ("sex", filters.sex),
        "c.applied_at >= :since": ("since", filters.applied_from),
        "c.applied_at < :until": ("until", filters.applied_until),
        "coalesce(c.state, 'none') = :state": ("state", filters.state.value if filters.state else None),
        "c.channel = :channel": ("channel", filters.channel.value if filters.channel else None),
        "m.union_id = :union": ("union", filters.union_id),
        "c.state = 'issued' AND (l.activated_on IS NOT NULL) = :activated": ("activated", filters.activated),
    }
    given = {condition: pair for condition, pair in wanted.items() if pair[1] is not None}
    return "".join(f" AND {condition}" for condition in given), dict(given.values())


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, after_id: int | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Members by id, with their card."""
    narrowed, values = _narrowed(filters)
    values |= {"scope": scope.pattern, "limit": limit}
    if after_id is not None:
        narrowed += " AND m.id > :after"
        values["after"] = after_id
    query = sa.text(f"SELECT {_COLUMNS} {_FROM} {narrowed} ORDER BY m.id LIMIT :limit")  # ours
    return (await conn.execute(query, values)).all()


async def count(conn: AsyncConnection, scope: Scope, filters: Filters) -> int:
    """How many there are."""
    narrowed, values = _narrowed(filters)
    query = sa.text(f"SELECT count(*) {_FROM} {narrowed}")  # ours
    return int(await conn.scalar(query, values | {"scope": scope.pattern}) or 0)


async def find(conn: AsyncConnection, scope: Scope, member_id: int) -> sa.Row[Any] | None:
    """One member of the caller's tree, whatever its state."""
    query = sa.text(f"""
        SELECT {_COLUMNS} FROM members m LEFT JOIN cards c ON c.member_id = m.id
        JOIN organisations o ON o.id = m.union_id {LIFE_OF_CARD}
        WHERE o.path LIKE :scope AND m.id = :member
    """)  # noqa: S608  # ours
    return (await conn.execute(query, {"scope": scope.pattern, "member": member_id})).one_or_none()


async def find_own(conn: AsyncConnection, member_id: int) -> sa.Row[Any] | None:
    """A member's own card, also of one without a union."""
    query = sa.text(f"""
        SELECT {_COLUMNS} FROM members m LEFT JOIN cards c ON c.member_id = m.id
        LEFT JOIN organisations o ON o.id = m.union_id {LIFE_OF_CARD} WHERE m.id = :member
    """)  # noqa: S608  # ours
    return (await conn.execute(query, {"member": member_id})).one_or_none()
