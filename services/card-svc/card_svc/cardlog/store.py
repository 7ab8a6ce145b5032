"""All SQL of the card log. It is written in sets, with one statement each."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlog.tables import CARD_LOG
from unioncard.unit_of_work import Transaction

_ADD = sa.text("""
    INSERT INTO card_log (member_id, at, actor, step, batch_number, reason)
    SELECT member_id, :at, :actor, step, batch_number, reason
    FROM unnest(CAST(:members AS bigint[]), CAST(:steps AS text[]), CAST(:batches AS text[]), CAST(:reasons AS text[]))
         AS new(member_id, step, batch_number, reason)
""")


class Step(StrEnum):
    """What happened to a member's card."""

    ADDED = "added"
    REMOVED = "removed"
    LEFT = "left"
    CHANNEL_CHANGED = "channel_changed"
    COMPLETED = "completed"
    CHECK_REQUESTED = "check_requested"
    CHECK_PASSED = "check_passed"
    CHECK_NOT_PASSED = "check_not_passed"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    ISSUED = "issued"
    FAILED = "failed"
    COLLECTED = "collected"
    IN_PERSON = "in_person"


LABELS = {
    Step.ADDED: "添加至待办",
    Step.REMOVED: "移出待办",
    Step.LEFT: "会员变动，移出待办",
    Step.CHANNEL_CHANGED: "切换办卡通道",
    Step.COMPLETED: "完善证件信息",
    Step.CHECK_REQUESTED: "提交系统校验",
    Step.CHECK_PASSED: "系统校验通过",
    Step.CHECK_NOT_PASSED: "系统校验未通过",
    Step.SUBMITTED: "提交办卡",
    Step.REFUSED: "银行未受理批次",
    Step.ISSUED: "办卡成功",
    Step.FAILED: "办卡失败",
    Step.COLLECTED: "已领卡",
    Step.IN_PERSON: "由会员本人凭告知函领卡",
}


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
