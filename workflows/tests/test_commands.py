"""Commands and their answers over real Kafka and Temporal, with everything late, lost or twice."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import Worker

from unioncard.contracts import Reply
from unioncard.contracts.cards import CheckChunkResult
from unioncard.contracts.replies import CommandFailed, CommandRefused
from unioncard.messaging.consumer import Consumer
from unioncard.messaging.dead_letters import Record, list_dead_letters
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.kafka import Sender
from workflows.addresses import ReplyAddress
from workflows.replies import TOPICS, ReplyProcessor
from workflows.sending import CommandSender
from workflows.settings import WorkflowsSettings
from workflows_testing.asker import Asker, AskerOfNothing
from workflows_testing.crossings import PASSED, EchoService, a_producer, counted, enveloped, running
from workflows_testing.time_travel import UNVERSIONED, eventually

COMMAND = "card.check.chunk.v1"
RESULT = CheckChunkResult(passed=9, not_passed=1, gone=0)
FAILED = CommandFailed(command=COMMAND, reason="office unreachable")


class HeldProducer:
    """Sends as the real one, then keeps the sender waiting until ``released``."""

    def __init__(self, producer: Sender) -> None:
        self._producer = producer
        self.released = asyncio.Event()

    async def send_and_wait(self, topic: str, body: bytes, *, key: bytes) -> None:
        await self._producer.send_and_wait(topic, body, key=key)
        await self.released.wait()


class OwnReplies:
    """Passes on the replies of one test: the topic holds those of all, and the counters are exact."""

    def __init__(self, replies: ReplyProcessor, key: str) -> None:
        self._replies = replies
        self._key = key

    async def process(self, records: Sequence[Record]) -> None:
        await self._replies.process([record for record in records if record.key == self._key])

    async def set_aside(self, record: Record, reason: str) -> None:
        await self._replies.set_aside(record, reason)


@dataclass
class Crossing:
    """A worker, the reply consumer and the service at the other end."""

    client: Client
    producer: Sender
    echo: EchoService
    replies: ReplyProcessor
    task_queue: str
    key: str

    def worker(self, producer: Any = None) -> Worker:
        return Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=[Asker, AskerOfNothing],
            activities=[CommandSender(producer or self.producer).send],
            deployment_config=UNVERSIONED,
        )

    async def ask(self, patience_s: float = 60) -> WorkflowHandle[Any, CheckChunkResult]:
        return await self.client.start_workflow(
            Asker.run, args=[self.key, patience_s], id=self.key, task_queue=self.task_queue
        )


@pytest.fixture
async def crossing(client: Client, settings: WorkflowsSettings, task_queue: str) -> AsyncIterator[Crossing]:
    key = f"test-{uuid.uuid4()}"
    async with a_producer(settings) as producer:
        echo = EchoService(settings, producer, key)
        processor = ReplyProcessor(client, producer, group=f"replies-{key}")
        own = OwnReplies(processor, key)
        consumer = Consumer(settings, client="test", group=f"replies-{key}", topics=TOPICS, processor=own)
        async with running(echo.run, consumer.run):
            yield Crossing(client, producer, echo, processor, task_queue, key)


async def test_a_command_comes_back_with_its_result(crossing: Crossing) -> None:
    async with crossing.worker():
        assert await (await crossing.ask()).result() == RESULT
    [command] = crossing.echo.commands
    assert (command.type, command.idempotencykey, command.data) == (
        COMMAND,
        crossing.key,
        {"check_id": crossing.key, "chunk": 0},
    )
    address = ReplyAddress.decode(command.replyto)
    assert (address.workflow_id, address.activity_id, address.attempt) == (crossing.key, "1", 1)


async def test_an_answer_that_overtakes_the_activity_completes_it(crossing: Crossing) -> None:
    held = HeldProducer(crossing.producer)
    async with crossing.worker(held):
        assert await (await crossing.ask()).result() == RESULT
        held.released.set()


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(crossing: Crossing) -> None:
    async def lose_the_first(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return [(commands[-1], PASSED)] if len(commands) > 1 else []

    crossing.echo.answers = lose_the_first
    async with crossing.worker():
        assert await (await crossing.ask(patience_s=1)).result() == RESULT
    assert {one.idempotencykey for one in crossing.echo.commands} == {crossing.key}
    assert [ReplyAddress.decode(one.replyto).attempt for one in crossing.echo.commands[:2]] == [1, 2]


async def test_a_late_first_answer_completes_the_second_try(crossing: Crossing) -> None:
    async def answer_the_first_on_the_second(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return [(commands[0], PASSED)] if len(commands) == 2 else []

    crossing.echo.answers = answer_the_first_on_the_second
    async with crossing.worker():
        assert await (await crossing.ask(patience_s=2)).result() == RESULT


async def test_a_failure_is_tried_again_until_it_works(crossing: Crossing) -> None:
    async def fail_twice(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return [(commands[-1], FAILED if len(commands) < 3 else PASSED)]

    crossing.echo.answers = fail_twice
    async with crossing.worker():
        assert await (await crossing.ask()).result() == RESULT
    assert len(crossing.echo.commands) == 3


async def test_the_failure_of_an_earlier_try_leaves_the_current_one_alone(crossing: Crossing) -> None:
    async def nothing(_commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return []

    crossing.echo.answers = nothing
    stale = counted("replies_total", kind="command.failed.v1", outcome="gone")
    async with crossing.worker():
        asked = await crossing.ask(patience_s=3)
        await eventually(lambda: len(crossing.echo.commands) >= 2)
        first, second = crossing.echo.commands[:2]
        await crossing.echo.reply(first, FAILED)
        await eventually(lambda: counted("replies_total", kind="command.failed.v1", outcome="gone") == stale + 1)
        await crossing.echo.reply(second, PASSED)
        assert await asked.result() == RESULT
    [last] = [
        one.activity_task_started_event_attributes
        for one in (await asked.fetch_history()).events
        if one.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    assert last.last_failure.HasField("timeout_failure_info")  # and not the stale "office unreachable"


async def test_an_answer_that_comes_twice_is_counted_and_changes_nothing(crossing: Crossing) -> None:
    async def twice(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return [(commands[-1], PASSED)] * 2

    crossing.echo.answers = twice
    gone = counted("replies_total", kind="command.succeeded.v1", outcome="gone")
    async with crossing.worker():
        assert await (await crossing.ask()).result() == RESULT
        await eventually(lambda: counted("replies_total", kind="command.succeeded.v1", outcome="gone") == gone + 1)


@pytest.mark.parametrize(
    ("reply", "type_", "message"),
    [
        (CommandRefused(command=COMMAND, code="check-gone", detail="校验已取消"), "check-gone", "校验已取消"),
        (CommandFailed(command=COMMAND, reason="KeyError at rules.py:1", dead=True), "dead-letter", "KeyError"),
    ],
)
async def test_a_final_no_fails_the_workflow_with_its_type(
    crossing: Crossing, reply: Reply, type_: str, message: str
) -> None:
    async def refuse(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        return [(commands[-1], reply)]

    crossing.echo.answers = refuse
    async with crossing.worker():
        with pytest.raises(WorkflowFailureError) as failure:
            await (await crossing.ask()).result()
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == type_
    assert cause.message.startswith(message)
    assert len(crossing.echo.commands) == 1


async def test_an_unknown_command_fails_for_good(crossing: Crossing) -> None:
    async with crossing.worker():
        asked = await crossing.client.start_workflow(
            AskerOfNothing.run, crossing.key, id=crossing.key, task_queue=crossing.task_queue
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await asked.result()
    assert isinstance(failure.value.cause, ActivityError)
    assert isinstance(failure.value.cause.cause, ApplicationError)
    assert failure.value.cause.cause.type == "unknown-command"


async def test_an_answer_completes_while_no_worker_lives(crossing: Crossing) -> None:
    """The worker is lost between the command and its answer: another one finds the activity completed."""
    held: list[Envelope] = []

    async def hold(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
        held.append(commands[-1])
        return []

    crossing.echo.answers = hold
    async with crossing.worker():
        asked = await crossing.ask()
        await eventually(lambda: len(held) == 1)
    done = counted("replies_total", kind="command.succeeded.v1", outcome="done")
    await crossing.echo.reply(held[0], PASSED)
    await eventually(lambda: counted("replies_total", kind="command.succeeded.v1", outcome="done") == done + 1)
    async with crossing.worker():
        assert await asked.result() == RESULT
    assert len(crossing.echo.commands) == 1


async def test_an_answer_without_an_address_becomes_a_dead_letter(
    crossing: Crossing, settings: WorkflowsSettings
) -> None:
    key = crossing.key
    body = enveloped(PASSED, key=key, reply_to="bm90IGFuIGFkZHJlc3M")
    await crossing.producer.send_and_wait(PASSED.TOPIC, body, key=key.encode())

    async def listed() -> bool:
        return any(one.letter.key == key for one in await list_dead_letters(settings))

    await eventually(listed)
    [letter] = [one.letter for one in await list_dead_letters(settings) if one.letter.key == key]
    assert letter.reason == "replyto: no address of ours"


async def test_an_answer_to_a_workflow_that_never_was_is_gone(crossing: Crossing) -> None:
    gone = counted("replies_total", kind="command.succeeded.v1", outcome="gone")
    address = ReplyAddress(f"card-batch/{crossing.key}", str(uuid.uuid4()), "1", 1, b"token").encode()
    body = enveloped(PASSED, key=crossing.key, reply_to=address)
    await crossing.replies.process([Record(PASSED.TOPIC, 0, 0, crossing.key, body)])
    assert counted("replies_total", kind="command.succeeded.v1", outcome="gone") == gone + 1
