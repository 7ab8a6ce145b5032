"""The end of a campaign under fire; ``make faults KIND=season`` goes looking with fresh seeds."""

import asyncio

import pytest

from tests.faults.season.ground import SeasonGround
from tests.faults.season.plan import draw
from tests.faults.season.run import run

SEED = 6


@pytest.mark.timeout(900)
def test_what_clients_were_told_is_what_is_recorded_and_all_money_is_accounted_for() -> None:
    ground = SeasonGround()
    sound = False
    try:
        ground.prepare()
        report = asyncio.run(run(ground, draw(SEED)))
        sound = not report.wrong
        assert report.wrong == [], f"once more: make faults KIND=season RUNS=1 SEED={SEED}; logs in {ground.folder}"
    finally:
        ground.close(keep=not sound)
