"""Bring a service's database up to date: provision it, run its Alembic migrations as owner, grant the rest.

Alembic is imported where it is used: a service that serves needs none of it, and it is a tenth of its start.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.database import ServiceDatabase, engine_for, grant_to_app, provision
from unioncard.tables import APPEND_ONLY


def migrate(database: ServiceDatabase, scripts: Path, append_only: frozenset[str] = frozenset()) -> None:
    """Safe to repeat. ``scripts`` is the service's ``migrations`` folder; ``append_only`` its own ledgers, if any."""
    asyncio.run(_migrate(database, scripts, APPEND_ONLY | append_only))


async def _migrate(database: ServiceDatabase, scripts: Path, append_only: frozenset[str]) -> None:
    await provision(database)
    engine = engine_for(database.owner_url)
    try:
        async with engine.begin() as conn:
            # Two processes may migrate at once: the second waits here and then finds nothing to do.
            await conn.execute(sa.text("SELECT pg_advisory_xact_lock(7236103)"))
            await conn.run_sync(_upgrade, scripts)
            await grant_to_app(conn, database, append_only)
    finally:
        await engine.dispose()


def _upgrade(connection: sa.Connection, scripts: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def drift(conn: AsyncConnection, metadata: sa.MetaData) -> Sequence[object]:
    """How the database differs from the tables in the code; empty when migrations and code agree (a test asks)."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return await conn.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))
