"""member-svc on a real PostgreSQL; each test begins with the same small tree and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest

from member_svc.main import application, build
from member_svc.maintenance import migrate_database
from member_svc.organisations.loading import load_organisations
from member_svc.tables import METADATA
from member_svc_testing.world import ORGANISATIONS, World
from unioncard.database import ServiceDatabase, service_database
from unioncard.keys import load_keys, write_key_files
from unioncard.service import Context, open_context
from unioncard.settings import Settings


@pytest.fixture(scope="session")
def member_settings(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a member-svc with keys of its own."""
    keys = tmp_path_factory.mktemp("member-keys")
    write_key_files(keys)
    return Settings(database_url=postgres_url, keys_file=keys / "member-svc.json", clock_segments=keys / "clock.json")


@pytest.fixture(scope="session")
def member_database(member_settings: Settings) -> ServiceDatabase:
    """The service's database, migrated."""
    database = service_database("member", member_settings, load_keys(member_settings.keys_file))
    migrate_database(database)
    return database


@pytest.fixture
async def context(member_settings: Settings, member_database: ServiceDatabase) -> AsyncIterator[Context]:
    """An open context on empty tables."""
    with psycopg.connect(member_database.owner_url) as conn:
        names = ", ".join(f'"{name}"' for name in METADATA.tables)
        conn.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        conn.execute("ALTER SEQUENCE member_ids RESTART")
    opened = open_context("member-svc", member_settings)
    yield opened
    await opened.engine.dispose()


@pytest.fixture
async def world(context: Context, tmp_path: Path) -> AsyncIterator[World]:
    """The application with the tree loaded; without its loops, so that the outbox keeps what was written."""
    path = tmp_path / "organisations.csv"
    path.write_text(ORGANISATIONS, encoding="utf-8")
    await load_organisations(context, path)
    app = application(context)
    app.state.context = context
    app.state.tokens = build(context).tokens
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://member", timeout=60) as client:
        made = World(app, context, client, {})
        made.ids.update({row["code"]: row["id"] for row in await made.rows("SELECT code, id FROM organisations")})
        yield made
