"""A few runs under fire; ``make faults`` makes a hundred."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from tests.faults.ground import Ground
from tests.faults.plan import PROCESSES, draw
from tests.faults.run import run

# One that was always run, and fresh ones.
SEEDS = (20240501, secrets.randbelow(1_000_000), secrets.randbelow(1_000_000))


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A stack for all of them; its folder stays where a run failed."""
    made = Ground(len(SEEDS))
    failed = True
    try:
        made.prepare()
        yield made
        failed = (made.folder / "failed").exists()
    finally:
        made.close(keep=failed)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_counts_twice(ground: Ground, seed: int) -> None:
    report = asyncio.run(run(ground, draw(seed)))
    if report.wrong:
        (ground.folder / "failed").touch()
    assert report.wrong == [], f"once more: make faults RUNS=1 SEED={seed}; logs in {ground.folder}"


def test_a_seed_draws_the_same_run_again_and_kills_every_process() -> None:
    plan = draw(7)
    assert plan == draw(7)
    assert plan != draw(8)
    assert {kill.process for kill in plan.kills} == set(PROCESSES)
