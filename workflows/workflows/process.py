"""The process: worker, bridge, reply consumer and schedules side by side in one event loop.

Any number may run at once: workers share a task queue, consumers share partitions. Each part that breaks is started
again; Temporal and Kafka may go away and come back at any moment.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import Client
from temporalio.service import RPCError

from unioncard.clock import FileClock
from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer
from unioncard.web.app import make_app
from workflows import bridge, replies
from workflows.client import connect, metrics_runtime
from workflows.commands import set_answer_within
from workflows.crossing import BATCH
from workflows.namespace import ensure_retention, ensure_search_attributes
from workflows.schedules import ensure_schedules
from workflows.settings import TASK_QUEUE, WorkflowsSettings
from workflows.worker import make_worker, promote

log = structlog.get_logger()

T = TypeVar("T")


class Process:
    """What runs until it is cancelled; ``ready`` once workflows can be worked on."""

    def __init__(self, settings: WorkflowsSettings) -> None:
        self._settings = settings
        self._clock = FileClock(settings.clock_segments) if settings.clock_segments else None
        self._runtime = metrics_runtime(settings.worker_metrics)
        self.ready = False

    async def run(self) -> None:
        """Connect, then keep every part running."""
        set_answer_within(timedelta(seconds=self._settings.command_timeout_s))
        client = await _until_reachable("temporal", lambda: connect(self._settings, self._runtime))
        await _until_reachable("temporal", lambda: ensure_search_attributes(client))
        # As long as a message can come again, what it started must be remembered.
        memory = timedelta(days=self._settings.kafka_retention_days)
        await _until_reachable("temporal", lambda: ensure_retention(client, memory))
        producer = kafka.Sender(self._settings, "workflows")
        await _until_reachable("kafka", producer.start)
        parts = self._parts(client, producer)
        try:
            async with asyncio.TaskGroup() as group:
                for name, run in parts.items():
                    group.create_task(_forever(name, run), name=name)
        finally:
            await producer.stop()

    def _parts(self, client: Client, producer: kafka.Sender) -> dict[str, Callable[[], Awaitable[None]]]:
        settings = self._settings
        # A newer table must reach workflows that start now; those that run get it as a signal.
        carrier = bridge.Bridge(
            client, producer, lambda: self._clock.segments if self._clock else (), task_queue=TASK_QUEUE
        )
        answers = replies.ReplyProcessor(client, producer)
        few = settings.model_copy(update={"kafka_batch": min(BATCH, settings.kafka_batch)})
        events = Consumer(few, client="workflows", group=bridge.GROUP, topics=bridge.TOPICS, processor=carrier)
        homecoming = Consumer(few, client="workflows", group=replies.GROUP, topics=replies.TOPICS, processor=answers)
        return {
            "worker": lambda: make_worker(client, producer, build=settings.worker_build, clock=self._clock).run(),
            "bridge": events.run,
            "replies": homecoming.run,
            "start": lambda: self._settle(client),
        }

    async def _settle(self, client: Client) -> None:
        """What Temporal must know before there is anything to work on."""
        if self._settings.worker_promote:
            await promote(client, self._settings.worker_build)
        await ensure_schedules(client)
        self.ready = True
        log.info("workflows.ready", build=self._settings.worker_build)


def application(settings: WorkflowsSettings) -> FastAPI:
    """HTTP with /healthz and /metrics, and the process behind it."""
    process = Process(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(process.run())
        running.add_done_callback(_end_with)
        try:
            yield
        finally:
            running.remove_done_callback(_end_with)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            flush_traces()

    return make_app("workflows", "流程引擎与消息桥", lifespan, ready=lambda: process.ready)


async def _until_reachable(what: str, start: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await start()
        except (KafkaError, OSError, RPCError, RuntimeError) as error:  # RuntimeError: Temporal's failed connect
            log.warning("workflows.waiting", what=what, error=type(error).__name__)
            await asyncio.sleep(1.0)


async def _forever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """A part that breaks is started again; it would be silent otherwise."""
    while True:
        try:
            await run()
            return
        except Exception:
            log.exception("part.broke", part=name)
            await asyncio.sleep(1.0)


def _end_with(running: "asyncio.Task[None]") -> None:
    """What cannot be waited out, such as a namespace that does not exist, ends the process in order."""
    error = None if running.cancelled() else running.exception()
    if error is not None:
        log.critical("workflows.cannot_go_on", error=f"{type(error).__name__}: {error}")
        signal.raise_signal(signal.SIGTERM)


def flush_traces() -> None:
    """Write the last spans: nothing else does when the process is ended by a signal."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(5000)
