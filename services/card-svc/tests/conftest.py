"""One database for the run, emptied before each test but for the tree and the outlets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from card_svc.maintenance import load_outlets
from card_svc.metadata import METADATA
from card_svc_testing import SAMPLE_OUTLETS, START, Trial, open_trial, trial_of
from partner_sandbox.trial import Trial as Sandbox
from partner_sandbox.trial import free_port
from unioncard.database import engine_for
from unioncard.service import Context

BEHAVIOUR = {"bank": {"answer_delay_ms": 0}, "callback": {"backoff_ms": 20, "backoff_max_ms": 100}}


@pytest.fixture(scope="session")
def card_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys that card-svc, member-svc and the bank share."""
    return tmp_path_factory.mktemp("card-svc")


@pytest.fixture(scope="session")
def card_port() -> int:
    """Where the bank calls back."""
    return free_port()


@pytest.fixture(scope="session")
def sandbox_process(card_folder: Path, card_port: int) -> Iterator[Sandbox]:
    """The partners, not yet started."""
    process = Sandbox(card_folder, f"http://127.0.0.1:{card_port}", BEHAVIOUR)
    yield process
    process.close()


@pytest.fixture(scope="session")
def card_context(postgres_url: str, card_folder: Path, sandbox_process: Sandbox) -> Context:
    """Migrated once."""
    return asyncio.run(open_trial(postgres_url, card_folder, f"http://127.0.0.1:{sandbox_process.port}"))


@pytest.fixture
async def trial(card_context: Context, card_folder: Path) -> AsyncIterator[Trial]:
    """card-svc with an empty database but for the tree and the outlets, its clock at START."""
    owner = engine_for(card_context.database.owner_url)
    async with owner.begin() as conn:
        names = ", ".join(f'"{name}"' for name in METADATA.tables)
        await conn.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    fresh = trial_of(card_context, card_folder)
    fresh.clock.at = START
    await fresh.tell_tree()
    await load_outlets(fresh.context.work, SAMPLE_OUTLETS.read_bytes())
    yield fresh
    await fresh.client.aclose()
    # Connections belong to the loop of one test.
    await fresh.context.engine.dispose()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    """The partners, empty and behaving well."""
    sandbox_process.start()
    sandbox_process.client.post("/control/reset").raise_for_status()
    yield sandbox_process
    # What a test leaves undelivered must not come to the next one.
    sandbox_process.client.post("/control/reset").raise_for_status()
