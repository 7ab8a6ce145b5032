"""PostgreSQL: the connection pool, and how a service's database and roles derive from the administrator's URL."""

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.types.array import ListBinaryDumper
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from unioncard.keys import Keys
from unioncard.settings import Settings

PING_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One service's database: ``unioncard_card`` with roles ``unioncard_card_owner`` and ``unioncard_card_app``.

    The owner runs migrations; the application role may not UPDATE, DELETE or TRUNCATE what is append-only.
    """

    admin_url: str
    noun: str
    owner_password: str
    app_password: str

    @property
    def name(self) -> str:
        return f"unioncard_{self.noun}"

    @property
    def owner(self) -> str:
        return f"{self.name}_owner"

    @property
    def app(self) -> str:
        return f"{self.name}_app"

    @property
    def owner_url(self) -> str:
        return _derived(self.admin_url, self.owner, self.owner_password, self.name)

    @property
    def app_url(self) -> str:
        return _derived(self.admin_url, self.app, self.app_password, self.name)


def service_database(noun: str, settings: Settings, keys: Keys) -> ServiceDatabase:
    """The database of the service whose keys these are."""
    app_password, owner_password = keys.database_passwords()
    return ServiceDatabase(settings.database_url, noun, owner_password, app_password)


def _derived(url: str, user: str, password: str, database: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{user}:{quote(password, safe='')}@{host}", f"/{database}", parts.query, ""))


def engine_for(url: str, settings: Settings | None = None) -> AsyncEngine:
    """An engine on psycopg 3. ``hide_parameters`` keeps personal data out of errors and logs."""
    engine = _engine("postgresql+psycopg://" + url.split("://", 1)[1], settings)
    sa.event.listen(engine.sync_engine, "connect", _send_lists_in_binary)
    if settings is not None:
        _ping_idle_connections(engine)
    return engine


def _engine(dialect_url: str, settings: Settings | None) -> AsyncEngine:
    if settings is None:
        return create_async_engine(dialect_url, hide_parameters=True, poolclass=NullPool)
    timeout_ms = int(settings.database_statement_timeout_s * 1000)
    return create_async_engine(
        dialect_url,
        hide_parameters=True,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        connect_args={"options": f"-c statement_timeout={timeout_ms} -c timezone=UTC", "connect_timeout": 10},
    )


def _send_lists_in_binary(connection: Any, _record: object) -> None:
    """Sets travel as arrays. As text every element is searched for what must be quoted, which took a third of the
    time of a handler of messages."""
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


def _ping_idle_connections(engine: AsyncEngine) -> None:
    """A server that was killed leaves dead connections in the pool; the ping finds them before a request does.

    Not at every use, as ``pool_pre_ping`` would: in a burst connections go from hand to hand, and a ping costs as much
    as a statement. Those in use when the server dies tell by themselves.
    """

    def came_back(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def goes_out(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info.get("idle_since", math.inf) < PING_AFTER_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error:
            raise sa.exc.InvalidatePoolError from None

    sa.event.listen(engine.sync_engine, "checkin", came_back)
    sa.event.listen(engine.sync_engine, "checkout", goes_out)


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A read-only transaction: a list and its count see one state of the world."""
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with conn.begin():
            yield conn


async def provision(database: ServiceDatabase) -> None:
    """Make the roles and the database of a service, or bring their passwords up to date. Safe to repeat."""
    engine = engine_for(database.admin_url).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as conn:
        # Two processes may provision at once; roles have no IF NOT EXISTS, so they take turns.
        await conn.execute(sa.text("SELECT pg_advisory_lock(7236101)"))
        try:
            for role, password in ((database.owner, database.owner_password), (database.app, database.app_password)):
                exists = await conn.scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
                verb = "ALTER" if exists else "CREATE"
                await conn.exec_driver_sql(_role_statement(verb, role, password))
            known = await conn.scalar(
                sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database.name}
            )
            if not known:
                await conn.exec_driver_sql(f'GRANT "{database.owner}" TO CURRENT_USER')
                await conn.exec_driver_sql(f'CREATE DATABASE "{database.name}" OWNER "{database.owner}"')
            # Also for a database that is there: whoever made it may have been killed before this line.
            await conn.exec_driver_sql(f'REVOKE ALL ON DATABASE "{database.name}" FROM PUBLIC')
            # Temporary tables are where files are staged before they are loaded.
            await conn.exec_driver_sql(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database.name}" TO "{database.app}"')
        finally:
            await conn.execute(sa.text("SELECT pg_advisory_unlock(7236101)"))


def _role_statement(verb: str, role: str, password: str) -> str:
    statement = sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}").format(
        verb=sql.SQL(verb), role=sql.Identifier(role), password=sql.Literal(password)
    )
    # exec_driver_sql reads % as a placeholder
    return statement.as_string(None).replace("%", "%%")


async def grant_to_app(conn: AsyncConnection, database: ServiceDatabase, append_only: frozenset[str]) -> None:
    """After migrations, as the owner: what the application role may do with each table (*Safety*)."""
    app = database.app
    await conn.exec_driver_sql(f'GRANT USAGE ON SCHEMA public TO "{app}"')
    await conn.exec_driver_sql(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{app}"')
    await conn.exec_driver_sql(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{app}"')
    for table in sorted(append_only | {"alembic_version"}):
        await conn.exec_driver_sql(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM "{app}"')
    await conn.exec_driver_sql(f'REVOKE INSERT ON "alembic_version" FROM "{app}"')
