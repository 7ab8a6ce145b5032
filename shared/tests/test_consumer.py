"""The consumer: offsets after the database, one by one after a failure, nobody's fault waited out, poison set aside."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from prometheus_client import REGISTRY as METRICS

from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer, Processor
from unioncard.messaging.dead_letters import DeadLetter, Record
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import Handlers, InboxProcessor, Message
from unioncard.unit_of_work import Transaction
from unioncard_testing import HANDLERS, Noted, Room, command, event, eventually, make_topic, note, running


def consumer(room: Room, processor: Processor | Handlers = HANDLERS, **more: Any) -> Consumer:
    if isinstance(processor, Handlers):
        processor = InboxProcessor(room.work, processor, "tests")
    return Consumer(
        room.settings, client="tests", group=f"g.{Noted.TOPIC}", topics=[Noted.TOPIC], processor=processor, **more
    )


def events_by(handler: Any) -> Handlers:
    return Handlers(events={Noted: handler}, commands=HANDLERS.commands)


async def send(room: Room, *messages: Envelope | bytes, topic: str | None = None) -> None:
    producer = kafka.producer(room.settings, "tests")
    await producer.start()
    try:
        for message in messages:
            body = message if isinstance(message, bytes) else message.encode()
            await producer.send(topic or Noted.TOPIC, body, key=b"k")
        await producer.flush()
    finally:
        await producer.stop()


async def facts(room: Room, count: int) -> list[int]:
    async def there() -> bool:
        return len(await room.numbers()) >= count

    await eventually(there)
    return await room.numbers()


async def letters(room: Room) -> list[DeadLetter]:
    return [DeadLetter.model_validate(e.data) for e in await room.outgoing() if e.type == DeadLetter.TYPE]


async def committed(room: Room) -> int:
    """Sum of the group's committed offsets."""
    client = kafka.admin(room.settings, "tests")
    await client.start()
    try:
        offsets = await client.list_consumer_group_offsets(f"g.{Noted.TOPIC}")
        return sum(max(0, meta.offset) for meta in offsets.values())
    finally:
        await client.close()


async def test_messages_older_than_the_group_are_read(kafka_room: Room) -> None:
    await send(kafka_room, *(event(number) for number in range(5)))
    async with running(consumer(kafka_room).run):
        assert await facts(kafka_room, 5) == [0, 1, 2, 3, 4]
    await send(kafka_room, event(5))
    async with running(consumer(kafka_room).run):
        assert await facts(kafka_room, 6) == [0, 1, 2, 3, 4, 5]


