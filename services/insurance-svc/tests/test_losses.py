"""What claims cost: counted once a payout, taken back when the money comes back, compared with the year's premiums."""

from typing import Any

import pytest

from insurance_svc.losses.rules import loss_ratio
from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, load, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from unioncard.contracts.claims import PayoutSettled
from unioncard.contracts.cover import Benefit
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT

PAYOUT = "FK202003100001-0001"


def settled(number: str = PAYOUT, fen: int = 30000, **changed: Any) -> PayoutSettled:
    facts = {"district_id": DISTRICT, "coverage_year": 2020, "class_code": "A", "benefit": Benefit.CRITICAL_ILLNESS}
    return PayoutSettled(**facts | {"payout_number": number, "amount_fen": fen} | changed)


async def year(trial: Trial) -> dict[int, tuple[int, int, str | None]]:
    page = await trial.ok("GET", "/settlements/overview", params={"coverage_year": 2020}, role=Role.FEDERATION)
    return {one["district_id"]: (one["payouts"], one["losses_fen"], one["loss_ratio"]) for one in page["items"]}


@pytest.mark.parametrize(
    ("losses", "premiums", "ratio"),
    # 1/3 and 2/3 of a percent's last digit, halves go up, money that came back after the books were cut
    [(0, 26000, "0.00"), (1, 300, "0.33"), (2, 300, "0.67"), (1, 800, "0.13"), (30000, 26000, "115.38"),
     (-13000, 26000, "-50.00"), (5, 0, None)],
)  # fmt: skip
def test_the_loss_ratio(losses: int, premiums: int, ratio: str | None) -> None:
    assert loss_ratio(losses, premiums) == ratio


async def test_a_payout_counts_once_and_what_came_back_is_taken_off(trial: Trial) -> None:
    await trial.tell(settled(), settled(), settled("FK202003100001-0002", 6000, class_code="B"))
    await trial.tell(settled())
    assert await year(trial) == {DISTRICT: (2, 36000, None), OTHER_DISTRICT: (0, 0, None)}
    await trial.tell(settled(fen=-30000), settled(fen=-30000))
    assert (await year(trial))[DISTRICT] == (1, 6000, None)


async def test_what_came_back_may_be_told_first(trial: Trial) -> None:
    await trial.tell(settled(fen=-30000))
    await trial.tell(settled())
    assert (await year(trial))[DISTRICT] == (0, 0, None)


async def test_one_payout_over_two_years_counts_in_each(trial: Trial) -> None:
    await trial.tell(settled(fen=12000, coverage_year=2019), settled(fen=18000))
    assert (await year(trial))[DISTRICT] == (1, 18000, None)


async def test_losses_beside_the_premiums_of_the_year(trial: Trial) -> None:
    await plan_2020(trial)
    await put_list(trial, 10)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await basket(trial)
    number = (await submit(trial))["number"]
    await passed(trial, number)
    trial.clock.at = shanghai("2020-01-11T09:00")
    # 10 heads at 5.00 + 8.00; their fee is 260.00
    await load(trial, "2020-01-10", ("r-1", "2020-01-10", "130.00", number))
    await trial.ok("POST", "/premium-batches/write-offs", {"numbers": [number]}, role=Role.CENTRE_PAYER)
    await trial.tell(settled(fen=6500))
    assert (await year(trial))[DISTRICT] == (1, 6500, "25.00")


async def test_losses_by_district_class_and_benefit(trial: Trial) -> None:
    await trial.tell(
        settled(),
        settled("FK202003100001-0002", 1200, class_code="A+", benefit=Benefit.HOSPITAL_ALLOWANCE),
        settled("FK202003100001-0003", 600, class_code="A+", benefit=Benefit.HOSPITAL_ALLOWANCE),
        settled("FK202003100001-0004", 50000, district_id=OTHER_DISTRICT, benefit=Benefit.ACCIDENT),
    )
    found = await trial.ok("GET", "/losses", params={"coverage_year": 2020}, role=Role.FEDERATION)
    lines = [(one["district_id"], one["class_code"], one["benefit"], one["payouts"], one["losses_fen"])
             for one in found["lines"]]  # fmt: skip
    assert lines == [
        (DISTRICT, "A", "critical_illness", 1, 30000), (DISTRICT, "A+", "hospital_allowance", 2, 1800),
        (OTHER_DISTRICT, "A", "accident", 1, 50000),
    ]  # fmt: skip
    assert (found["payouts"], found["losses_fen"]) == (4, 81800)
    own = await trial.ok("GET", "/losses", params={"coverage_year": 2020}, role=Role.DISTRICT)
    assert own["losses_fen"] == 31800
    assert (await trial.call("GET", "/losses?coverage_year=2020", role=Role.UNION)).status_code == 403
