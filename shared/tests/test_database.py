"""Databases and roles that derive from the administrator's URL, and what the application role may not do."""

import asyncio
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from unioncard.database import ServiceDatabase, engine_for, provision, reading
from unioncard.messaging.consumer import is_infrastructure
from unioncard.migrations import drift, migrate
from unioncard.organisations import add_organisations_table
from unioncard.tables import add_crossing_tables
from unioncard_testing import Room, make_database

ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""

FIRST = """
import sqlalchemy as sa
from alembic import op
from unioncard.organisations import add_organisations_table
from unioncard.tables import add_crossing_tables

revision = "0001"
down_revision = None

def upgrade():
    metadata = sa.MetaData()
    add_crossing_tables(metadata)
    metadata.create_all(op.get_bind())
    op.create_table("ledger", sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True))
"""


def database(admin_url: str, name: str) -> ServiceDatabase:
    return ServiceDatabase(admin_url, name, "owner password", "app password")


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "100% migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_first.py").write_text(FIRST)
    return folder


def test_urls_derive_with_everything_the_administrator_asked_of_the_connection() -> None:
    admin = "postgresql://root:se%40cret@db.internal:5433/postgres?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    derived = ServiceDatabase(admin, "card", "own/er@", "ap p%")
    options = "?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert derived.owner_url == (
        "postgresql://unioncard_card_owner:own%2Fer%40@db.internal:5433/unioncard_card" + options
    )
    assert derived.app_url == "postgresql://unioncard_card_app:ap%20p%25@db.internal:5433/unioncard_card" + options
    parsed = engine_for(derived.app_url).url
    assert (parsed.password, parsed.host, parsed.port) == ("ap p%", "db.internal", 5433)
    assert parsed.query == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}


async def test_passwords_with_any_character_work_and_change(postgres_url: str) -> None:
    made = await make_database(postgres_url)
    changed = ServiceDatabase(postgres_url, made.noun, "new owner's %s", "new app's %s")
    await provision(changed)
    for url in (changed.owner_url, changed.app_url):
        async with engine_for(url).connect() as conn:
            assert await conn.scalar(sa.text("SELECT current_database()")) == made.name


async def test_provisioning_at_once_makes_one_database(postgres_url: str) -> None:
    wanted = database(postgres_url, "at_once")
    await asyncio.gather(*(provision(wanted) for _ in range(4)))
    async with engine_for(wanted.app_url).connect() as conn:
        assert await conn.scalar(sa.text("SELECT current_user")) == "unioncard_at_once_app"


async def test_provisioning_completes_what_a_killed_one_left(postgres_url: str) -> None:
    wanted = database(postgres_url, "half")
    await provision(wanted)
    async with engine_for(postgres_url).execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        # As it stands when the process is killed just after CREATE DATABASE.
        await conn.exec_driver_sql('REVOKE ALL ON DATABASE "unioncard_half" FROM "unioncard_half_app"')
    with pytest.raises(DBAPIError, match="permission denied for database"):
        async with engine_for(wanted.app_url).connect():
            pass
    await provision(wanted)
    async with engine_for(wanted.app_url).connect() as conn:
        assert await conn.scalar(sa.text("SELECT 1")) == 1


async def test_one_service_cannot_open_anothers_database(postgres_url: str) -> None:
    await provision(database(postgres_url, "mine"))
    await provision(database(postgres_url, "theirs"))
    theirs = database(postgres_url, "theirs").app_url.replace("/unioncard_theirs?", "/unioncard_mine?")
    with pytest.raises(DBAPIError, match="permission denied for database"):
        async with engine_for(theirs).connect():
            pass


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'somebody else'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id int)",
        "INSERT INTO alembic_version VALUES ('x')",
        "TRUNCATE outbox",
    ],
)
async def test_the_application_role_may_not(room: Room, statement: str) -> None:
    async with room.work.begin("account:1") as tx:
        tx.audit("x", "y:1")
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with room.engine.begin() as conn:
            await conn.exec_driver_sql(statement)
    assert await room.column("SELECT actor FROM audit_log") == ["account:1"]


def test_migrating_twice_and_at_once_gives_the_same(postgres_url: str, scripts: Path) -> None:
    wanted = database(postgres_url, "migrated")

    async def at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(migrate, wanted, scripts, frozenset({"ledger"})) for _ in range(3)))

    asyncio.run(at_once())
    migrate(wanted, scripts, frozenset({"ledger"}))

    async def check() -> None:
        async with engine_for(wanted.app_url).begin() as conn:
            assert await conn.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0001"
            await conn.exec_driver_sql("INSERT INTO ledger DEFAULT VALUES")
        for statement in ("DELETE FROM ledger", "DELETE FROM audit_log"):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with engine_for(wanted.app_url).begin() as conn:
                    await conn.exec_driver_sql(statement)

    asyncio.run(check())


async def test_drift_names_what_code_and_database_do_not_share(room: Room) -> None:
    mine = sa.MetaData()
    add_crossing_tables(mine)
    add_organisations_table(mine)
    sa.Table("facts", mine, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True))
    async with room.engine.connect() as conn:
        differences = await drift(conn, mine)
    assert ["remove_column" in str(one) and "number" in str(one) for one in differences] == [True]


async def test_reading_sees_one_state_of_the_world_and_cannot_write(room: Room) -> None:
    async with reading(room.engine) as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM facts")) == 0
        async with room.engine.begin() as other:
            await other.exec_driver_sql("INSERT INTO facts (number) VALUES (1)")
        assert await conn.scalar(sa.text("SELECT count(*) FROM facts")) == 0
    with pytest.raises(DBAPIError, match="read-only"):
        async with reading(room.engine) as conn:
            await conn.exec_driver_sql("INSERT INTO facts (number) VALUES (2)")
    # What was read-only goes back to the pool as it was.
    for _ in range(5):
        async with room.engine.begin() as conn:
            await conn.exec_driver_sql("INSERT INTO facts (number) VALUES (3)")
    assert await room.numbers() == [1, 3, 3, 3, 3, 3]


async def _cut_from_server(room: Room) -> None:
    """As a server that was killed leaves the pool: a connection that looks well and is not."""
    async with room.engine.connect() as conn:
        pid = await conn.scalar(sa.text("SELECT pg_backend_pid()"))
    admin = await psycopg.AsyncConnection.connect(room.database.admin_url, autocommit=True)
    async with admin:
        await admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


async def test_a_dead_connection_is_found_before_a_request_does(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unioncard.database.PING_AFTER_S", 0.0)
    await _cut_from_server(room)
    async with room.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT 1")) == 1


async def test_in_a_burst_connections_are_not_pinged(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unioncard.database.PING_AFTER_S", 60.0)
    await _cut_from_server(room)
    with pytest.raises(sa.exc.OperationalError) as broke:
        async with room.engine.connect() as conn:
            await conn.scalar(sa.text("SELECT 1"))
    # Whoever meets it takes it for what it is, and the next one has a new connection.
    assert is_infrastructure(broke.value)
    async with room.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT 1")) == 1
