"""One database for the run, emptied before each test but for the tree."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from claims_svc.metadata import METADATA
from claims_svc_testing import START, Trial, open_trial, trial_of
from partner_sandbox.trial import Trial as Sandbox
from partner_sandbox.trial import free_port
from unioncard.database import engine_for
from unioncard.service import Context
from unioncard_testing.trial import HandClock

BEHAVIOUR = {"bank": {"answer_delay_ms": 0}, "callback": {"backoff_ms": 20, "backoff_max_ms": 100}}


@pytest.fixture(scope="session")
def claims_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and papers."""
    return tmp_path_factory.mktemp("claims-svc")


@pytest.fixture(scope="session")
def claims_port() -> int:
    """Where the bank calls back."""
    return free_port()


@pytest.fixture(scope="session")
def sandbox_process(claims_folder: Path, claims_port: int) -> Iterator[Sandbox]:
    """The bank, not yet started."""
    url = f"http://127.0.0.1:{claims_port}"
    process = Sandbox(claims_folder, url, BEHAVIOUR, claims_url=url)
    yield process
    process.close()


@pytest.fixture(scope="session")
def claims_context(postgres_url: str, claims_folder: Path, sandbox_process: Sandbox) -> Context:
    """Migrated once."""
    return asyncio.run(open_trial(postgres_url, claims_folder, f"http://127.0.0.1:{sandbox_process.port}"))


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    """The bank, empty and behaving well."""
    sandbox_process.start()
    sandbox_process.client.post("/control/reset").raise_for_status()
    yield sandbox_process
    # What a test leaves undelivered must not come to the next one.
    sandbox_process.client.post("/control/reset").raise_for_status()


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
