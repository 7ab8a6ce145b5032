"""All SQL of questions to the population office about members."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.members.tables import MEMBERS


async def people(conn: AsyncConnection, ids: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """Those of these members that are known here, as the offices are asked about them."""
    columns = MEMBERS.c
    query = (
        sa.select(columns.id, columns.version, columns.name, columns.document_number)
        .where(columns.id == sa.any_(sa.bindparam("ids", list(ids), sa.ARRAY(sa.BigInteger))))
        .order_by(columns.id)
    )
    return (await conn.execute(query)).all()
