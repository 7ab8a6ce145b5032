"""One database for the run, emptied before each test but for the tree."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from claims_svc.metadata import METADATA
from claims_svc_testing import START, Trial, open_trial, trial_of
from unioncard.database import engine_for
from unioncard.service import Context
from unioncard_testing.trial import HandClock


@pytest.fixture(scope="session")
def claims_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and papers."""
    return tmp_path_factory.mktemp("claims-svc")


@pytest.fixture(scope="session")
def claims_context(postgres_url: str, claims_folder: Path) -> Context:
    """Migrated once."""
    return asyncio.run(open_trial(postgres_url, claims_folder, "http://127.0.0.1:9"))


@pytest.fixture
async def trial(claims_context: Context, claims_folder: Path) -> AsyncIterator[Trial]:
    """claims-svc with an empty database but for the tree, its clock at START."""
    owner = engine_for(claims_context.database.owner_url)
    async with owner.begin() as conn:
        names = ", ".join(f'"{name}"' for name in METADATA.tables)
        await conn.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    await owner.dispose()
    fresh = trial_of(claims_context, claims_folder)
    assert isinstance(fresh.context.clock, HandClock)
    fresh.context.clock.at = START
    await fresh.tell_tree()
    yield fresh
    await fresh.client.aclose()
    # Connections belong to the loop of one test.
    await fresh.context.engine.dispose()
