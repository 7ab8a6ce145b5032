"""Notices to the operators of one organisation, as each account reads them. The tables are the services' own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.principal import Principal
from unioncard.unit_of_work import Transaction

_READ = sa.text("""
    INSERT INTO notice_reads (account_id, notice_id, read_at)
    SELECT :account, id, :now FROM notices WHERE id = :notice AND organisation_id = :organisation
    ON CONFLICT (account_id, notice_id) DO UPDATE SET read_at = notice_reads.read_at
""")


@dataclass(frozen=True, slots=True)
class NoticeBoard:
    """A service's tables ``notices`` and ``notice_reads``."""

    notices: sa.Table
    reads: sa.Table

    async def page(
        self, conn: AsyncConnection, principal: Principal, unread: bool | None, before_id: int | None, limit: int
    ) -> tuple[Sequence[sa.Row[Any]], int]:
        """An organisation's notices, the newest first, with when this account read them; and how many it has not."""
        columns, reads = self.notices.c, self.reads.c
        read_by_me = (reads.notice_id == columns.id) & (reads.account_id == principal.account_id)
        joined = sa.outerjoin(self.notices, self.reads, read_by_me)
        mine = columns.organisation_id == principal.organisation_id
        query = sa.select(self.notices, reads.read_at).select_from(joined).where(mine)
        query = query.order_by(columns.id.desc()).limit(limit)
        if unread is not None:
            query = query.where(reads.read_at.is_(None) if unread else reads.read_at.is_not(None))
        if before_id is not None:
            query = query.where(columns.id < before_id)
        rows = (await conn.execute(query)).all()
        left = await conn.scalar(sa.select(sa.func.count()).select_from(joined).where(mine, reads.read_at.is_(None)))
        return rows, int(left or 0)

    async def mark_read(self, tx: Transaction, principal: Principal, notice_id: int) -> bool:
        """Whether the organisation has such a notice; read once and for all."""
        values = {
            "account": principal.account_id,
            "organisation": principal.organisation_id,
            "now": tx.now,
            "notice": notice_id,
        }
        return (await tx.conn.execute(_READ, values)).rowcount == 1
