"""All SQL of questions to the population office about members."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

_PEOPLE = sa.text("""
    SELECT id, version, name, document_number FROM members WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")


async def people(conn: AsyncConnection, ids: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """Those of these members that are known here, as the offices are asked about them."""
    return (await conn.execute(_PEOPLE, {"ids": list(ids)})).all()
