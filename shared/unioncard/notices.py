"""Notices to the operators of organisations, each occasion once, as each account reads them."""

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

_TELL = sa.text("""
    INSERT INTO notices (organisation_id, kind, about, occurrence, title, text, at)
    SELECT organisation_id, kind, about, occurrence, title, text, :now
    FROM unnest(CAST(:organisations AS bigint[]), CAST(:kinds AS text[]), CAST(:abouts AS text[]),
                CAST(:occurrences AS integer[]), CAST(:titles AS text[]), CAST(:texts AS text[]))
         AS new(organisation_id, kind, about, occurrence, title, text)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to one organisation. ``about`` is ``<noun>:<id>``; an occasion is told once."""

    organisation_id: int
    kind: str
    about: str
    title: str
    text: str
    occurrence: int = 1


async def tell(tx: Transaction, notices: Sequence[NewNotice]) -> int:
    """Put these notices before their organisations with one statement; how many were new."""
    if not notices:
        return 0
    values = {
        "organisations": [one.organisation_id for one in notices],
        "kinds": [one.kind for one in notices],
        "abouts": [one.about for one in notices],
        "occurrences": [one.occurrence for one in notices],
        "titles": [one.title for one in notices],
        "texts": [one.text for one in notices],
        "now": tx.now,
    }
    return (await tx.conn.execute(_TELL, values)).rowcount


def add_notice_tables(metadata: sa.MetaData) -> "NoticeBoard":
    """The tables ``notices`` and ``notice_reads`` that :func:`tell` writes to."""
    notices = sa.Table(
        "notices",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("organisation_id", sa.BigInteger, nullable=False, comment="who is told"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False, comment="<noun>:<id>"),
        sa.Column("occurrence", sa.Integer, nullable=False, server_default="1"),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("organisation_id", "kind", "about", "occurrence", name="notices_once"),
        sa.Index("notices_organisation", "organisation_id", "id"),
    )
    reads = sa.Table(
        "notice_reads",
        metadata,
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("notice_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
    )
    return NoticeBoard(notices, reads)


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
