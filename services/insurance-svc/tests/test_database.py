"""Migrations, and what the application role may not do."""

import asyncio

import pytest
import sqlalchemy as sa

from insurance_svc.maintenance import migrate_database
from insurance_svc.metadata import METADATA
from insurance_svc_testing import Trial
from unioncard.database import engine_for
from unioncard.migrations import drift


async def test_migrations_and_tables_agree(trial: Trial) -> None:
    await asyncio.to_thread(migrate_database, trial.context.database)
    owner = engine_for(trial.context.database.owner_url)
    async with owner.connect() as conn:
        assert list(await drift(conn, METADATA)) == []
    await owner.dispose()


@pytest.mark.parametrize("table", ["audit_log", "ledger"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
async def test_logs_are_append_only_for_the_application(trial: Trial, table: str, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        await trial.run(statement.format(table))


async def test_members_and_cards_are_followed(trial: Trial) -> None:
    await trial.enrollable(3)
    assert await trial.column("SELECT number_end FROM cards ORDER BY member_id") == ["1234"] * 3
    assert await trial.column("SELECT count(*) FROM members WHERE state = 'normal'") == [3]
