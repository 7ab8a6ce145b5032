"""All SQL of the read model of members."""

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
_NAMES = ", ".join(name for name, _ in _COLUMNS)

_UPSERT = sa.text(f"""
    INSERT INTO members ({_NAMES})
    SELECT DISTINCT ON (id) {_NAMES}
    FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS)}) AS new({_NAMES})
    ORDER BY id, version DESC
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name, _ in _COLUMNS[1:])}
    WHERE members.version < excluded.version
""")  # noqa: S608  # the names above


async def upsert(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Take over what is newer than what we have, with one statement."""
    if not rows:
        return
    values = {name: [row[name] for row in rows] for name, _ in _COLUMNS}
    await conn.execute(_UPSERT, values)
