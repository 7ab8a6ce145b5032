"""A service as small as can be on the real crossings: ``python -m bench.echo.service <topic>``.

Its own database with one fact a command; consumer, inbox, unit of work, outbox and relay are the platform's, each
with the settings a service gives them. Prints ``ready`` and starts when it is told ``go``.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
import uvloop

from bench.echo.contracts import Echo, Echoed
from unioncard.clock import FileClock
from unioncard.database import ServiceDatabase, engine_for, grant_to_app, provision
from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer
from unioncard.messaging.handling import Handlers, InboxProcessor, Message, Outcome, Succeeded
from unioncard.messaging.outbox import Relay
from unioncard.service import calm_collector
from unioncard.settings import Settings, settings_or_exit
from unioncard.tables import APPEND_ONLY, add_crossing_tables
from unioncard.telemetry import start_telemetry
from unioncard.unit_of_work import Transaction, UnitOfWork

NAME = "bench-svc"

metadata = sa.MetaData()
add_crossing_tables(metadata)
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

_FACTS = sa.text("""
    INSERT INTO facts (number, text) SELECT * FROM unnest(CAST(:numbers AS bigint[]), CAST(:texts AS text[]))
    RETURNING id
""")


async def echo(tx: Transaction, messages: Sequence[Message[Echo]]) -> Sequence[Outcome]:
    """One fact a command."""
    rows = await tx.conn.execute(
        _FACTS, {"numbers": [m.data.number for m in messages], "texts": [m.data.text for m in messages]}
    )
    return [
        Succeeded(Echoed(number=message.data.number, fact=fact))
        for message, fact in zip(messages, rows.scalars(), strict=True)
    ]


def database(settings: Settings) -> ServiceDatabase:
    """The bench's own database on the stack's server."""
    return ServiceDatabase(settings.database_url, "bench", "bench-owner-password", "bench-app-password")


async def make_database(settings: Settings) -> None:
    """With the crossing tables and ``facts``, as a migration would make them."""
    made = database(settings)
    await provision(made)
    engine = engine_for(made.owner_url)
    async with engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.exec_driver_sql("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
        await grant_to_app(conn, made, APPEND_ONLY)
    await engine.dispose()


async def serve(topic: str) -> None:
    """Until killed."""
    settings = settings_or_exit(Settings)
    start_telemetry(NAME, settings)
    calm_collector()
    url = database(settings).app_url
    engine = engine_for(url, settings)
    work = UnitOfWork(engine, FileClock(settings.clock_segments), NAME)
    processor = InboxProcessor(work, Handlers(events={}, commands={Echo: echo}), NAME)
    consumer = Consumer(settings, client=NAME, group=f"{NAME}-{topic}", topics=[topic], processor=processor)
    relay = Relay(url, partial(kafka.producer, settings, NAME))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(relay.run(), consumer.run())


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
