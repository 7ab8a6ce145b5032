"""One transaction for facts, audit and messages: all of them or none."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from unioncard.clock import Segment, SegmentClock
from unioncard.contracts.replies import CommandSucceeded
from unioncard.messaging.envelope import MAX_MESSAGE_BYTES, MAX_REPLY_BYTES, MessageTooLarge
from unioncard.unit_of_work import UnitOfWork
from unioncard_testing import Do, Noted, Room, statements

FACT = sa.text("INSERT INTO facts (number) VALUES (1)")


async def test_a_commit_writes_fact_audit_and_message(room: Room) -> None:
    async with room.work.begin("account:17") as tx:
        await tx.conn.execute(FACT)
        tx.audit("batch.submit", "batch:9", organisation_id=12, before={"state": "draft"}, after={"state": "sent"})
        tx.publish(Noted(number=1), key="12", subject="batch 9", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    assert await room.numbers() == [1]
    async with room.engine.connect() as conn:
        row = (await conn.execute(sa.text("SELECT * FROM audit_log"))).one()
    assert (row.actor, row.organisation_id, row.action, row.subject) == ("account:17", 12, "batch.submit", "batch:9")
    assert (row.before, row.after) == ({"state": "draft"}, {"state": "sent"})
    [sent] = await room.outgoing()
    assert (sent.type, sent.source, sent.subject, sent.data) == (
        "test.noted.v1",
        "test-svc",
        "batch 9",
        {"number": 1, "text": ""},
    )
    assert sent.traceparent == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


async def test_a_rollback_leaves_nothing(room: Room) -> None:
    async def fails() -> None:
        async with room.work.begin("account:17") as tx:
            await tx.conn.execute(FACT)
            tx.audit("batch.submit", "batch:9")
            tx.publish(Noted(number=1), key="12")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    for table in ("facts", "audit_log", "outbox"):
        assert await room.scalar(f"SELECT count(*) FROM {table}") == 0


async def test_now_is_the_business_time_of_the_request_and_messages_carry_wall_time(room: Room) -> None:
    start = datetime.now(UTC) - timedelta(days=1)
    future = datetime(2031, 3, 1, tzinfo=UTC)
    work = UnitOfWork(room.engine, SegmentClock([Segment(start, future, 0)]), "test-svc")
    async with work.begin("account:17") as tx:
        assert tx.now == future
        tx.audit("x", "y:1")
        tx.publish(Noted(number=1), key="12")
    assert await room.scalar("SELECT business_at FROM audit_log") == future
    [sent] = await room.outgoing()
    assert abs(sent.time - datetime.now(UTC)) < timedelta(minutes=5)


async def test_messages_too_large_are_refused_where_they_are_published(room: Room) -> None:
    async def fails() -> None:
        async with room.work.begin("a") as tx:
            await tx.conn.execute(FACT)
            tx.publish(Noted(number=1, text="x" * MAX_MESSAGE_BYTES), key="12")

    with pytest.raises(MessageTooLarge, match=r"test\.noted\.v1"):
        await fails()
    assert await room.numbers() == []
    async with room.work.begin("a") as tx:
        tx.publish(Noted(number=1, text="x" * (MAX_MESSAGE_BYTES - 1000)), key="12")
        with pytest.raises(MessageTooLarge, match="replies at most 65536"):
            tx.publish(CommandSucceeded(command="x", result={"text": "x" * MAX_REPLY_BYTES}), key="12")
    assert len(await room.outgoing()) == 1


async def test_replies_overtake_commands_and_commands_overtake_events(room: Room) -> None:
    async with room.work.begin("a") as tx:
        tx.publish(Noted(number=1), key="12")
        tx.publish(Do(number=2), key="12", idempotency_key="do/2")
        tx.publish(CommandSucceeded(command="x", result={}), key="12")
        tx.publish(Noted(number=3), key="12")
    assert [sent.type for sent in await room.outgoing()] == [
        "command.succeeded.v1",
        "test.do.v1",
        "test.noted.v1",
        "test.noted.v1",
    ]
    assert [sent.data["number"] for sent in (await room.outgoing())[2:]] == [1, 3]


@pytest.mark.parametrize("size", [1, 1000])
async def test_the_number_of_statements_does_not_grow(room: Room, size: int) -> None:
    with statements(room.engine) as seen:
        async with room.work.begin("a") as tx:
            for number in range(size):
                tx.publish(Noted(number=number), key="12")
                tx.audit("x", f"y:{number}")
    assert len(seen) == 2  # audit, outbox
    assert await room.scalar("SELECT count(*) FROM outbox") == size
    assert await room.scalar("SELECT count(*) FROM audit_log") == size
