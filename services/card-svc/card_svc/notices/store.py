"""All SQL of the notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from card_svc.notices.tables import NOTICE_READS, NOTICES
from unioncard.notices import NoticeBoard
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


_BOARD = NoticeBoard(NOTICES, NOTICE_READS)
page, mark_read = _BOARD.page, _BOARD.mark_read
