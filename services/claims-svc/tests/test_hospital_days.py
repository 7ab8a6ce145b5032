"""Days in hospital: each once, each in the policy of its own date, never more than a policy's maximum."""

from datetime import date
from typing import Any

import pytest

from claims_svc_testing import Trial, member
from claims_svc_testing.filing import policy, stay
from unioncard_testing.trial import STRANGER


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Member 1 of UNION, on the last day to file for 2020."""
    await trial.tell_members(member(1))
    trial.clock.at = trial.clock.at.replace(year=2021, month=6, day=30)
    return trial


async def assessed(claims: Trial, first: str, discharge: str, *policies: Any, **caller: Any) -> dict[str, Any]:
    """A claim for a stay as it stands after its assessment."""
    number = await claims.file(stay(first=first, discharge=discharge), **caller)
    await claims.assess(number, *(policies or [policy()]))
    return await claims.claim(number, **caller)


def days_of(claim: dict[str, Any]) -> list[tuple[int, int, int, int, int]]:
    """(year, nights, days, claimed, payable) of each part."""
    names = ("coverage_year", "nights", "days", "claimed_fen", "payable_fen")
    return [tuple(part[name] for name in names) for part in claim["parts"]]


async def test_the_day_of_admission_counts_and_the_day_of_discharge_does_not(claims: Trial) -> None:
    claim = await assessed(claims, "2020-03-01", "2020-03-04")
    assert days_of(claim) == [(2020, 3, 3, 18_000, 18_000)]
    assert (claim["event_day"], claim["last_day"]) == ("2020-03-01", "2020-03-03")


@pytest.mark.parametrize(
    ("discharge", "nights", "days", "reduced"),
    [
        ("2020-06-28", 179, 179, []),
        ("2020-06-29", 180, 180, []),
        ("2020-06-30", 181, 180, ["limit-reached"]),
        ("2020-12-31", 365, 180, ["limit-reached"]),
    ],
)
async def test_one_policy_pays_for_180_days_at_most(
    claims: Trial, discharge: str, nights: int, days: int, reduced: list[str]
) -> None:
    # From 1 January 2020, a leap year: the 179 nights end on the morning of 28 June.
    claim = await assessed(claims, "2020-01-01", discharge)
    assert days_of(claim) == [(2020, nights, days, nights * 6_000, days * 6_000)]
    assert [one["code"] for one in claim["reasons"]] == reduced
    assert claim["state"] == "incomplete"
    assert claim["claimed_fen"] == nights * 6_000


async def test_the_maximum_is_of_the_policy_over_all_its_claims(claims: Trial) -> None:
    assert days_of(await assessed(claims, "2020-01-01", "2020-06-19")) == [(2020, 170, 170, 1_020_000, 1_020_000)]
    assert days_of(await assessed(claims, "2020-07-01", "2020-07-11")) == [(2020, 10, 10, 60_000, 60_000)]
    full = await assessed(claims, "2020-08-01", "2020-08-02")
    assert (full["state"], [one["code"] for one in full["reasons"]]) == ("refused", ["limit-reached"])
    assert (full["claimed_fen"], full["refused_fen"]) == (6_000, 6_000)
    # 180 days of the year's policy, whatever the next year's has left.
    other = await assessed(claims, "2021-01-01", "2021-01-02", _of_2021())
    assert days_of(other) == [(2021, 1, 1, 6_000, 6_000)]


def _of_2021() -> Any:
    """The same benefits a year later."""
    first, last, until = date(2021, 1, 1), date(2021, 12, 31), date(2022, 6, 30)
    found = policy(policy_id=2021, first_day=first, last_day=last, file_until=until)
    return found.model_copy(update={"coverage_year": 2021})


async def test_days_fall_to_the_policy_of_their_own_date(claims: Trial) -> None:
    claim = await assessed(claims, "2020-12-28", "2021-01-04", policy(), _of_2021())
    assert days_of(claim) == [(2020, 4, 4, 24_000, 24_000), (2021, 3, 3, 18_000, 18_000)]
    assert claim["claimed_fen"] == 42_000


async def test_a_policy_without_the_benefit_pays_for_none_of_its_days(claims: Trial) -> None:
    claim = await assessed(claims, "2019-12-28", "2020-01-04", policy(2019, "B"), policy())
    assert days_of(claim) == [(2020, 3, 3, 18_000, 18_000)]
    assert [one["code"] for one in claim["reasons"]] == ["benefit-not-in-class"]


async def test_days_before_the_cover_do_not_count(claims: Trial) -> None:
    claim = await assessed(claims, "2020-03-01", "2020-03-11", policy(first_day=date(2020, 3, 6)))
    assert days_of(claim) == [(2020, 5, 5, 30_000, 30_000)]
    assert [one["code"] for one in claim["reasons"]] == ["days-not-covered"]


async def test_a_policy_that_is_late_pays_for_none_the_other_for_its_own(claims: Trial) -> None:
    claims.clock.at = claims.clock.at.replace(month=7, day=1)
    claim = await assessed(claims, "2020-12-28", "2021-01-04", policy(), _of_2021())
    assert days_of(claim) == [(2020, 4, 0, 24_000, 0), (2021, 3, 3, 18_000, 18_000)]
    assert [one["code"] for one in claim["reasons"]] == ["filed-late"]


async def test_days_that_another_claim_counts_do_not_count_again(claims: Trial) -> None:
    await assessed(claims, "2020-03-01", "2020-03-11")
    claim = await assessed(claims, "2020-03-06", "2020-03-16")
    assert days_of(claim) == [(2020, 10, 5, 60_000, 30_000)]
    assert [one["code"] for one in claim["reasons"]] == ["days-counted-before"]
    same = await assessed(claims, "2020-03-01", "2020-03-11")
    assert (same["state"], [one["code"] for one in same["reasons"]]) == ("refused", ["days-counted-before"])


async def test_another_union_does_not_count_them_again_either(claims: Trial) -> None:
    await assessed(claims, "2020-03-01", "2020-03-11")
    await claims.tell_members(member(1, version=2, union_id=STRANGER))
    claim = await assessed(claims, "2020-03-01", "2020-03-12", organisation=STRANGER)
    assert days_of(claim) == [(2020, 11, 1, 66_000, 6_000)]


async def test_a_claim_that_is_withdrawn_sets_its_days_free(claims: Trial) -> None:
    first = await assessed(claims, "2020-03-01", "2020-03-11")
    await claims.ok("POST", f"/claims/{first['number']}/withdrawal", {"reason": "日期填错"})
    assert days_of(await assessed(claims, "2020-03-01", "2020-03-11")) == [(2020, 10, 10, 60_000, 60_000)]