class DiesBeforeCommit(Consumer):
    """Killed when the database has committed and the offset has not."""

    reached: asyncio.Event

    async def _commit(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        self.reached.set()
        await asyncio.Event().wait()


async def test_killed_between_database_and_offset_it_handles_again_and_counts_once(kafka_room: Room) -> None:
    dying = DiesBeforeCommit(
        kafka_room.settings,
        client="tests",
        group=f"g.{Noted.TOPIC}",
        topics=[Noted.TOPIC],
        processor=InboxProcessor(kafka_room.work, HANDLERS, "tests"),
    )
    dying.reached = asyncio.Event()
    await send(kafka_room, *(event(number) for number in range(5)))
    async with running(dying.run):
        await dying.reached.wait()
    assert await kafka_room.numbers() == [0, 1, 2, 3, 4]
    assert await committed(kafka_room) == 0
    before = duplicates()
    async with running(consumer(kafka_room).run):
        await send(kafka_room, event(5))
        assert await facts(kafka_room, 6) == [0, 1, 2, 3, 4, 5]
    assert duplicates() - before == 5


def duplicates() -> float:
    return METRICS.get_sample_value("inbox_duplicates_total", {"type": "test.noted.v1"}) or 0


async def test_offsets_are_committed_after_the_database_and_never_before(kafka_room: Room) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        await note(tx, messages)
        inside.set()
        await go_on.wait()

    await send(kafka_room, event(1))
    async with running(consumer(kafka_room, events_by(slow)).run):
        await inside.wait()
        assert await committed(kafka_room) == 0
        go_on.set()

        async def is_committed() -> bool:
            return await committed(kafka_room) == 1

        await eventually(is_committed)


async def test_a_commit_that_fails_is_survived(kafka_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = AIOKafkaConsumer.commit, iter([CommitFailedError(), CommitFailedError()])

    async def fails_twice(self: AIOKafkaConsumer, offsets: Any = None) -> None:
        if error := next(failures, None):
            raise error
        await real(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", fails_twice)
    async with running(consumer(kafka_room).run):
        for number in range(4):
            await send(kafka_room, event(number))
            await facts(kafka_room, number + 1)

        async def is_committed() -> bool:
            return await committed(kafka_room) == 4

        await eventually(is_committed)
    assert await kafka_room.numbers() == [0, 1, 2, 3]


async def test_a_partition_lost_while_its_messages_are_handled_counts_them_once(
    kafka_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noted, "TOPIC", f"wide.{Noted.TOPIC}")
    await make_topic(kafka_room.settings, Noted.TOPIC, partitions=2)
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        inside.set()
        await go_on.wait()
        await note(tx, messages)

    producer = kafka.producer(kafka_room.settings, "tests")
    await producer.start()
    for number in range(20):
        await producer.send(Noted.TOPIC, event(number).encode(), key=str(number).encode())
    await producer.stop()
    async with running(consumer(kafka_room, events_by(slow)).run):
        await inside.wait()
        # The second joins: the group gives it one of the partitions whose messages the first has in hand.
        async with running(consumer(kafka_room).run):
            await facts_or_claims(kafka_room)
            go_on.set()
            await facts(kafka_room, 20)

            async def is_committed() -> bool:
                return await committed(kafka_room) == 20

            await eventually(is_committed)
    assert sorted(await kafka_room.numbers()) == list(range(20))


async def facts_or_claims(room: Room) -> None:
    """The second consumer waits on the first one's claims, or has handled what was not yet claimed."""

    async def busy() -> Any:
        return await room.numbers() or await room.as_admin(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

    await eventually(busy)


POISON: dict[str, Envelope | bytes] = {
    "malformed": b"{",
    "unknown type": event(99).model_copy(update={"type": "no.such.v1"}),
    "mismatch": event(99).model_copy(update={"data": {"number": "张三"}}),
    "breaks its handler": event(13),
    "breaks the database": event(14),
    "breaks the database's client": event(15),
}


async def picky(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
    await note(tx, messages)
    if any(m.data.number == 13 for m in messages):
        int("张三 310101198001011234")
    if any(m.data.number == 14 for m in messages):
        await tx.conn.exec_driver_sql("SELECT CAST('张三' AS int)")
    if any(m.data.number == 15 for m in messages):
        await tx.conn.exec_driver_sql("SELECT CAST(%(name)s AS text)", {"name": "张三\0"})


@pytest.mark.parametrize("poison", list(POISON))
async def test_one_poison_message_stops_nobody_else(kafka_room: Room, poison: str) -> None:
    good = [event(number) for number in range(6)]
    await send(kafka_room, *good[:3], POISON[poison], *good[3:])
    async with running(consumer(kafka_room, events_by(picky)).run):
        assert await facts(kafka_room, 6) == [0, 1, 2, 3, 4, 5]

        async def is_committed() -> bool:
            return await committed(kafka_room) == 7

        await eventually(is_committed)
    [letter] = await letters(kafka_room)
    reasons = {
        "malformed": "body: json_invalid",
        "unknown type": "unknown type no.such.v1",
        "mismatch": "test.noted.v1: number: int_parsing",
        "breaks its handler": "ValueError at test_consumer.py:",
        "breaks the database": "DataError 22P02 at test_consumer.py:",
        "breaks the database's client": "DataError at test_consumer.py:",
    }
    assert letter.reason.startswith(reasons[poison])
    assert "张三" not in letter.reason
    assert (letter.topic, letter.offset, letter.key, letter.group) == (Noted.TOPIC, 3, "k", "tests")


async def test_a_message_handled_twice_dies_once(kafka_room: Room) -> None:
    processor = InboxProcessor(kafka_room.work, HANDLERS, "tests")
    poison = Record(Noted.TOPIC, 0, 7, "a\0b", b"{")
    for _ in range(2):
        await processor.set_aside(poison, "body: json_invalid")
    [letter] = await letters(kafka_room)
    assert letter.key == "a\0b"


async def test_a_dead_command_tells_the_workflow_that_waits(kafka_room: Room) -> None:
    broken = command(1, key="do/1", address="home").model_copy(update={"data": {"number": "张三"}})
    await send(kafka_room, broken, command(2, key="do/2", address="home"))
    async with running(consumer(kafka_room).run):
        assert await facts(kafka_room, 1) == [2]
    failed, succeeded = sorted(
        (e for e in await kafka_room.outgoing() if e.type.startswith("command.")), key=lambda e: e.type
    )
    assert (failed.type, failed.replyto, failed.idempotencykey) == ("command.failed.v1", "home", "do/1")
    assert failed.data == {"command": "test.do.v1", "reason": "test.do.v1: number: int_parsing", "dead": True}
    assert (succeeded.type, succeeded.idempotencykey) == ("command.succeeded.v1", "do/2")
    assert len(await letters(kafka_room)) == 1


LOCK = 991

# What a database says when it is not the message's fault.
NOBODYS_FAULT = {
    "backend killed": ["SELECT pg_terminate_backend(pg_backend_pid())"],
    "lock not free in time": ["SET LOCAL lock_timeout = '5ms'", f"SELECT pg_advisory_lock({LOCK})"],
    "statement timeout": ["SET LOCAL statement_timeout = '5ms'", "SELECT pg_sleep(60)"],
    "read only": ["SET TRANSACTION READ ONLY", "INSERT INTO facts (number) VALUES (1)"],
    "serialisation": ["DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$"],
    "disk full": ["DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53100'; END $$"],
    "too many connections": ["DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53300'; END $$"],
}


@pytest.mark.parametrize("fault", list(NOBODYS_FAULT))
async def test_infrastructure_is_waited_out_and_never_counts_as_a_try(
    kafka_room: Room, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five failures are more than the three tries that a message has.
    real_sleep = asyncio.sleep

    async def short_sleep(seconds: float) -> None:
        await real_sleep(min(seconds, 0.02))

    monkeypatch.setattr("unioncard.messaging.consumer.asyncio.sleep", short_sleep)
    times = 0
    holder = kafka_room.engine.connect()

    async def faulty(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        nonlocal times
        times += 1
        if times <= 5:
            for statement in NOBODYS_FAULT[fault]:
                await tx.conn.exec_driver_sql(statement)
        await note(tx, messages)

    async with holder as conn:
        await conn.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
        await send(kafka_room, event(1), event(2))
        async with running(consumer(kafka_room, events_by(faulty)).run):
            assert await facts(kafka_room, 2) == [1, 2]
    assert times >= 6
    assert await letters(kafka_room) == []


async def test_infrastructure_is_waited_out_also_one_by_one(kafka_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    real_sleep = asyncio.sleep

    async def short_sleep(seconds: float) -> None:
        await real_sleep(min(seconds, 0.02))

    monkeypatch.setattr("unioncard.messaging.consumer.asyncio.sleep", short_sleep)
    times = 0

    async def faulty(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        nonlocal times
        if len(messages) == 1 and messages[0].data.number == 2 and times < 5:
            times += 1
            await tx.conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        await picky(tx, messages)

    await send(kafka_room, event(1), POISON["breaks its handler"], event(2), event(3))
    async with running(consumer(kafka_room, events_by(faulty)).run):
        assert await facts(kafka_room, 3) == [1, 2, 3]
    assert [letter.offset for letter in await letters(kafka_room)] == [1]


async def test_a_real_deadlock_is_waited_out(kafka_room: Room) -> None:
    async with kafka_room.engine.begin() as conn:
        await conn.exec_driver_sql("INSERT INTO facts (number) VALUES (100), (200)")
    others_turn, handled = asyncio.Event(), 0

    async def crosses(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        nonlocal handled
        handled += 1
        await tx.conn.exec_driver_sql("UPDATE facts SET number = number WHERE number = 100")
        others_turn.set()
        if handled == 1:
            await eventually(lambda: crossing.done() or waits(kafka_room))
        await tx.conn.exec_driver_sql("UPDATE facts SET number = number WHERE number = 200")
        await note(tx, messages)

    async def the_other() -> None:
        await others_turn.wait()
        async with kafka_room.engine.begin() as conn:
            await conn.exec_driver_sql("UPDATE facts SET number = number WHERE number = 200")
            await conn.exec_driver_sql("UPDATE facts SET number = number WHERE number = 100")

    crossing = asyncio.create_task(the_other())
    await send(kafka_room, event(1))
    async with running(consumer(kafka_room, events_by(crosses)).run):
        assert (await facts(kafka_room, 3))[2:] == [1]
    await asyncio.gather(crossing, return_exceptions=True)
    assert await letters(kafka_room) == []


async def waits(room: Room) -> Any:
    return await room.as_admin(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )


async def test_a_consumer_without_progress_starts_itself_anew(kafka_room: Room) -> None:
    calls = 0

    async def hangs_once(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        await note(tx, messages)

    def restarts() -> float:
        return METRICS.get_sample_value("consumer_restarts_total", {"why": "no progress"}) or 0

    before = restarts()
    await send(kafka_room, event(1))
    async with running(consumer(kafka_room, events_by(hangs_once), stuck_after_s=0.6).run):
        assert await facts(kafka_room, 1) == [1]
    assert restarts() - before >= 1


async def test_a_consumer_whose_client_hangs_starts_itself_anew(
    kafka_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As seen after the broker was killed: a commit and questions about offsets waited for a coordinator for ever.
    first: list[AIOKafkaConsumer] = []

    def hanging(original: Callable[..., Awaitable[Any]], *, then: bool = False) -> Callable[..., Awaitable[Any]]:
        async def call(self: AIOKafkaConsumer, *given: Any) -> Any:
            first.append(self)
            if self is not first[0] or then:
                answer = await original(self, *given)
            if self is first[0]:
                await asyncio.Event().wait()
            return answer

        return call

    monkeypatch.setattr(AIOKafkaConsumer, "commit", hanging(AIOKafkaConsumer.commit))
    monkeypatch.setattr(AIOKafkaConsumer, "committed", hanging(AIOKafkaConsumer.committed))
    monkeypatch.setattr(AIOKafkaConsumer, "stop", hanging(AIOKafkaConsumer.stop, then=True))
    monkeypatch.setattr("unioncard.messaging.consumer.STOP_WITHIN_S", 2.0)
    await send(kafka_room, event(1))
    async with running(consumer(kafka_room, events_by(note), stuck_after_s=0.6).run):
        assert await facts(kafka_room, 1) == [1]
        await send(kafka_room, event(2))
        assert await facts(kafka_room, 2) == [1, 2]
    assert len(set(map(id, first))) == 2


async def test_lag_counts_what_waits_at_the_broker(kafka_room: Room) -> None:
    go_on = asyncio.Event()

    async def slow(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        await go_on.wait()
        await note(tx, messages)

    def lag() -> float | None:
        return METRICS.get_sample_value("consumer_lag", {"topic": Noted.TOPIC, "partition": "0"})

    await send(kafka_room, *(event(number) for number in range(7)))
    async with running(consumer(kafka_room, events_by(slow), stuck_after_s=60).run):
        await eventually(lambda: lag() == 7)
        go_on.set()
        await eventually(lambda: lag() == 0)
