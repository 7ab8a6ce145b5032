"""The other side of Kafka, for tests: a service that answers as it is told, and clients for both ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prometheus_client import REGISTRY as METRICS

from unioncard.contracts import Contract, Reply
from unioncard.contracts.cards import COMMANDS, CheckChunkResult
from unioncard.contracts.replies import CommandSucceeded
from unioncard.messaging import kafka
from unioncard.messaging.envelope import Envelope, new_id
from unioncard.messaging.kafka import Sender
from unioncard.messaging.topics import make_topics
from workflows.settings import WorkflowsSettings

Answers = Callable[[Sequence[Envelope]], Awaitable[Sequence[tuple[Envelope, Reply]]]]

PASSED = CommandSucceeded(
    command="card.check.chunk.v1", result=CheckChunkResult(passed=9, not_passed=1, gone=0).model_dump(mode="json")
)


def counted(name: str, **labels: str) -> float:
    """A counter's value."""
    return METRICS.get_sample_value(name, labels) or 0.0


def enveloped(contract: Contract, *, key: str, reply_to: str | None = None, traceparent: str | None = None) -> bytes:
    """A message as a service would send it."""
    return Envelope(
        id=new_id(),
        source="card-svc",
        type=contract.TYPE,
        subject=key,
        time=datetime.now(UTC),
        traceparent=traceparent,
        idempotencykey=key,
        replyto=reply_to,
        data=contract.model_dump(mode="json"),
    ).encode()


async def success(_commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
    """Answer the newest command with success."""
    return [(_commands[-1], PASSED)]


class EchoService:
    """Answers commands whose key begins with ``prefix``; ``answers`` is given all of them so far, newest last."""

    def __init__(self, settings: WorkflowsSettings, producer: Sender, prefix: str) -> None:
        self._settings = settings
        self._producer = producer
        self._prefix = prefix
        self.answers: Answers = success
        self.commands: list[Envelope] = []

    async def run(self) -> None:
        consumer = kafka.consumer(self._settings, "echo", f"echo-{self._prefix}", [COMMANDS])
        await consumer.start()
        try:
            async for record in consumer:
                await self._answer(Envelope.decode(record.value))
        finally:
            await consumer.stop()

    async def _answer(self, command: Envelope) -> None:
        if not (command.idempotencykey or "").startswith(self._prefix):
            return
        self.commands.append(command)
        for to, reply in await self.answers(self.commands):
            await self.reply(to, reply)

    async def reply(self, to: Envelope, reply: Reply) -> None:
        key = to.idempotencykey or ""
        await self._producer.send_and_wait(
            reply.TOPIC, enveloped(reply, key=key, reply_to=to.replyto), key=key.encode()
        )


@asynccontextmanager
async def a_producer(settings: WorkflowsSettings) -> AsyncIterator[Sender]:
    """A started producer; the topics are there."""
    await make_topics(settings)
    producer = kafka.Sender(settings, "tests")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def running(*parts: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """These run beside the test and are cancelled after it."""
    tasks = [asyncio.ensure_future(part()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
