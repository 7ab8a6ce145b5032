"""All SQL on the audit log but for writing it."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.metadata import AUDIT_LOG


async def page(
    conn: AsyncConnection, where: Sequence[sa.ColumnElement[bool]], before_id: int, limit: int
) -> Sequence[sa.RowMapping]:
    """Entries, the newest first."""
    c = AUDIT_LOG.c
    query = sa.select(AUDIT_LOG).where(*where, c.id < before_id).order_by(c.id.desc()).limit(limit)
    return (await conn.execute(query)).mappings().all()
