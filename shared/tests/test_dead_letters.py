"""Dead letters: listed once, shown whole, sent again, and counted once even then."""

import asyncio
import base64
import os
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unioncard.contracts import replies
from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer
from unioncard.messaging.dead_letters import Listed, Record, dead_letter, list_dead_letters, resend
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import InboxProcessor
from unioncard.messaging.outbox import Relay
from unioncard.messaging.topics import make_topics
from unioncard_cli.main import commands
from unioncard_cli.place import StackError
from unioncard_testing import HANDLERS, Do, Noted, Room, command, eventually, read_topic, running


@pytest.fixture
def listening(kafka_room: Room) -> Consumer:
    return Consumer(
        kafka_room.settings,
        client="tests",
        group=f"g.{Do.TOPIC}",
        topics=[Do.TOPIC],
        processor=InboxProcessor(kafka_room.work, HANDLERS, "test-svc"),
    )


async def ours(room: Room) -> list[Listed]:
    return [one for one in await list_dead_letters(room.settings) if one.letter.topic == Do.TOPIC]


async def a_dead_command(room: Room, listening: Consumer) -> Listed:
    """A command that is broken in its topic, and the letter about it in the topic of dead letters."""
    broken = command(1, key="do/1").model_copy(update={"data": {"number": "张三"}})
    producer = kafka.producer(room.settings, "tests")
    await producer.start()
    await producer.send_and_wait(Do.TOPIC, broken.encode(), key=b"union 7")
    await producer.stop()
    async with running(listening.run, Relay(room.database.app_url, partial(kafka.producer, room.settings, "t")).run):

        async def there() -> list[Listed]:
            return await ours(room)

        [one] = await eventually(there)
    listed: Listed = one
    return listed


async def test_a_dead_letter_holds_all_it_takes_to_send_it_again(kafka_room: Room, listening: Consumer) -> None:
    one = await a_dead_command(kafka_room, listening)
    letter = one.letter
    assert (letter.topic, letter.partition, letter.offset, letter.key) == (Do.TOPIC, 0, 0, "union 7")
    assert (letter.group, letter.reason) == ("test-svc", "test.do.v1: number: int_parsing")
    assert (one.type, one.resent) == ("test.do.v1", False)
    assert Envelope.decode(base64.b64decode(letter.body)).idempotencykey == "do/1"
    [(_, reply)] = await read_topic(kafka_room.settings, replies.CommandFailed.TOPIC)
    assert Envelope.decode(reply).data["dead"] is True


async def test_a_letter_sent_again_is_handled_once_its_reason_is_mended(kafka_room: Room, listening: Consumer) -> None:
    one = await a_dead_command(kafka_room, listening)
    mended = one.letter.model_copy(update={"body": base64.b64encode(command(1, key="do/1").encode()).decode()})
    await resend(kafka_room.settings, mended)
    await resend(kafka_room.settings, mended)
    async with running(listening.run):

        async def handled() -> bool:
            return len(await read_topic(kafka_room.settings, Do.TOPIC)) == 3 and await kafka_room.numbers() == [1]

        await eventually(handled)
        # Both resends are through when what came after them is.
        producer = kafka.producer(kafka_room.settings, "tests")
        await producer.start()
        await producer.send_and_wait(Do.TOPIC, command(2).encode(), key=b"union 7")
        await producer.stop()

        async def last() -> bool:
            return 2 in await kafka_room.numbers()

        await eventually(last)
    assert await kafka_room.numbers() == [1, 2]
    assert [found.resent for found in await ours(kafka_room)] == [True]


async def test_a_letter_sent_again_that_dies_again_is_a_new_one(kafka_room: Room, listening: Consumer) -> None:
    one = await a_dead_command(kafka_room, listening)
    await resend(kafka_room.settings, one.letter)
    relay = Relay(kafka_room.database.app_url, partial(kafka.producer, kafka_room.settings, "t"))
    async with running(listening.run, relay.run):

        async def two() -> bool:
            return len(await ours(kafka_room)) == 2

        await eventually(two)
    assert [(found.letter.offset, found.resent) for found in await ours(kafka_room)] == [(0, True), (1, False)]


