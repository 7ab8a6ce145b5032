"""All SQL of the system check."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.checks.rules import CHUNK, Outcome
from card_svc.checks.tables import CHECKS
from card_svc.metadata import ORGANISATIONS
from unioncard.auth import Scope
from unioncard.contracts.cards import Channel
from unioncard.unit_of_work import Transaction

_START = sa.text("""
    WITH chosen AS (
        UPDATE todo SET check_state = 'checking', check_id = :check, check_started_at = :now, check_reason = NULL
        WHERE union_id = :union AND channel = :channel
          AND (check_state IN ('unchecked', 'not_passed')
               OR check_state = 'checking' AND check_started_at < :silent_since)
        RETURNING member_id
    )
    INSERT INTO check_members (check_id, chunk, member_id)
    SELECT :check, (row_number() OVER (ORDER BY member_id) - 1) / :chunk, member_id FROM chosen
    RETURNING member_id
""")

_PEOPLE = sa.text("""
    SELECT m.id, m.version, m.name, m.document_number
    FROM check_members cm
    JOIN todo t ON t.member_id = cm.member_id AND t.check_id = cm.check_id AND t.check_state = 'checking'
    JOIN members m ON m.id = cm.member_id
    WHERE cm.check_id = :check AND cm.chunk = :chunk ORDER BY m.id
""")

# A record that left the list, went to a newer check or has another document meanwhile is not touched.
_JUDGE = sa.text("""
    UPDATE todo t SET check_state = CASE WHEN new.reason IS NULL THEN 'passed' ELSE 'not_passed' END,
        check_reason = new.reason, checked_at = :now
    FROM unnest(CAST(:members AS bigint[]), CAST(:reasons AS text[])) AS new(member_id, reason)
    WHERE t.member_id = new.member_id AND t.check_id = :check AND t.check_state = 'checking'
    RETURNING t.member_id, t.check_state, t.check_reason
""")

_SETTLE = sa.text("""
    UPDATE check_members SET outcome =
        CASE WHEN member_id = ANY(CAST(:passed AS bigint[])) THEN 'passed'
             WHEN member_id = ANY(CAST(:not_passed AS bigint[])) THEN 'not_passed' ELSE 'gone' END
    WHERE check_id = :check AND chunk = :chunk AND outcome IS NULL
""")

_COUNTS = """
    SELECT count(*) FILTER (WHERE outcome = 'passed') AS passed,
           count(*) FILTER (WHERE outcome = 'not_passed') AS not_passed,
           count(*) FILTER (WHERE outcome = 'gone') AS gone,
           count(*) FILTER (WHERE outcome IS NULL) AS waiting
    FROM check_members WHERE check_id = :check
"""


@dataclass(frozen=True, slots=True)
class NewCheck:
    """A check that is asked for."""

    id: str
    union_id: int
    channel: Channel
    silent_since: datetime


async def start(tx: Transaction, check: NewCheck) -> int:
    """Take every record of the channel that needs a check into this one, by chunks; returns how many."""
    values = {
        "check": check.id,
        "now": tx.now,
        "union": check.union_id,
        "channel": check.channel.value,
        "silent_since": check.silent_since,
        "chunk": CHUNK,
    }
    members = (await tx.conn.execute(_START, values)).scalars().all()
    await cardlog.add(tx, Step.CHECK_REQUESTED, members)
    return len(members)


async def insert(tx: Transaction, check: NewCheck, total: int, chunks: int) -> None:
    """The check itself."""
    await tx.conn.execute(
        sa.insert(CHECKS).values(
            id=check.id,
            union_id=check.union_id,
            channel=check.channel.value,
            requested_by=tx.actor,
            requested_at=tx.now,
            total=total,
            chunks=chunks,
        )
    )


async def known(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    """How many chunks each of these checks has."""
    query = sa.select(CHECKS.c.id, CHECKS.c.chunks).where(CHECKS.c.id.in_(ids))
    return {row.id: row.chunks for row in await conn.execute(query)}


async def people(conn: AsyncConnection, check_id: str, chunk: int) -> Sequence[sa.Row[Any]]:
    """Who of a chunk is still to be asked about."""
    return (await conn.execute(_PEOPLE, {"check": check_id, "chunk": chunk})).all()


async def record(tx: Transaction, check_id: str, chunk: int, reasons: dict[int, str | None]) -> dict[str, int]:
    """Write what the offices said, with its line in each card log; the chunk's counts, also of a chunk long done."""
    values = {"members": list(reasons), "reasons": list(reasons.values()), "check": check_id, "now": tx.now}
    judged = (await tx.conn.execute(_JUDGE, values)).all()
    await cardlog.add_each(
        tx,
        [row.member_id for row in judged],
        [Step.CHECK_PASSED if row.check_state == "passed" else Step.CHECK_NOT_PASSED for row in judged],
        [None] * len(judged),
        [row.check_reason for row in judged],
    )
    by_state = {
        state.value: [row.member_id for row in judged if row.check_state == state]
        for state in (Outcome.PASSED, Outcome.NOT_PASSED)
    }
    await tx.conn.execute(_SETTLE, by_state | {"check": check_id, "chunk": chunk})
    query = sa.text(_COUNTS + " AND chunk = :chunk")
    return dict((await tx.conn.execute(query, {"check": check_id, "chunk": chunk})).one()._mapping)


async def find(conn: AsyncConnection, scope: Scope, check_id: str) -> sa.Row[Any] | None:
    """A check in the caller's scope."""
    query = (
        sa.select(CHECKS)
        .join(ORGANISATIONS, ORGANISATIONS.c.id == CHECKS.c.union_id)
        .where(CHECKS.c.id == check_id, scope.covers(ORGANISATIONS.c.path))
    )
    return (await conn.execute(query)).one_or_none()


async def counts(conn: AsyncConnection, check_id: str) -> sa.Row[Any]:
    """A check's members by outcome."""
    return (await conn.execute(sa.text(_COUNTS), {"check": check_id})).one()
