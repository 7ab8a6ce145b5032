"""All SQL of the copy of members."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.members.tables import MEMBER_UNIONS, MEMBERS
from unioncard.member_copies import MemberCopies

_COPIES = MemberCopies()

_UNIONS = sa.text("""
    INSERT INTO member_unions (member_id, union_id, version)
    SELECT DISTINCT ON (member_id) member_id, union_id, version
    FROM unnest(CAST(:ids AS bigint[]), CAST(:unions AS bigint[]), CAST(:versions AS bigint[]))
         AS new(member_id, union_id, version)
    ORDER BY member_id, version DESC
    ON CONFLICT (member_id) DO UPDATE SET union_id = excluded.union_id, version = excluded.version
    WHERE member_unions.version < excluded.version
""")


async def upsert(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Take over what is newer. Who leaves a union, or dies, is still its last union's to file a claim for."""
    await _COPIES.upsert(conn, rows)
    inside = [row for row in rows if row["union_id"] is not None]
    if inside:
        values = {
            "ids": [row["id"] for row in inside],
            "unions": [row["union_id"] for row in inside],
            "versions": [row["version"] for row in inside],
        }
        await conn.execute(_UNIONS, values)


async def find(conn: AsyncConnection, member_id: int) -> sa.Row[Any] | None:
    """A member with ``last_union_id``, the union it is or was last in."""
    query = (
        sa.select(MEMBERS, MEMBER_UNIONS.c.union_id.label("last_union_id"))
        .join(MEMBER_UNIONS, MEMBER_UNIONS.c.member_id == MEMBERS.c.id)
        .where(MEMBERS.c.id == member_id)
    )
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row
