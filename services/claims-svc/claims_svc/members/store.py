"""All SQL of the copy of members."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.members.tables import MEMBER_UNIONS, MEMBERS
from claims_svc.metadata import ORGANISATIONS
from unioncard.auth import Principal, Role, within_reach
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


def _to_file_for(within: sa.ColumnElement[bool]) -> sa.Select[Any]:
    union, district, columns = ORGANISATIONS, ORGANISATIONS.alias("district"), MEMBERS.c
    ids = sa.cast(sa.func.string_to_array(sa.func.btrim(union.c.path, "/"), "/"), sa.ARRAY(sa.BigInteger))
    on_path = district.c.id == sa.any_(ids)
    joined = (
        sa.join(MEMBERS, MEMBER_UNIONS, MEMBER_UNIONS.c.member_id == columns.id)
        .join(union, union.c.id == MEMBER_UNIONS.c.union_id)
        .join(district, sa.and_(district.c.level == "district", on_path))
    )
    return (
        sa.select(
            union.c.id.label("union_id"),
            district.c.id.label("district_id"),
            sa.func.coalesce(district.c.district_code, "").label("district_code"),
        )
        .select_from(joined)
        .where(columns.id == sa.bindparam("member", type_=sa.BigInteger), columns.number.is_not(None), within)
    )


_BY_UNION = _to_file_for(within_reach(ORGANISATIONS, below=False))
_FROM_ABOVE = _to_file_for(within_reach(ORGANISATIONS, below=True))
_BY_MEMBER = _to_file_for(sa.true())


async def to_file_for(conn: AsyncConnection, principal: Principal, member_id: int) -> sa.Row[Any] | None:
    """Whose claim it would be: ``union_id``, the union the member is or was last in, ``district_id`` and its code.

    None for whom the caller may not file: a member outside its tree, another member, and who has no number yet.
    """
    if principal.role is Role.MEMBER:
        query = _BY_MEMBER if member_id == principal.member_id else _BY_MEMBER.where(sa.false())
    else:
        query = _BY_UNION if principal.role is Role.UNION else _FROM_ABOVE
    given = {"member": member_id, "organisation": principal.organisation_id}
    row: sa.Row[Any] | None = (await conn.execute(query, given)).one_or_none()
    return row
