"""Migrations, and what the application role may not do."""

import asyncio

import pytest
import sqlalchemy as sa

from claims_svc.maintenance import migrate_database
from claims_svc.metadata import METADATA
from claims_svc_testing import Trial, member
from unioncard.database import engine_for
from unioncard.migrations import drift
from unioncard_testing.trial import SIBLING, UNION


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


async def test_members_are_followed_and_their_last_union_is_remembered(trial: Trial) -> None:
    await trial.tell_members(member(1), member(2))
    await trial.tell_members(member(1, version=3, union_id=None, state="without_union"))
    await trial.tell_members(member(2, version=2, union_id=SIBLING))
    await trial.tell_members(member(1))  # late
    assert await trial.column("SELECT coalesce(union_id, 0) FROM members ORDER BY id") == [0, SIBLING]
    assert await trial.column("SELECT union_id FROM member_unions ORDER BY member_id") == [UNION, SIBLING]


async def test_a_copy_that_was_changed_by_hand_is_mended_once_it_counts_as_old(trial: Trial) -> None:
    """As docs/operations.md says: telling it again does not, telling it again after version 0 does."""
    await trial.tell_members(member(1, version=2))
    await trial.run("UPDATE members SET state = 'in_transfer'")
    await trial.tell_members(member(1, version=2))
    assert await trial.column("SELECT state FROM members") == ["in_transfer"]

    await trial.run("UPDATE members SET version = 0")
    await trial.tell_members(member(1, version=2))
    assert await trial.column("SELECT state || version FROM members") == ["normal2"]
