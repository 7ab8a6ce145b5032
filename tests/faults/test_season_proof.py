"""The judge of a season's lists finds what is planted, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.faults.plan import PROCESSES
from tests.faults.season.plan import MIDNIGHT, Kind, draw
from tests.faults.season.proof import Lists, Recorded
from tests.faults.season.witness import Attempt, Sent
from unioncard.problems import TYPE_ROOT

BEFORE, AFTER = MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(seconds=3)
BRINK_S = 100.0
SENT = Sent("k", "u1", 1, "A", (11, 12), Kind.RUSH)
# Two heads in class A: 26.00 = 13.00 + 3.00 + 10.00 each.
LIST = Recorded(5, 1, "A", "written_off", BEFORE, (11, 12), (52_00, 26_00, 6_00, 20_00))


def _try(sent: datetime, answered: datetime | None, status: int | None, said: Any, sent_s: float = 0.0) -> Attempt:
    body = {"id": said} if status == 201 else {"type": f"{TYPE_ROOT}{said}"}
    return Attempt("k", "/enrolments", sent, sent_s, answered, status, body)


MADE = _try(BEFORE, BEFORE, 201, 5)
MADE_AGAIN = _try(AFTER, AFTER, 201, 5)
LOST = _try(BEFORE, None, None, None)
AWAY = _try(BEFORE, BEFORE, 503, "unavailable")
LATE = _try(AFTER, AFTER, 409, "phase-closed")


def _differences(attempts: list[Attempt], recorded: list[Recorded], sent: Sent = SENT) -> list[str]:
    return Lists([sent], attempts, recorded, BRINK_S).differences()


@pytest.mark.parametrize(
    ("attempts", "recorded"),
    [
        ([MADE], [LIST]),
        ([LOST, MADE], [LIST]),
        ([MADE, MADE_AGAIN], [LIST]),
        # The first came before midnight and was carried out; its answer was lost, the repeat tells of it.
        ([LOST, MADE_AGAIN], [LIST]),
        # Nobody was told: it may be in or not.
        ([LOST], [LIST]),
        ([LOST], []),
        ([AWAY, LATE], []),
        ([LATE], []),
        ([_try(BEFORE, AFTER, 201, 5, sent_s=99.0)], [LIST]),
        # Sent a moment before midnight: whether it came before is not known.
        ([_try(BEFORE, AFTER, 409, "phase-closed", sent_s=99.9)], []),
    ],
)
def test_what_may_be(attempts: list[Attempt], recorded: list[Recorded]) -> None:
    assert _differences(attempts, recorded) == []


@pytest.mark.parametrize(
    ("attempts", "recorded", "what"),
    [
        ([MADE], [], "told of lists [5], which are not there"),
        ([MADE, replace(MADE, body={"id": 6})], [LIST, replace(LIST, id=6)], "one request made several"),
        ([LOST], [LIST, replace(LIST, id=6)], "recorded 2 times"),
        ([LATE], [replace(LIST, submitted_at=AFTER)], "yet list [5] is recorded"),
        ([MADE_AGAIN], [replace(LIST, submitted_at=AFTER)], "taken in, though it was first sent at"),
        ([_try(BEFORE, AFTER, 201, 5)], [replace(LIST, submitted_at=AFTER)], "after the window"),
        ([_try(BEFORE, BEFORE, 409, "phase-closed")], [], "though it came before midnight"),
        ([_try(BEFORE, AFTER, 409, "phase-closed", sent_s=99.0)], [], "though it came before midnight"),
        ([_try(BEFORE, BEFORE, 500, "internal")], [], "refused as ['internal']"),
        ([MADE], [replace(LIST, sums=(52_00, 26_00, 20_00, 6_00))], "wanted (5200, 2600, 600, 2000)"),
        ([MADE], [replace(LIST, submitted_at=BEFORE - timedelta(seconds=1))], "before it was sent"),
        ([MADE], [LIST, replace(LIST, id=7, members=(13,))], "nobody sent it"),
    ],
)
def test_what_may_not_be(attempts: list[Attempt], recorded: list[Recorded], what: str) -> None:
    found = _differences(attempts, recorded)
    assert any(what in one for one in found), found


def test_what_the_district_returned_may_be_sent_again_after_midnight() -> None:
    mended = replace(SENT, kind=Kind.MENDED)
    assert _differences([MADE_AGAIN], [replace(LIST, submitted_at=AFTER)], mended) == []


@pytest.mark.parametrize("what", [lambda plan: plan.rush_kills, lambda plan: plan.later_kills])
def test_a_seed_draws_the_same_season_again_and_kills_every_process_before_midnight_and_after(
    what: Callable[[Any], Any],
) -> None:
    plan = draw(7)
    assert plan == draw(7)
    assert plan != draw(8)
    assert {kill.process for kill in what(plan)} == set(PROCESSES)
