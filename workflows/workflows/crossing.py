"""What the bridge and the reply consumer share: bounded concurrency, Temporal's refusals, and dead letters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

from unioncard.messaging.consumer import Unavailable
from unioncard.messaging.dead_letters import Record, dead_letter
from unioncard.messaging.envelope import MalformedMessage
from unioncard.messaging.kafka import Sender
from workflows.sending import SOURCE

T = TypeVar("T")

# Above this the server's throughput no longer grows, only its latency.
CONCURRENCY = 32
# So many messages at a time: also where Temporal takes only a few a second they are through before their consumer is
# thought to be stuck, and begins anew with all of them.
BATCH = 100


async def each(work: Callable[[T], Awaitable[None]], items: Sequence[T]) -> None:
    """Do all of them, some at a time; when one fails the rest still ends, then the first failure is raised."""
    gate = asyncio.Semaphore(CONCURRENCY)

    async def bounded(item: T) -> None:
        async with gate:
            await work(item)

    results = await asyncio.gather(*(bounded(item) for item in items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


@asynccontextmanager
async def temporal_answers() -> AsyncIterator[None]:
    """Sort Temporal's refusals into what a consumer understands.

    A request that no server would take is the message's fault, so it becomes a dead letter. Everything else is waited
    out and tried again: then the offset is not committed.
    """
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise MalformedMessage("Temporal refused it as invalid") from None
        raise Unavailable(f"Temporal: {error.status.name}") from error


async def set_aside(producer: Sender, record: Record, group: str, reason: str) -> None:
    """Write the dead letter; written twice after a crash it is listed once, since its id derives from the place."""
    letter = dead_letter(record, group, reason, SOURCE)
    await producer.send_and_wait(letter.topic, letter.body, key=letter.key.encode())
