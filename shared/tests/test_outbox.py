"""The outbox: what is committed is sent, at least once, and nothing else ever is."""

import asyncio
import base64
import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import REGISTRY as METRICS

from unioncard.contracts.replies import CommandSucceeded
from unioncard.database import ServiceDatabase, engine_for
from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import InboxProcessor
from unioncard.messaging.outbox import RELAY_LOCK, Relay
from unioncard.settings import Settings
from unioncard_cli.stack import Stack, free_port_base
from unioncard_testing import HANDLERS, Do, Noted, Room, eventually, make_database, make_topic, read_topic, running

FACT = sa.text("INSERT INTO facts (number) VALUES (:number)")


def relay(room: Room) -> Relay:
    return Relay(room.database.app_url, partial(kafka.producer, room.settings, "tests"))


async def publish(room: Room, *numbers: int, text: str = "") -> None:
    async with room.work.begin("a") as tx:
        for number in numbers:
            tx.publish(Noted(number=number, text=text), key=str(number))


async def sent(room: Room) -> list[int]:
    return [Envelope.decode(body).data["number"] for _, body in await read_topic(room.settings, Noted.TOPIC)]


async def emptied(room: Room) -> None:
    async def empty() -> bool:
        return not await room.scalar("SELECT count(*) FROM outbox WHERE refused IS NULL")

    await eventually(empty)


async def test_what_is_committed_is_sent_and_what_is_rolled_back_is_not(kafka_room: Room) -> None:
    async def fails() -> None:
        async with kafka_room.work.begin("a") as tx:
            tx.publish(Noted(number=1), key="1")
            await tx.flush()  # as if the process had died between writing the rows and committing them
            raise RuntimeError

    async with running(relay(kafka_room).run):
        with pytest.raises(RuntimeError):
            await fails()
        await publish(kafka_room, 2)
        await emptied(kafka_room)
    assert await sent(kafka_room) == [2]


async def test_keys_go_with_the_messages(kafka_room: Room) -> None:
    await publish(kafka_room, 7)
    async with running(relay(kafka_room).run):
        await emptied(kafka_room)
    [(key, body)] = await read_topic(kafka_room.settings, Noted.TOPIC)
    assert (key, Envelope.decode(body).data["number"]) == ("7", 7)


