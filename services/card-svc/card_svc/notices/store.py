"""All SQL of the notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.notices.tables import NOTICE_READS, NOTICES
from unioncard.unit_of_work import Transaction

# The union itself, and for an escalation its district and the federation: the first and second above all others.
_TELL = sa.text("""
    WITH said AS (
        SELECT * FROM unnest(CAST(:batches AS text[]), CAST(:unions AS bigint[]), CAST(:kinds AS text[]),
            CAST(:occurrences AS integer[]), CAST(:titles AS text[]), CAST(:texts AS text[]),
            CAST(:escalated AS boolean[]))
            AS new(batch_number, union_id, kind, occurrence, title, text, escalated)
    )
    INSERT INTO notices (organisation_id, batch_number, kind, occurrence, title, text, created_at)
    SELECT told.id, said.batch_number, said.kind, said.occurrence, said.title, said.text, :now
    FROM said JOIN organisations u ON u.id = said.union_id
    JOIN organisations told ON told.id = ANY(CAST(string_to_array(trim(BOTH '/' FROM u.path), '/') AS bigint[]))
        AND (told.id = u.id OR said.escalated AND told.level IN ('district', 'federation'))
    ON CONFLICT DO NOTHING
""")

_TOLD = sa.text("""
    SELECT n.batch_number, n.kind, n.occurrence, count(*)
    FROM notices n
    JOIN unnest(CAST(:batches AS text[]), CAST(:kinds AS text[]), CAST(:occurrences AS integer[]))
        AS asked(batch_number, kind, occurrence) USING (batch_number, kind, occurrence)
    GROUP BY 1, 2, 3
""")


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice about a batch, before it is known who is told."""

    batch_number: str
    union_id: int
    kind: str
    occurrence: int
    title: str
    text: str
    escalated: bool


async def tell(tx: Transaction, notices: Sequence[NewNotice]) -> dict[tuple[str, str, int], int]:
    """Put notices before the organisations concerned, once each; how many organisations each reached."""
    values: dict[str, Any] = {
        "batches": [one.batch_number for one in notices],
        "kinds": [one.kind for one in notices],
        "occurrences": [one.occurrence for one in notices],
    }
    more = {
        "unions": [one.union_id for one in notices],
        "titles": [one.title for one in notices],
        "texts": [one.text for one in notices],
        "escalated": [one.escalated for one in notices],
        "now": tx.now,
    }
    await tx.conn.execute(_TELL, values | more)
    return {(row[0], row[1], row[2]): row[3] for row in await tx.conn.execute(_TOLD, values)}


async def page(
    conn: AsyncConnection, organisation_id: int, account_id: int, unread: bool | None, before_id: int | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int]:
    """An organisation's notices, the newest first, with whether this account has read them; and how many it has not."""
    columns, reads = NOTICES.c, NOTICE_READS.c
    joined = sa.outerjoin(NOTICES, NOTICE_READS, (reads.notice_id == columns.id) & (reads.account_id == account_id))
    mine = columns.organisation_id == organisation_id
    query = sa.select(NOTICES, reads.read_at).select_from(joined).where(mine).order_by(columns.id.desc()).limit(limit)
    if unread is not None:
        query = query.where(reads.read_at.is_(None) if unread else reads.read_at.is_not(None))
    if before_id is not None:
        query = query.where(columns.id < before_id)
    rows = (await conn.execute(query)).all()
    left = await conn.scalar(sa.select(sa.func.count()).select_from(joined).where(mine, reads.read_at.is_(None)))
    return rows, int(left or 0)


async def mark_read(tx: Transaction, organisation_id: int, account_id: int, notice_id: int) -> bool:
    """Whether there is such a notice; read once and for all."""
    query = sa.text("""
        INSERT INTO notice_reads (account_id, notice_id, read_at)
        SELECT :account, id, :now FROM notices WHERE id = :notice AND organisation_id = :organisation
        ON CONFLICT (account_id, notice_id) DO UPDATE SET read_at = notice_reads.read_at
    """)
    values = {"account": account_id, "now": tx.now, "notice": notice_id, "organisation": organisation_id}
    return (await tx.conn.execute(query, values)).rowcount == 1
