"""The read model of members that a service keeps: what is newer takes the place of what is there, in one statement."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# (column, type): the order in which the arrays are given
_COLUMNS = (
    ("id", "bigint"),
    ("version", "bigint"),
    ("union_id", "bigint"),
    ("number", "text"),
    ("state", "text"),
    ("kind", "text"),
    ("name", "text"),
    ("name_hash", "text"),
    ("document_type", "text"),
    ("document_number", "text"),
    ("document_hash", "text"),
)


class MemberCopies:
    """The table ``members`` of a service: the columns that all have, and ``more`` of them, each with its type."""

    def __init__(self, *more: tuple[str, str]) -> None:
        columns = _COLUMNS + more
        self._names = [name for name, _ in columns]
        names = ", ".join(self._names)
        self._upsert = sa.text(f"""
            INSERT INTO members ({names})
            SELECT DISTINCT ON (id) {names}
            FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns)}) AS new({names})
            ORDER BY id, version DESC
            ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in self._names[1:])}
            WHERE members.version < excluded.version
            RETURNING id
        """)  # noqa: S608  # our own names

    async def upsert(self, conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Take over what is newer than what we have; returns whom that changed."""
        if not rows:
            return []
        values = {name: [row[name] for row in rows] for name in self._names}
        return list((await conn.execute(self._upsert, values)).scalars())
