"""Ledger, subsidy, settlement with four eyes and its credit, statistics; money worked out by hand."""

from io import BytesIO
from typing import Any

import openpyxl
import pytest

from insurance_svc.ledger.rules import Account, Posting
from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, ledger, passed, submit
from insurance_svc_testing.lists import CLASS_B_HALF, plan_2020, put_list, shanghai
from unioncard.principal import Role
from unioncard_testing.trial import OTHER_DISTRICT, SIBLING

SURPLUS = {"district_id": 12, "coverage_year": 2018, "amount_fen": 2500, "reason": "当年结余"}


def test_a_posting_adds_up_to_zero() -> None:
    with pytest.raises(ValueError, match="does not add up"):
        Posting("x", 12, 2020, {Account.CASH: 1})


async def enter(trial: Trial, **changed: Any) -> Any:
    return await trial.call("POST", "/settlements", SURPLUS | changed, role=Role.CENTRE_PAYER, account=71)


async def decide(trial: Trial, settlement_id: int, account: int, *, approved: bool = True) -> Any:
    path = f"/settlements/{settlement_id}/decision"
    return await trial.call("POST", path, {"approved": approved}, role=Role.CENTRE_REVIEWER, account=account)


async def test_a_surplus_takes_four_eyes_and_serves_a_later_campaign(trial: Trial) -> None:
    await plan_2020(trial)
    entered = (await enter(trial)).json()
    assert (entered["state"], await ledger(trial)) == ("waiting", {})
    alone = await decide(trial, entered["id"], 71)
    assert (alone.status_code, alone.json()["type"]) == (403, "urn:unioncard:problem:four-eyes")
    assert (await ledger(trial), (await enter(trial)).status_code) == ({}, 409)
    assert (await decide(trial, entered["id"], 72)).json()["state"] == "approved"
    assert await ledger(trial) == {"settlement": 2500, "district_credit": -2500}
    assert (await decide(trial, entered["id"], 73)).json()["type"] == "urn:unioncard:problem:decided"
    assert await trial.column("SELECT text FROM notices WHERE kind = 'settlement'") == [
        "2018年度会员专享基本保障清算完成：结余25.00元，作为清算分配款，可抵用以后集中参保的应缴金额。"
    ]

    trial.clock.at = shanghai("2019-12-28T10:00")
    await put_list(trial, 10)
    await basket(trial)
    batch = await submit(trial)
    # shares of 10 heads 130.00, of which 25.00 by the credit
    assert (batch["credit_fen"], batch["due_fen"]) == (2500, 10500)
    year = await trial.ok("GET", "/settlements/overview", params={"coverage_year": 2018}, role=Role.DISTRICT)
    assert [(one["district_id"], one["credit_fen"], one["state"]) for one in year["items"]] == [(12, 2500, "approved")]


async def test_refused_can_be_entered_again_and_a_shortfall_is_only_recorded(trial: Trial) -> None:
    entered = (await enter(trial)).json()
    assert (await decide(trial, entered["id"], 72, approved=False)).json()["state"] == "refused"
    again = (await enter(trial, amount_fen=-700)).json()
    assert (await decide(trial, again["id"], 72)).json()["amount_fen"] == -700
    assert await ledger(trial) == {}
    listed = await trial.ok("GET", "/settlements", role=Role.DISTRICT)
    assert [one["state"] for one in listed["items"]] == ["approved", "refused"]
    assert (await trial.ok("GET", "/settlements", role=Role.DISTRICT, organisation=OTHER_DISTRICT))["items"] == []


async def test_no_settlement_before_the_year_is_over(trial: Trial) -> None:
    assert (await enter(trial, coverage_year=2019)).json()["type"] == "urn:unioncard:problem:year-not-over"
    assert (await enter(trial, district_id=345)).status_code == 404


async def test_subsidy_comes_in_and_the_balance_is_zero(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await put_list(trial, 10)
    await basket(trial)
    await passed(trial, (await submit(trial))["number"])

    async def pay(reference: str, fen: int) -> Any:
        body = {"reference": reference, "district_id": 12, "coverage_year": 2020, "amount_fen": fen}
        return await trial.call("POST", "/subsidy-payments", body, role=Role.CENTRE_PAYER)

    # the subsidy of 10 heads is 130.00
    assert (await pay("SZ-1", 10000)).json() == {"outstanding_fen": 3000}
    assert (await pay("SZ-1", 3000)).json()["type"] == "urn:unioncard:problem:reference-used"
    assert (await pay("SZ-2", 3001)).json()["title"] == "超过尚未拨付的 30.00 元"
    assert (await pay("SZ-2", 3000)).json() == {"outstanding_fen": 0}
    balance = await trial.ok("GET", "/ledger/balance", role=Role.FEDERATION)
    assert balance["total_fen"] == 0
    assert {one["account"]: one["balance_fen"] for one in balance["accounts"]} == {
        "district_receivable": 13000, "subsidy_receivable": 0, "premiums": -26000, "cash": 13000,
    }  # fmt: skip
    other = await trial.ok("GET", "/ledger/balance?district_id=12", role=Role.DISTRICT, organisation=OTHER_DISTRICT)
    assert other["accounts"] == []
    entries = await trial.ok("GET", "/ledger/entries?account=cash", role=Role.CENTRE_PAYER)
    assert [one["amount_fen"] for one in entries["items"]] == [3000, 10000]


async def test_statistics_by_district_class_and_year(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await put_list(trial, 10)
    await basket(trial)
    first = await submit(trial)
    await put_list(trial, 5, first_member=50)
    await basket(trial)
    await submit(trial)
    await put_list(trial, 2, CLASS_B_HALF, class_code="B", union_id=SIBLING, way="no_cover", first_member=90)
    await basket(trial, "instant")
    await submit(trial, "instant")
    await trial.ok("POST", f"/premium-batches/{first['number']}/return", {"reason": "x"}, role=Role.CENTRE_REVIEWER)
    found = await trial.ok("GET", "/premium-statistics", role=Role.FEDERATION)
    # the returned 10 are not counted: 5 × 26.00 and 2 × 45.00
    assert [(one["class_code"], one["term"], one["batches"], one["heads"]) for one in found["lines"]] == [
        ("A", "full", 1, 5), ("B", "half", 1, 2),
    ]  # fmt: skip
    assert found["total"] == {
        "heads": 7, "fee_fen": 22000, "subsidy_fen": 8700, "district_fen": 6500, "union_fen": 6800,
    }  # fmt: skip
    response = await trial.call("GET", "/premium-statistics/export.xlsx?class_code=B", role=Role.DISTRICT)
    page = openpyxl.load_workbook(BytesIO(response.content)).worksheets[0]
    assert [cell.value for cell in list(page.iter_rows())[-1]] == [
        "示例区总工会", "2020", "B", "半年", "1", "2", "90.00", "22.00", "40.00", "28.00",
    ]  # fmt: skip