async def test_replies_and_commands_overtake_bulk_events(kafka_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for contract in (Do, CommandSucceeded):
        monkeypatch.setattr(contract, "TOPIC", Noted.TOPIC)  # one partition, so that the order can be seen
    async with kafka_room.work.begin("a") as tx:
        for number in (1, 2):
            tx.publish(Noted(number=number), key="k")
        tx.publish(Do(number=3), key="k", idempotency_key="do/3")
        tx.publish(CommandSucceeded(command="test.do.v1", result={}), key="k")
    async with running(relay(kafka_room).run):
        await emptied(kafka_room)
    bodies = [Envelope.decode(body) for _, body in await read_topic(kafka_room.settings, Noted.TOPIC)]
    assert [(e.type, e.data.get("number")) for e in bodies] == [
        ("command.succeeded.v1", None),
        ("test.do.v1", 3),
        ("test.noted.v1", 1),
        ("test.noted.v1", 2),
    ]


class DiesBeforeDeleting(Relay):
    """Killed after the broker has acknowledged and before the rows are deleted."""

    reached: asyncio.Event

    async def _settle(self, conn: psycopg.AsyncConnection, sent: list[int], refused: list[int]) -> None:
        self.reached.set()
        await asyncio.Event().wait()


async def test_a_relay_killed_between_sending_and_deleting_sends_twice_and_the_inbox_counts_once(
    kafka_room: Room,
) -> None:
    await publish(kafka_room, 1, 2, 3)
    dying = DiesBeforeDeleting(kafka_room.database.app_url, partial(kafka.producer, kafka_room.settings, "tests"))
    dying.reached = asyncio.Event()
    async with running(dying.run):
        await dying.reached.wait()
    async with running(relay(kafka_room).run):
        await emptied(kafka_room)
    assert Counter(await sent(kafka_room)) == {1: 2, 2: 2, 3: 2}

    async with running(consumer(kafka_room).run):

        async def handled() -> bool:
            return len(await kafka_room.numbers()) == 3

        await eventually(handled)
        await publish(kafka_room, 4)
        async with running(relay(kafka_room).run):

            async def last() -> bool:
                return 4 in await kafka_room.numbers()

            await eventually(last)
    assert sorted(await kafka_room.numbers()) == [1, 2, 3, 4]


def consumer(room: Room) -> Consumer:
    return Consumer(
        room.settings,
        client="tests",
        group=f"group.{Noted.TOPIC}",
        topics=[Noted.TOPIC],
        processor=InboxProcessor(room.work, HANDLERS, "tests"),
    )


async def holder(room: Room) -> int | None:
    statement = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {RELAY_LOCK} AND granted"
    found: int | None = await room.as_admin(
        statement + " AND database = (SELECT oid FROM pg_database WHERE datname = :n)", n=room.database.name
    )
    return found


async def test_of_two_relays_one_works_and_the_other_takes_over(kafka_room: Room) -> None:
    async with running(relay(kafka_room).run, relay(kafka_room).run):
        first = await eventually(partial(holder, kafka_room))
        await publish(kafka_room, *range(200))
        await emptied(kafka_room)
        assert Counter(await sent(kafka_room)) == dict.fromkeys(range(200), 1)

        await kafka_room.as_admin("SELECT pg_terminate_backend(:pid)", pid=first)

        async def another() -> bool:
            return await holder(kafka_room) not in (None, first)

        await eventually(another)
        await publish(kafka_room, 1000)
        await emptied(kafka_room)
        assert 1000 in await sent(kafka_room)


async def test_a_row_of_a_transaction_that_commits_late_is_not_missed(kafka_room: Room) -> None:
    async with running(relay(kafka_room).run):
        async with kafka_room.work.begin("a") as late:
            late.publish(Noted(number=1), key="1")
            await late.flush()  # takes the lower id, and stays invisible
            await publish(kafka_room, 2)

            async def second() -> bool:
                return await sent(kafka_room) == [2]

            await eventually(second)
        await emptied(kafka_room)
    assert await sent(kafka_room) == [2, 1]


async def test_what_the_broker_finds_too_large_is_set_apart_and_the_rest_flows(
    kafka_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noted, "TOPIC", f"small.{Noted.TOPIC}")
    await make_topic(kafka_room.settings, Noted.TOPIC, options={"max.message.bytes": "20000"})
    noise = base64.b64encode(os.urandom(300_000)).decode()  # nothing that a compression could shrink
    await publish(kafka_room, 1)
    await publish(kafka_room, 2, text=noise)
    await publish(kafka_room, *range(3, 30))
    # Together these are more than the broker takes at once, one by one they are not.
    await publish(kafka_room, *range(30, 34), text=noise[:8_000])
    async with running(relay(kafka_room).run):
        await emptied(kafka_room)
        await publish(kafka_room, *range(34, 40))
        await emptied(kafka_room)

        async def counted() -> bool:
            return METRICS.get_sample_value("outbox_refused") == 1

        await eventually(counted)
    assert set(await sent(kafka_room)) == {1, *range(3, 40)}
    assert await kafka_room.column("SELECT refused FROM outbox") == ["MessageSizeTooLarge"]


async def test_a_sender_goes_on_after_a_message_that_the_broker_refused(kafka_room: Room) -> None:
    topic = f"small.{Noted.TOPIC}"
    await make_topic(kafka_room.settings, topic, options={"max.message.bytes": "20000"})
    sender = kafka.Sender(kafka_room.settings, "tests")
    await sender.start()
    await sender.send_and_wait(topic, b"1", key=b"k")
    with pytest.raises(MessageSizeTooLargeError):
        await sender.send_and_wait(topic, base64.b64encode(os.urandom(300_000)), key=b"k")
    await asyncio.gather(*(sender.send_and_wait(topic, b"%d" % n, key=b"k") for n in range(2, 6)))
    await sender.stop()
    assert sorted(body for _, body in await read_topic(kafka_room.settings, topic)) == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_full_outbox_is_sent_in_portions_of_bounded_memory(kafka_room: Room) -> None:
    portions: list[tuple[int, int]] = []

    class Watched(Relay):
        async def _next(self, conn: psycopg.AsyncConnection) -> list[tuple[int, str, str, bytes]]:
            rows = await super()._next(conn)
            portions.append((len(rows), sum(len(row[3]) for row in rows)))
            return rows

    for number in range(30):
        await publish(kafka_room, number, text="x" * 500_000)
    watched = Watched(kafka_room.database.app_url, partial(kafka.producer, kafka_room.settings, "tests"))
    async with running(watched.run):
        await emptied(kafka_room)
    assert sorted(await sent(kafka_room)) == list(range(30))
    assert max(size for _, size in portions) < 9 * 1024 * 1024
    assert [rows for rows, _ in portions if rows] == [17, 13]


async def test_the_database_may_go_away_at_any_moment(kafka_room: Room) -> None:
    async def cut() -> None:
        while True:
            await kafka_room.as_admin(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :u"
                " AND query NOT LIKE '%%INSERT%%' AND backend_type = 'client backend'",
                u=kafka_room.database.app,
            )
            await asyncio.sleep(0.3)

    async with running(relay(kafka_room).run):
        cutter = asyncio.create_task(cut())
        published: list[int] = []
        while len(published) < 40:
            try:
                await publish(kafka_room, len(published))
            except sa.exc.DBAPIError:
                continue
            published.append(len(published))
            await asyncio.sleep(0.02)
        cutter.cancel()
        await asyncio.gather(cutter, return_exceptions=True)
        await insist(partial(emptied, kafka_room))
    assert set(await sent(kafka_room)) >= set(published)


async def test_the_age_of_the_oldest_message_tells_that_the_broker_is_away(room: Room) -> None:
    room.settings = Settings(kafka=f"127.0.0.1:{free_port_base()}")
    await publish(room, 1, 2)
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE outbox SET created_at = now() - interval '2 hours' WHERE id = 1")
    async with running(relay(room).run):
        await eventually(lambda: (METRICS.get_sample_value("outbox_oldest_age_seconds") or 0) > 7199)
    assert METRICS.get_sample_value("outbox_waiting") == 2


@pytest.fixture
def breakable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A PostgreSQL and a Kafka that nobody else uses."""
    for name in ("UNIONCARD_DATABASE_URL", "UNIONCARD_KAFKA"):
        monkeypatch.delenv(name, raising=False)
    stack = Stack(tmp_path, free_port_base(), tied=True)
    try:
        stack.up(only=["postgres", "kafka"])
        yield stack
    finally:
        stack.down()


async def breakable_room(stack: Stack) -> Room:
    where = stack.environment()
    database: ServiceDatabase = await make_database(where["UNIONCARD_DATABASE_URL"])
    settings = Settings(database_url=where["UNIONCARD_DATABASE_URL"], kafka=where["UNIONCARD_KAFKA"])
    return Room(database, settings, engine_for(database.app_url, settings))


async def insist(action: Any) -> None:
    while True:
        try:
            await action()
            return
        except (sa.exc.DBAPIError, OSError):
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_kill_9_of_database_and_broker_loses_nothing_and_counts_nothing_twice(
    breakable: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await breakable_room(breakable)
    await make_topic(room.settings, Noted.TOPIC, partitions=3)
    async with running(relay(room).run, consumer(room).run):
        done = 0
        for victim in ("kafka", "postgres"):
            for _ in range(10):
                await insist(partial(publish, room, done))
                done += 1
            pid = breakable.kill(victim)
            for _ in range(10):
                await insist(partial(publish, room, done))
                done += 1
            await asyncio.to_thread(breakable.wait_ready, victim, 60.0, pid)

        async def all_counted() -> bool:
            try:
                return len(await room.numbers()) >= done
            except sa.exc.DBAPIError:
                return False

        await eventually(all_counted, 120)
        # An insert whose commit was cut off may have been repeated by us: each number at least once is ours to
        # promise, and each message exactly once.
        assert set(await room.numbers()) == set(range(done))
        assert len(await room.numbers()) == await room.scalar("SELECT count(*) FROM inbox")
    await room.engine.dispose()
