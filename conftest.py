"""Fixtures for every room's tests: real PostgreSQL, Kafka and Temporal, started when the first test asks for one.

They run in a temporary folder on free ports, beside any stack of yours, and are gone afterwards. With
``UNIONCARD_DATABASE_URL``, ``UNIONCARD_KAFKA`` or ``UNIONCARD_TEMPORAL`` set, that server is used instead.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from unioncard_cli.stack import Stack, free_port_base

_exit_code = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Stack]:
    """A stack of which nothing runs yet; ``up(only=[...])`` starts what a fixture needs."""
    folder = Path(tempfile.mkdtemp(prefix="unioncard-tests-"))
    stack = Stack(folder, free_port_base(), env={"UNIONCARD_POSTGRES_SHARED_BUFFERS": "128MB"}, tied=True)
    yield stack
    stack.down()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url(infrastructure: Stack) -> str:
    """The administrator's URL of a real PostgreSQL, shared by the whole run: make your own database in it."""
    infrastructure.up(only=["postgres"])
    return infrastructure.environment()["UNIONCARD_DATABASE_URL"]


@pytest.fixture(scope="session")
def kafka_bootstrap(infrastructure: Stack) -> str:
    """Bootstrap servers of a real Kafka, shared by the whole run: use topic names and groups of your own."""
    infrastructure.up(only=["kafka"])
    return infrastructure.environment()["UNIONCARD_KAFKA"]


@pytest.fixture(scope="session")
def temporal_address(infrastructure: Stack) -> str:
    """``host:port`` of a real Temporal server with our search attributes: use task queues of your own."""
    infrastructure.up(only=["temporal"])
    return infrastructure.environment()["UNIONCARD_TEMPORAL"]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_exit_code] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """temporalio clients sometimes crash the interpreter at its exit, when all results are out: do not wait for it."""
    if "temporalio" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(_exit_code, 1))