async def test_what_others_put_there_is_passed_over(kafka_room: Room) -> None:
    producer = kafka.producer(kafka_room.settings, "tests")
    await producer.start()
    for body in (b"{", b"", command(1).encode()):
        await producer.send_and_wait(Do.TOPIC + ".dead", body)
    await producer.stop()
    assert await ours(kafka_room) == []


async def test_the_largest_message_a_topic_takes_fits_into_a_dead_letter(
    kafka_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Do, "TOPIC", f"as-made.{Do.TOPIC}")
    await make_topics(kafka_room.settings)
    body = base64.b64encode(os.urandom(750_000))  # a million bytes that no compression shrinks
    processor = InboxProcessor(kafka_room.work, HANDLERS, "large")
    await processor.set_aside(Record(Do.TOPIC, 0, 0, "k", body), "too strange")
    async with running(Relay(kafka_room.database.app_url, partial(kafka.producer, kafka_room.settings, "t")).run):

        async def there() -> bool:
            return any(len(one.letter.body) > 1_300_000 for one in await ours(kafka_room))

        await eventually(there)

        async def empty() -> bool:
            return not await kafka_room.scalar("SELECT count(*) FROM outbox")

        await eventually(empty)


async def test_topics_are_made_once_however_often_and_at_once(
    kafka_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noted, "TOPIC", f"new.{Noted.TOPIC}")
    made = await asyncio.gather(*(make_topics(kafka_room.settings) for _ in range(3)))
    assert {Noted.TOPIC, Noted.TOPIC + ".dead"} <= {name for names in made for name in names}
    assert await make_topics(kafka_room.settings) == []


async def unioncard(*words: str) -> Result:
    """The command line's answer to these words. It has an event loop of its own, so it runs in a thread."""
    return await asyncio.to_thread(CliRunner().invoke, commands(["dead-letters"]), ["dead-letters", *words])


async def test_the_command_line_lists_shows_and_sends_again(
    kafka_room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIONCARD_KAFKA", kafka_room.settings.kafka)
    monkeypatch.setenv("UNIONCARD_STATE", str(tmp_path))
    # Nothing of what other tests leave, and nothing left for them.
    monkeypatch.setattr("unioncard.messaging.dead_letters.topic_names", lambda: [Do.TOPIC, Do.TOPIC + ".dead"])
    assert (await unioncard("list")).stdout == "no dead letters\n"

    body = command(1, key="do/1", address="home").model_copy(update={"data": {"number": "张三"}}).encode()
    lay = Record(Do.TOPIC, 2, 71, "union 7", body)
    async with kafka_room.work.begin("tests") as tx:
        tx.outbox.append(dead_letter(lay, "card-svc", "test.do.v1: number: int_parsing", "card-svc"))
    async with running(Relay(kafka_room.database.app_url, partial(kafka.producer, kafka_room.settings, "t")).run):

        async def there() -> list[str]:
            return [one.letter.id for one in await list_dead_letters(kafka_room.settings) if not one.resent]

        [id_] = await eventually(there)

    listed = await unioncard("list")
    assert listed.exit_code == 1
    assert id_[:8] in listed.stdout
    shown = await unioncard("show", id_[:6])
    assert shown.exit_code == 0
    assert "test.do.v1: number: int_parsing" in shown.stdout
    assert f"{Do.TOPIC}, partition 2, offset 71" in shown.stdout
    assert '"idempotencykey": "do/1"' in shown.stdout
    assert str((await unioncard("show", "nothing")).exception) == "no dead letter begins with 'nothing'"
    assert str((await unioncard("resend")).exception) == "say which ones"
    assert (await unioncard("resend", id_)).stdout == f"sent again: {id_[:8]} test.do.v1 to {Do.TOPIC}\n"
    assert await read_topic(kafka_room.settings, Do.TOPIC) == [("union 7", body)]
    after = await unioncard("list")
    assert (after.exit_code, after.stdout) == (0, "no dead letters\n")
    every = await unioncard("list", "--all")
    assert (every.exit_code, id_[:8] in every.stdout, "again" in every.stdout) == (0, True, True)
    assert (await unioncard("resend", "--all")).stdout == "no dead letters\n"


async def test_the_command_line_says_when_kafka_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIONCARD_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("UNIONCARD_STATE", str(tmp_path))
    error = (await unioncard("list")).exception
    assert isinstance(error, StackError)
    assert str(error).startswith("Kafka at 127.0.0.1:1 does not answer")
