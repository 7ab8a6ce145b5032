"""A service's room for the tests of the crossings: one database for the run, emptied before each test."""

import asyncio
import io
import json
import logging
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import structlog

from unioncard.contracts import replies
from unioncard.contracts.model import Contract
from unioncard.database import ServiceDatabase, engine_for
from unioncard.settings import Settings
from unioncard.telemetry import configure_logging
from unioncard_testing import Do, Noted, Room, make_database, make_topic, metadata


@pytest.fixture(scope="session")
def crossing_database(postgres_url: str) -> ServiceDatabase:
    return asyncio.run(make_database(postgres_url))


@pytest.fixture
async def room(crossing_database: ServiceDatabase) -> AsyncIterator[Room]:
    """A room without Kafka."""
    owner = engine_for(crossing_database.owner_url)
    async with owner.begin() as conn:
        names = ", ".join(f'"{name}"' for name in metadata.tables)
        await conn.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    settings = Settings(database_url=crossing_database.admin_url, database_pool_size=10)
    engine = engine_for(crossing_database.app_url, settings)
    yield Room(crossing_database, settings, engine)
    await engine.dispose()


@pytest.fixture
async def kafka_room(room: Room, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room with topics of its own for the contracts that the tests send."""
    room.settings = Settings(database_url=room.settings.database_url, kafka=kafka_bootstrap)
    mark = uuid.uuid4().hex[:8]
    contracts: tuple[type[Contract], ...] = (
        Noted,
        Do,
        replies.CommandSucceeded,
        replies.CommandRefused,
        replies.CommandFailed,
    )
    names = {contract: f"{mark}.{contract.TOPIC}" for contract in contracts}
    for contract, name in names.items():
        monkeypatch.setattr(contract, "TOPIC", name)
    await make_topic(room.settings, *sorted(set(names.values())))
    return room


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Logging as a service has it; gives the entries so far."""
    root, written = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    # pytest's own handlers would be closed with all others.
    kept, root.handlers = root.handlers, []
    configure_logging("test-svc", "INFO")
    ours = list(root.handlers)
    root.handlers += kept
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    for handler in ours:
        root.removeHandler(handler)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
