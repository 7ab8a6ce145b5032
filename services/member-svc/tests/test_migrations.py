"""Migrations make the tables of the code, and the audit log can only be added to."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from member_svc.maintenance import migrate_database
from member_svc.tables import METADATA
from member_svc_testing.rosters import people
from member_svc_testing.world import World
from unioncard.database import ServiceDatabase, engine_for
from unioncard.migrations import drift


async def test_migrations_and_tables_agree(member_database: ServiceDatabase) -> None:
    engine = engine_for(member_database.owner_url)
    async with engine.connect() as conn:
        assert await drift(conn, METADATA) == []
    await engine.dispose()


def test_migrating_again_changes_nothing(member_database: ServiceDatabase) -> None:
    migrate_database(member_database)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_the_application_cannot_change_the_audit_log(world: World, statement: str) -> None:
    await (await world.union()).import_people(people(1))
    with pytest.raises(ProgrammingError, match="permission denied"):
        await world.run(statement)
    assert await world.value("SELECT count(*) FROM audit_log WHERE action = 'import.ask'") == 1


async def test_the_application_is_not_the_owner(world: World) -> None:
    async with world.context.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT current_user")) == "unioncard_member_app"
    with pytest.raises(ProgrammingError, match="must be owner"):
        await world.run("ALTER TABLE audit_log ADD COLUMN x text")
