"""All SQL of the notices."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from insurance_svc.notices.tables import NOTICE_READS, NOTICES
from unioncard.notices import NoticeBoard
from unioncard.unit_of_work import Transaction

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


_BOARD = NoticeBoard(NOTICES, NOTICE_READS)
page, mark_read = _BOARD.page, _BOARD.mark_read
