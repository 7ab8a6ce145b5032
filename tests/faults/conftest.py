"""The stack that the fault runs of a test session share."""

from collections.abc import Iterator

import pytest

from tests.faults.ground import Ground

# A district for each run, and one to plant differences in.
DISTRICTS = 3


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """A stack for all runs; its folder stays where one failed."""
    made = Ground(DISTRICTS)
    failed = True
    try:
        made.prepare()
        yield made
        failed = made.spoilt
    finally:
        made.close(keep=failed)
