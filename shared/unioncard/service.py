"""A service's process: HTTP, consumer, relay and dispatchers side by side in one event loop.

All of them may be killed at any line and run any number of times at once: the relay takes turns by an advisory lock,
consumers share partitions, dispatchers lease their calls. Scaling out is starting the process again.
"""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from unioncard.auth import TokenCheck
from unioncard.clock import Clock, FileClock
from unioncard.database import ServiceDatabase, engine_for, service_database
from unioncard.keys import Keys, load_keys
from unioncard.messaging import inbox, kafka
from unioncard.messaging.consumer import Consumer
from unioncard.messaging.handling import Handlers, InboxProcessor
from unioncard.messaging.outbox import Relay
from unioncard.partners import Dispatcher, Operation
from unioncard.settings import Settings
from unioncard.tables import PURGE_ROWS
from unioncard.telemetry import start_telemetry
from unioncard.unit_of_work import UnitOfWork
from unioncard.web import idempotency

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Context:
    """What a service's parts share; at ``app.state.context``."""

    name: str
    settings: Settings
    keys: Keys
    clock: Clock
    database: ServiceDatabase
    engine: AsyncEngine
    work: UnitOfWork


def open_context(name: str, settings: Settings) -> Context:
    """Keys, clock and connection pool of a service called ``member-svc``, ``card-svc`` …"""
    keys = load_keys(settings.keys_file)
    clock = FileClock(settings.clock_segments)
    database = service_database(name.removesuffix("-svc"), settings, keys)
    engine = engine_for(database.app_url, settings)
    return Context(name, settings, keys, clock, database, engine, UnitOfWork(engine, clock, name))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service runs besides HTTP."""

    tokens: TokenCheck
    handlers: Handlers | None = None
    partners: Mapping[str, Mapping[str, Operation]] = field(default_factory=dict)
    background: Sequence[Callable[[], Awaitable[None]]] = ()


def lifespan_of(
    context: Context, build: Callable[[Context], Parts]
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    """The application's lifespan: starts every part, and ends them when HTTP has ended."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = build(context)
        app.state.context = context
        app.state.tokens = parts.tokens
        running = [asyncio.create_task(_forever(name, run)) for name, run in _loops(context, parts)]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await context.engine.dispose()

    return lifespan


def _loops(context: Context, parts: Parts) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    url = context.database.app_url
    relay = Relay(url, partial(kafka.producer, context.settings, context.name))
    loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("relay", relay.run),
        ("purge", lambda: _purge(context)),
    ]
    if parts.handlers is not None:
        processor = InboxProcessor(context.work, parts.handlers, context.name)
        consumer = Consumer(
            context.settings,
            client=context.name,
            group=context.name,
            topics=parts.handlers.topics(),
            processor=processor,
        )
        loops.append(("consumer", consumer.run))
    for partner, operations in parts.partners.items():
        loops.append((f"dispatcher {partner}", Dispatcher(partner, operations, context.work, url).run))
    return loops + [(f"background {number}", run) for number, run in enumerate(parts.background)]


async def _forever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """A part that breaks is started again; it would be silent otherwise, since nobody awaits it."""
    while True:
        try:
            await run()
            return
        except Exception:
            log.exception("part.broke", part=name)
            await asyncio.sleep(1.0)


async def _purge(context: Context) -> None:
    """Once an hour, forget what is older than twice the topics' retention: no message can come again after that."""
    days = 2 * context.settings.kafka_retention_days
    while True:
        for purge in (inbox.purge, idempotency.purge):
            purged = PURGE_ROWS
            while purged == PURGE_ROWS:
                async with context.engine.begin() as conn:
                    purged = await purge(conn, days)
        await asyncio.sleep(3600)


def calm_collector() -> None:
    """Search for cycles less often, and never in what was imported.

    A batch of messages makes tens of thousands of objects that die by themselves when it ends. By Python's default
    they are searched every 700, which took a fifth of a handler's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def serve(app: FastAPI, settings: Settings) -> None:
    """Run the application until it is told to stop."""
    calm_collector()
    # When HTTP has ended uvicorn raises the signal again; by default that would end the process before its last spans
    # are written.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    uvicorn.run(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )


def start(name: str, settings: Settings) -> Context:
    """First line of a service's process: telemetry, then its context."""
    start_telemetry(name, settings)
    return open_context(name, settings)
