"""All SQL of the card log. It is written in sets, with one statement each."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlog.rules import Step
from card_svc.cardlog.tables import CARD_LOG
from unioncard.unit_of_work import Transaction

_ADD = sa.text("""
    INSERT INTO card_log (member_id, at, actor, step, batch_number, reason)
    SELECT member_id, :at, :actor, step, batch_number, reason
    FROM unnest(CAST(:members AS bigint[]), CAST(:steps AS text[]), CAST(:batches AS text[]), CAST(:reasons AS text[]))
         AS new(member_id, step, batch_number, reason)
""")


async def add(
    tx: Transaction,
    step: Step,
    members: Sequence[int],
    *,
    batch_number: str | None = None,
    reason: str | None = None,
) -> None:
    """One step that all these members took."""
    count = len(members)
    await add_each(tx, list(members), [step] * count, [batch_number] * count, [reason] * count)


async def add_each(
    tx: Transaction,
    members: Sequence[int],
    steps: Sequence[Step],
    batches: Sequence[str | None],
    reasons: Sequence[str | None],
) -> None:
    """A step for each member, with its own reason."""
    if not members:
        return
    await tx.conn.execute(
        _ADD,
        {
            "at": tx.now,
            "actor": tx.actor,
            "members": list(members),
            "steps": [step.value for step in steps],
            "batches": list(batches),
            "reasons": list(reasons),
        },
    )


async def add_for_batches(tx: Transaction, step: Step, numbers: Sequence[str]) -> None:
    """One step that all members of these batches took."""
    await tx.conn.execute(
        sa.text("""
            INSERT INTO card_log (member_id, at, actor, step, batch_number)
            SELECT member_id, :at, :actor, :step, batch_number FROM batch_members
            WHERE batch_number = ANY(CAST(:numbers AS text[]))
        """),
        {"at": tx.now, "actor": tx.actor, "step": step.value, "numbers": list(numbers)},
    )


async def page(conn: AsyncConnection, member_id: int, before_id: int | None, limit: int) -> Sequence[sa.Row[Any]]:
    """A member's log, the newest first."""
    log = CARD_LOG.c
    query = sa.select(CARD_LOG).where(log.member_id == member_id).order_by(log.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(log.id < before_id)
    return (await conn.execute(query)).all()
