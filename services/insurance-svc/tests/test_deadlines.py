"""Both ends of every phase, to the millisecond, as the service judges them."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from insurance_svc.campaigns.deadlines import must_be_open, open_for_union_at
from insurance_svc.seasons import store
from insurance_svc_testing import Trial
from unioncard.problems import Problem
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT

MS = timedelta(milliseconds=1)

# First and last day by hand from the deck (C20) and the leaflet (I14); None: open.
ENDS = [
    ("centralized", 2020, "fee_split", "2019-10-25", "2019-10-31"),
    ("centralized", 2020, "union_window", "2019-11-01", "2019-12-27"),
    ("centralized", 2020, "union_payment", None, "2019-12-31"),
    ("centralized", 2020, "district_review", "2019-11-01", "2019-12-31"),
    ("centralized", 2020, "district_submission", "2019-12-28", "2019-12-31"),
    ("centralized", 2020, "payment", None, "2020-01-20"),
    ("centralized", 2020, "payment_details", None, "2020-01-20"),
    ("instant", 2020, "enrolment", "2020-01-01", "2020-12-30"),
    ("personal", 2020, "enrolment", "2020-01-01", "2020-12-30"),
    ("registration", 2014, "union_window", "2014-05-01", "2014-06-30"),
]


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T00:00:00+08:00")


async def judged(trial: Trial, at: datetime, *asked: Any) -> str:
    """``in time``, or the problem's code and title."""
    trial.clock.at = at
    async with trial.context.work.begin("test") as tx:
        try:
            await must_be_open(tx, *asked)
        except Problem as problem:
            return f"{problem.code}: {problem.title}"
    return "in time"


@pytest.mark.parametrize(("scheme", "year", "phase", "first", "last"), ENDS)
async def test_both_ends_to_the_millisecond(
    trial: Trial, scheme: str, year: int, phase: str, first: str | None, last: str
) -> None:
    await trial.load_seasons()
    asked = (scheme, year, phase, DISTRICT)
    too_late = shanghai(last) + timedelta(days=1)
    assert await judged(trial, too_late - MS, *asked) == "in time"
    for late in (too_late, too_late + MS):
        said = await judged(trial, late, *asked)
        assert (said.partition(":")[0], said[-3:]) == ("phase-closed", "已截止")
    if first is not None:
        opens = shanghai(first)
        said = await judged(trial, opens - MS, *asked)
        assert (said.partition(":")[0], said[-4:]) == ("phase-closed", "尚未开始")
        assert await judged(trial, opens, *asked) == "in time"
        assert await judged(trial, opens + MS, *asked) == "in time"


async def test_the_refusal_says_what_and_when_and_what_instead(trial: Trial) -> None:
    await trial.load_seasons()
    trial.clock.at = shanghai("2019-12-28")
    async with trial.context.work.begin("test") as tx:
        with pytest.raises(Problem) as refused:
            await must_be_open(tx, "centralized", 2020, "union_window", DISTRICT)
    problem = refused.value
    assert problem.status == 409
    assert problem.title == "2020年度“基层工会集中参保”已截止"
    assert problem.detail is not None
    assert problem.detail.startswith("办理时间为2019年11月1日至2019年12月27日（含）。")
    assert "即时参保" in problem.detail
    assert problem.extra == {"phase": "union_window", "first_day": "2019-11-01", "last_day": "2019-12-27"}


async def test_what_is_not_planned_is_not_open(trial: Trial) -> None:
    await trial.load_seasons()
    said = await judged(trial, shanghai("2020-06-01"), "centralized", 2031, "union_window", DISTRICT)
    assert said == "phase-not-planned: 2031年度集中参保没有安排“基层工会集中参保”"


async def test_an_exception_is_for_its_district_alone(trial: Trial) -> None:
    await trial.load_seasons()
    await trial.run(
        "INSERT INTO calendar (scheme, coverage_year, phase, district_id, first_day, last_day, source)"
        " VALUES ('centralized', 2020, 'union_window', 12, '2019-11-01', '2019-12-29', 'test')"
    )
    at = shanghai("2019-12-30") - MS
    assert await judged(trial, at, "centralized", 2020, "union_window", DISTRICT) == "in time"
    assert await judged(trial, at + MS, "centralized", 2020, "union_window", DISTRICT) != "in time"
    assert await judged(trial, at, "centralized", 2020, "union_window", OTHER_DISTRICT) != "in time"


@pytest.mark.parametrize(
    ("at", "returned_before", "open_"),
    [
        (shanghai("2019-11-01") - MS, False, False),
        (shanghai("2019-11-01") - MS, True, False),
        (shanghai("2019-11-01"), False, True),
        (shanghai("2019-12-28") - MS, False, True),
        (shanghai("2019-12-28"), False, False),
        # domain 5: what was returned can be sent again until the last day of the district's submission
        (shanghai("2019-12-28"), True, True),
        (shanghai("2020-01-01") - MS, True, True),
        (shanghai("2020-01-01"), True, False),
    ],
)
async def test_a_returned_list_has_longer(trial: Trial, at: datetime, returned_before: bool, open_: bool) -> None:
    await trial.load_seasons()
    trial.clock.at = at
    async with trial.context.engine.connect() as conn:
        phases = await store.phases(conn, "centralized", 2020, DISTRICT)
    if open_:
        days = open_for_union_at(at, phases, "centralized", 2020, returned_before=returned_before)
        assert days.first_day == date(2019, 11, 1)
    else:
        with pytest.raises(Problem, match="phase-closed"):
            open_for_union_at(at, phases, "centralized", 2020, returned_before=returned_before)
