"""What the tests of the crossings share: contracts, a database with the crossing tables, and patience.

Not part of the product: no room but tests imports it.
"""

import asyncio
import contextlib
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from unioncard.clock import WallClock
from unioncard.contracts.model import Command, Contract, Event
from unioncard.database import ServiceDatabase, engine_for, grant_to_app, provision
from unioncard.messaging import kafka
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import Handlers, Message, Outcome, Succeeded
from unioncard.messaging.topics import DEAD
from unioncard.organisations import add_organisations_table
from unioncard.settings import Settings
from unioncard.tables import APPEND_ONLY, add_crossing_tables
from unioncard.unit_of_work import Transaction, UnitOfWork


class Noted(Event):
    """An event; each one handled is one fact."""

    TYPE: ClassVar[str] = "test.noted.v1"
    TOPIC: ClassVar[str] = "test.events"
    number: int
    text: str = ""


class Do(Command):
    """A command; each one handled is one fact."""

    TYPE: ClassVar[str] = "test.do.v1"
    TOPIC: ClassVar[str] = "test.commands"
    number: int


class Done(Contract):
    """What :class:`Do` answers. ``run`` is the fact's id, so a second handling would answer otherwise."""

    number: int
    run: int


metadata = sa.MetaData()
add_crossing_tables(metadata)
organisations = add_organisations_table(metadata)
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

_FACTS = sa.text("INSERT INTO facts (number) SELECT * FROM unnest(CAST(:numbers AS bigint[])) RETURNING id")


async def note(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
    """Handler of events."""
    await tx.conn.execute(_FACTS, {"numbers": [m.data.number for m in messages]})


async def do(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
    """Handler of commands."""
    ids = (await tx.conn.execute(_FACTS, {"numbers": [m.data.number for m in messages]})).scalars()
    return [Succeeded(Done(number=m.data.number, run=run)) for m, run in zip(messages, ids, strict=True)]


HANDLERS = Handlers(events={Noted: note}, commands={Do: do})


async def make_database(admin_url: str) -> ServiceDatabase:
    """A service's database of its own, with the crossing tables and ``facts``."""
    database = ServiceDatabase(
        admin_url, f"t{uuid.uuid4().hex[:12]}", "owner's 100% pass:word/@", "app's 100% pass:word/@"
    )
    await provision(database)
    engine = engine_for(database.owner_url)
    async with engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")
        await grant_to_app(conn, database, APPEND_ONLY)
    return database


@dataclass(slots=True)
class Room:
    """A service as the crossings see it: its database, unit of work and settings."""

    database: ServiceDatabase
    settings: Settings
    engine: AsyncEngine
    work: UnitOfWork = field(init=False)

    def __post_init__(self) -> None:
        self.work = UnitOfWork(self.engine, WallClock(), "test-svc")

    async def scalar(self, statement: str, **values: Any) -> Any:
        """One value from the database."""
        async with self.engine.connect() as conn:
            return await conn.scalar(sa.text(statement), values)

    async def column(self, statement: str, **values: Any) -> list[Any]:
        """One column from the database."""
        async with self.engine.connect() as conn:
            return list((await conn.execute(sa.text(statement), values)).scalars())

    async def as_admin(self, statement: str, **values: Any) -> Any:
        """One statement as the administrator, in this database; answers its first value, if any."""
        url = self.database.admin_url.split("?")[0].rsplit("/", 1)[0] + f"/{self.database.name}"
        async with engine_for(url).begin() as conn:
            result = await conn.execute(sa.text(statement), values)
            return result.scalar() if result.returns_rows else None

    async def numbers(self) -> list[int]:
        """The facts, in the order they were made."""
        return await self.column("SELECT number FROM facts ORDER BY id")

    async def outgoing(self) -> list[Envelope]:
        """What waits in the outbox, in the order it will go."""
        bodies = await self.column("SELECT body FROM outbox ORDER BY priority, id")
        return [Envelope.decode(bytes(body)) for body in bodies]


async def eventually(check: Callable[[], Any | Awaitable[Any]], timeout_s: float = 40.0) -> Any:
    """What ``check`` gives, as soon as it is truthy; fails after ``timeout_s``."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        found = check()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not in {timeout_s:g} s: {inspect.getsource(check)}"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(*parts: Callable[[], Awaitable[Any]]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Parts that run for ever, for as long as the block; an error of one of them is raised at its end."""

    async def run(part: Callable[[], Awaitable[Any]]) -> None:
        await part()

    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(run(part)) for part in parts]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


@contextlib.contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that an engine sends while the block runs."""
    seen: list[str] = []

    def listen(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", listen)


def record(envelope: Envelope | bytes, *, topic: str = "test.events", key: str = "k", offset: int = 0) -> Record:
    """A message as it lies in a topic."""
    return Record(topic, 0, offset, key, envelope if isinstance(envelope, bytes) else envelope.encode())


def command(number: int, *, key: str | None = None, address: str | None = "home", **more: Any) -> Envelope:
    """A command in its envelope."""
    return envelope_of(Do(number=number), idempotencykey=key or f"do/{number}", replyto=address, **more)


def event(number: int, **more: Any) -> Envelope:
    """An event in its envelope."""
    return envelope_of(Noted(number=number), **more)


def envelope_of(contract: Contract, **more: Any) -> Envelope:
    """Any contract in an envelope with fresh id and time."""
    values: dict[str, Any] = {"id": uuid.uuid4().hex, "source": "tests", "time": "2026-01-05T08:00:00Z"}
    return Envelope(**values | {"type": contract.TYPE, "data": contract.model_dump(mode="json")} | more)


async def read_topic(settings: Settings, topic: str) -> list[tuple[str, bytes]]:
    """All messages of a topic as (key, body), in the order of each partition."""
    consumer = kafka.consumer(settings, "tests", None, [topic])
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[tuple[str, bytes]] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found.extend(((r.key or b"").decode(), r.value or b"") for r in records)
        return found
    finally:
        await consumer.stop()


async def make_topic(
    settings: Settings, *names: str, partitions: int = 1, options: dict[str, str] | None = None
) -> None:
    """Topics for one test, each with its topic of dead letters."""
    from aiokafka.admin import NewTopic

    client = kafka.admin(settings, "tests")
    await client.start()
    try:
        wanted = [name + suffix for name in names for suffix in ("", DEAD)]
        await client.create_topics([NewTopic(n, partitions, 1, topic_configs=options) for n in wanted])
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """For applications whose parts a test brings itself."""
    yield
