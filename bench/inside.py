"""Both services inside this process, their messages carried by hand: so that statements can be counted by cause.

HTTP is real (the bank calls back), database and partners are the stack's. What Kafka and Temporal would carry is taken
out of one outbox and given to the other service's processor.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from bench.ground import BenchError
from card_svc.main import create_app, parts_of
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from member_svc.main import application, build
from unioncard.contracts import Command
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope, new_id
from unioncard.messaging.handling import InboxProcessor
from unioncard.partners import Dispatcher
from unioncard.service import Context, Parts, open_context
from unioncard.settings import PREFIX, Settings, read_settings
from unioncard_cli.stack import Stack

S = TypeVar("S", bound=Settings)

PATIENCE_S = 120.0


@dataclass(slots=True)
class Inside:
    """The two services, and how many statements each cause took."""

    member: Context
    card: Context
    card_parts: Parts
    processors: dict[str, InboxProcessor]
    handlers: dict[str, frozenset[str]]
    counts: Counter[str] = field(default_factory=Counter)
    cause: str = ""

    def note(self, _conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """A statement is about to be sent. The dispatchers' own looking around belongs to nobody."""
        if self.cause and "partner_calls" not in statement:
            self.counts[self.cause] += 1

    @contextmanager
    def counting(self, cause: str) -> Iterator[None]:
        """What is sent in this block is because of ``cause``."""
        self.cause = cause
        try:
            yield
        finally:
            self.cause = ""

    async def carry(self, *, counted: bool = False) -> None:
        """Empty both outboxes into whoever listens, all messages of one type at once, each type a cause."""
        for service in (self.member, self.card):
            by_type: dict[str, list[Record]] = {}
            for topic, key, body in await self._taken(service):
                by_type.setdefault(Envelope.decode(body).type, []).append(Record(topic, 0, 0, key, body))
            for type_, records in by_type.items():
                for name, listened in self.handlers.items():
                    if type_ in listened:
                        with self.counting(f"event {type_}" if counted else ""):
                            await self.processors[name].process(records)

    async def command(self, command: Command, key: str) -> None:
        """Give card-svc a command as a workflow would, and wait until a partner, if asked, has answered."""
        envelope = Envelope(
            id=new_id(),
            source="bench",
            type=command.TYPE,
            time=datetime.now(UTC),
            idempotencykey=key,
            replyto="bench",
            data=command.model_dump(mode="json"),
        )
        await self.processors["card-svc"].process([Record(command.TOPIC, 0, 0, key, envelope.encode())])
        await self.until("no call to a partner waits", self.card, "SELECT count(*) = 0 FROM partner_calls")

    async def until(self, what: str, service: Context, query: str, *values: Any) -> None:
        """Until the query answers true, asked on a connection that is not counted."""
        async with await psycopg.AsyncConnection.connect(service.database.app_url, autocommit=True) as conn:
            for _ in range(int(PATIENCE_S / 0.05)):
                row = await (await conn.execute(query.encode(), values)).fetchone()
                if row and row[0]:
                    return
                await asyncio.sleep(0.05)
        raise BenchError(f"it did not come to pass that {what}")

    async def _taken(self, service: Context) -> list[tuple[str, str, bytes]]:
        async with await psycopg.AsyncConnection.connect(service.database.app_url, autocommit=True) as conn:
            cursor = await conn.execute("DELETE FROM outbox RETURNING priority, id, topic, key, body")
            return [(topic, key, bytes(body)) for _, _, topic, key, body in sorted(await cursor.fetchall())]


@asynccontextmanager
async def inside(stack: Stack) -> AsyncIterator[Inside]:
    """The services, listening on their ports until the block ends."""
    settings = _settings(CardSettings, stack, "card-svc")
    member = open_context("member-svc", _settings(Settings, stack, "member-svc"))
    card = open_context("card-svc", settings)
    apps = [(application(member), member, build(member))]
    apps.append((create_app(card, settings), card, parts_of(card, settings, PersonalData(card.keys))))
    both = Inside(member, card, apps[1][2], {}, {})
    for _, context, parts in apps:
        assert parts.handlers is not None  # both listen
        both.processors[context.name] = InboxProcessor(context.work, parts.handlers, context.name)
        both.handlers[context.name] = frozenset(one.TYPE for one in parts.handlers.events)
        sa.event.listen(context.engine.sync_engine, "before_cursor_execute", both.note)
    servers = [_server(app, context, parts) for app, context, parts in apps]
    running = [asyncio.create_task(server.serve()) for server in servers]
    calling = [
        asyncio.create_task(Dispatcher(partner, operations, card.work, card.database.app_url).run())
        for partner, operations in both.card_parts.partners.items()
    ]
    try:
        yield both
    finally:
        for server in servers:
            server.should_exit = True
        for task in calling:
            task.cancel()
        await asyncio.gather(*running, *calling, return_exceptions=True)
        await member.engine.dispose()
        await card.engine.dispose()


def _server(app: FastAPI, context: Context, parts: Parts) -> uvicorn.Server:
    """HTTP alone: relay and consumer are what this bench does by hand."""
    app.state.context, app.state.tokens = context, parts.tokens
    return uvicorn.Server(
        uvicorn.Config(app, host=context.settings.host, port=context.settings.port, lifespan="off", log_config=None)
    )


def _settings(kind: type[S], stack: Stack, name: str) -> S:
    """What the service's own process would read."""
    environment = stack.place.process_environment(name)
    names = {field: PREFIX + field.upper() for field in kind.model_fields}
    return read_settings(kind, **{field: environment[key] for field, key in names.items() if environment.get(key)})
