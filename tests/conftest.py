"""Fixtures for what crosses services."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.city import City, build
from unioncard_cli.stack import Stack, free_port_base


@pytest.fixture(scope="session")
def city() -> Iterator[City]:
    """The whole stack with one slice played; shared, so tests leave the things of ``union`` as they are."""
    folder = Path(tempfile.mkdtemp(prefix="access-"))
    stack = Stack(folder, free_port_base(), env={"UNIONCARD_POSTGRES_SHARED_BUFFERS": "128MB"}, tied=True)
    try:
        yield build(stack)
    finally:
        stack.down()
        shutil.rmtree(folder)
