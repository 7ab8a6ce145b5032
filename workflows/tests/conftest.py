"""A time-skipping Temporal with the stand-in for card-svc, and a client of the real one."""

import sys
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from unioncard.clock_segments import Segment
from workflows.client import connect
from workflows.namespace import add_search_attributes
from workflows.search_attributes import SEARCH_ATTRIBUTES
from workflows.settings import WorkflowsSettings
from workflows_testing.card_office import SUBMITTED, CardOffice, Season
from workflows_testing.claims_office import FILED, Claiming, ClaimsOffice
from workflows_testing.insurance_office import EVE, Campaigning, InsuranceOffice

TIME_SKIPPING_SERVER = Path(sys.executable).with_name("temporal-test-server")


@pytest.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TIME_SKIPPING_SERVER), data_converter=pydantic_data_converter
    ) as env:
        await add_search_attributes(env.client, list(SEARCH_ATTRIBUTES))
        yield env


@pytest.fixture
async def season(env: WorkflowEnvironment) -> AsyncIterator[Season]:
    office = CardOffice([Segment(await env.get_current_time(), SUBMITTED)])
    season = Season(env, office, f"season-{uuid.uuid4()}")
    async with office.worker(env.client, season.task_queue):
        yield season


@pytest.fixture
async def campaigning(env: WorkflowEnvironment) -> AsyncIterator[Campaigning]:
    """Business time begins five minutes into the first day of the campaign for 2020."""
    office = InsuranceOffice([Segment(await env.get_current_time(), EVE + timedelta(minutes=5))])
    campaigning = Campaigning(env, office, f"campaign-{uuid.uuid4()}")
    async with office.worker(env.client, campaigning.task_queue):
        yield campaigning


@pytest.fixture
async def claiming(env: WorkflowEnvironment) -> AsyncIterator[Claiming]:
    """Business time begins when the claim is filed."""
    office = ClaimsOffice([Segment(await env.get_current_time(), FILED)])
    claiming = Claiming(env, office, f"claims-{uuid.uuid4()}")
    async with office.worker(env.client, claiming.task_queue):
        yield claiming


@pytest.fixture
def settings(kafka_bootstrap: str, temporal_address: str) -> WorkflowsSettings:
    return WorkflowsSettings(kafka=kafka_bootstrap, temporal=temporal_address, command_timeout_s=60)


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await connect(WorkflowsSettings(temporal=temporal_address))


@pytest.fixture
def task_queue() -> str:
    """A queue of this test's own."""
    return f"test-{uuid.uuid4()}"
