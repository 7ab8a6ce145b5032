"""A few runs under fire; ``make faults`` makes a hundred."""

import asyncio

import pytest

from tests.faults.ground import Ground
from tests.faults.plan import PROCESSES, draw
from tests.faults.run import run

# Always the same, so that a change is judged by itself; `make faults` goes looking with fresh ones.
SEEDS = (20240501, 7)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_counts_twice(ground: Ground, seed: int) -> None:
    report = asyncio.run(run(ground, draw(seed)))
    ground.spoilt = ground.spoilt or bool(report.wrong)
    assert report.wrong == [], f"once more: make faults RUNS=1 SEED={seed}; logs in {ground.folder}"


def test_a_seed_draws_the_same_run_again_and_kills_every_process() -> None:
    plan = draw(7)
    assert plan == draw(7)
    assert plan != draw(8)
    assert {kill.process for kill in plan.kills} == set(PROCESSES)
