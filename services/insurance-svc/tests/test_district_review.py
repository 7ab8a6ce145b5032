"""From the district's review to the centre's, with money worked out by hand (domain 5)."""

import asyncio
from datetime import timedelta

import pytest

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import OPERATOR, basket, ledger, passed, season, submit
from insurance_svc_testing.lists import CLASS_B_HALF, plan_2020, put_list, shanghai
from unioncard.contracts.members import Organisation, OrganisationKind, OrganisationLevel, OrganisationsChanged
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import OTHER_DISTRICT, SIBLING, STRANGER, UNION

SUBMISSION = shanghai("2019-12-28T10:00")
CREDIT_CODE = "91110000600037341L"


async def test_basket_totals_and_submission(trial: Trial) -> None:
    await plan_2020(trial)
    first = await put_list(trial, 10)
    await put_list(trial, 3, union_id=SIBLING, first_member=100)
    unpaid = await put_list(trial, 2, union_id=SIBLING, first_member=200, paid=False)
    await put_list(trial, 5, union_id=STRANGER, district_id=OTHER_DISTRICT, first_member=300)

    listed = await trial.ok("GET", "/district-review/lists", params=season(), role=Role.DISTRICT)
    assert (listed["total"], [one["heads"] for one in listed["items"]]) == (3, [10, 3, 2])
    assert [one["unpaid"] for one in listed["items"]] == [False, False, True]
    assert await basket(trial) == 3
    one_off = season(enrolment_ids=[first])
    assert await trial.ok("POST", "/district-review/basket/removals", one_off, role=Role.DISTRICT) == {"moved": 1}

    totals = await trial.ok("GET", "/district-review/totals", params=season(), role=Role.DISTRICT)
    # 3 heads of A: 26.00, 13.00, 5.00 and 8.00 yuan each; the 2 unpaid ones are left out, the 10 wait again
    assert totals["basket"] == {
        "lists": 1, "heads": 3, "fee_fen": 7800, "subsidy_fen": 3900, "district_fen": 1500, "union_fen": 2400,
    }  # fmt: skip
    assert (totals["waiting"]["heads"], totals["left_out"]["heads"], totals["due_fen"]) == (10, 2, 3900)
    assert await basket(trial) == 1

    too_early = await trial.call("POST", "/district-review/submissions", season() | OPERATOR, role=Role.DISTRICT)
    assert (too_early.status_code, too_early.json()["type"]) == (409, "urn:unioncard:problem:phase-closed")
    trial.clock.at = SUBMISSION
    batch = await submit(trial)
    assert batch["number"] == "CB201912280001"
    assert (batch["state_label"], batch["lists"], batch["heads"]) == ("参保审核中", 2, 13)
    # 13 heads: 338.00 = 169.00 + 65.00 + 104.00; due 65.00 + 104.00
    assert (batch["fee_fen"], batch["subsidy_fen"], batch["district_fen"], batch["union_fen"]) == (
        33800, 16900, 6500, 10400,
    )  # fmt: skip
    assert (batch["credit_fen"], batch["due_fen"], batch["operator_phone"]) == (0, 16900, "021****5678")
    assert await trial.column("SELECT id FROM enrolments WHERE state = 'basket'") == [unpaid]
    (event,) = await trial.sent("insurance.batch.submitted.v1")
    assert (event.data["due_fen"], event.data["district_code"]) == (16900, "363")
    assert await ledger(trial) == {}

    again = await trial.call("POST", "/district-review/submissions", season() | OPERATOR, role=Role.DISTRICT)
    assert again.json()["type"] == "urn:unioncard:problem:nothing-to-submit"


async def test_lists_are_found_by_the_credit_code_of_their_union(trial: Trial) -> None:
    await plan_2020(trial)
    mine = await put_list(trial, 1)
    await put_list(trial, 1, union_id=SIBLING, first_member=100)

    async def found(code: str) -> list[int]:
        query = season(credit_code=code)
        listed = await trial.ok("GET", "/district-review/lists", params=query, role=Role.DISTRICT)
        return [one["id"] for one in listed["items"]]

    assert await found(CREDIT_CODE) == []
    # The copy is of the same version, and from before it had the column.
    await trial.tell(_union_with_credit_code(CREDIT_CODE, version=1))
    assert await found(CREDIT_CODE) == [mine]
    assert await found(f" {CREDIT_CODE.lower()} ") == [mine]
    # Old news changes nothing, newer does.
    await trial.tell(_union_with_credit_code(None, version=1))
    assert await found(CREDIT_CODE) == [mine]
    await trial.tell(_union_with_credit_code(None, version=2))
    assert await found(CREDIT_CODE) == []


def _union_with_credit_code(code: str | None, version: int) -> OrganisationsChanged:
    one = Organisation(
        id=UNION,
        parent_id=120,
        path="/1/12/120/345/",
        level=OrganisationLevel.UNION,
        kind=OrganisationKind.DISTRICT,
        name="示例科技公司工会",
        district_code="363",
        credit_code=code,
        version=version,
    )
    return OrganisationsChanged(organisations=[one])


async def test_several_batches_a_day_are_numbered_in_turn(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    await put_list(trial, 1)
    await basket(trial)
    assert (await submit(trial))["number"] == "CB201912280001"
    await put_list(trial, 1, first_member=2)
    await basket(trial)
    assert (await submit(trial))["number"] == "CB201912280002"
    trial.clock.at += timedelta(days=1)
    await put_list(trial, 1, union_id=STRANGER, district_id=OTHER_DISTRICT, first_member=3)
    await basket(trial, organisation=OTHER_DISTRICT)
    assert (await submit(trial, organisation=OTHER_DISTRICT))["number"] == "CB201912290001"


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2019-12-27T23:59:59.999", 409),
        ("2019-12-28T00:00", 201),
        ("2019-12-31T23:59:59.999", 201),
        ("2020-01-01T00:00", 409),
    ],
)
async def test_submission_is_judged_by_the_calendar(trial: Trial, moment: str, status: int) -> None:
    await plan_2020(trial)
    await put_list(trial, 1)
    await basket(trial)
    trial.clock.at = shanghai(moment)
    response = await trial.call("POST", "/district-review/submissions", season() | OPERATOR, role=Role.DISTRICT)
    assert response.status_code == status, response.text


async def test_returned_lists_free_their_members(trial: Trial) -> None:
    await plan_2020(trial)
    wrong, right = await put_list(trial, 2), await put_list(trial, 2, first_member=10)
    body = season(enrolment_ids=[wrong], reason="名单中有已退休人员")
    assert await trial.ok("POST", "/district-review/returns", body, role=Role.DISTRICT) == {"returned": 1}
    assert await trial.column("SELECT state FROM enrolments ORDER BY id") == ["returned", "submitted"]
    assert await trial.column("SELECT member_id FROM policies WHERE void ORDER BY 1") == [1, 2]
    # The other list still stands and holds the class.
    assert await trial.column("SELECT class_code FROM union_classes") == ["A"]
    assert await trial.column("SELECT organisation_id FROM notices WHERE kind = 'list_returned'") == [UNION]

    gone = season(enrolment_ids=[wrong, right], reason="再退一次")
    refused = await trial.call("POST", "/district-review/returns", gone, role=Role.DISTRICT)
    assert refused.status_code == 409
    assert [row["number"] for row in refused.json()["rows"]] == [f"名单 {wrong}"]
    assert await trial.column("SELECT state FROM enrolments WHERE id = :id", id=right) == ["submitted"]


async def test_no_district_touches_anothers_lists(trial: Trial) -> None:
    await plan_2020(trial)
    theirs = await put_list(trial, 1, union_id=STRANGER, district_id=OTHER_DISTRICT)
    body = season(enrolment_ids=[theirs], reason="不是本区局的")
    assert (await trial.call("POST", "/district-review/returns", body, role=Role.DISTRICT)).status_code == 404
    assert await basket(trial) == 0
    trial.clock.at = SUBMISSION
    await basket(trial, organisation=OTHER_DISTRICT)
    number = (await submit(trial, organisation=OTHER_DISTRICT))["number"]
    assert (await trial.call("GET", f"/premium-batches/{number}", role=Role.DISTRICT)).status_code == 404
    assert (await trial.ok("GET", "/premium-batches", role=Role.DISTRICT))["total"] == 0
    seen = await trial.ok("GET", "/premium-batches", role=Role.CENTRE_REVIEWER)
    assert (seen["total"], seen["states"]) == (1, {"reviewing": 1})


async def test_the_centre_passes(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    await put_list(trial, 13)
    await basket(trial)
    number = (await submit(trial))["number"]
    assert (await passed(trial, number))["due_on"] == "2020-01-20"
    assert await ledger(trial) == {"district_receivable": 16900, "subsidy_receivable": 16900, "premiums": -33800}
    (event,) = await trial.sent("insurance.batch.reviewed.v1")
    # the first instant too late: 21 January 00:00 in Shanghai
    assert (event.data["passed"], event.data["due_at"]) == (True, "2020-01-20T16:00:00Z")
    again = await trial.call("POST", f"/premium-batches/{number}/passing", {}, role=Role.CENTRE_REVIEWER)
    assert again.json()["type"] == "urn:unioncard:problem:batch-state"


async def test_instant_batches_are_due_thirty_days_later(trial: Trial) -> None:
    trial.clock.at = shanghai("2020-03-02T09:00")
    await put_list(trial, 4, CLASS_B_HALF, class_code="B", way="no_cover", paid=False)
    await basket(trial, "instant")
    batch = await submit(trial, "instant")
    # 4 heads: 180.00 = 44.00 + 80.00 + 56.00
    assert (batch["fee_fen"], batch["subsidy_fen"], batch["due_fen"]) == (18000, 4400, 13600)
    assert [one["term"] for one in batch["sums"]] == ["half"]
    assert (await passed(trial, batch["number"]))["due_on"] == "2020-04-01"


async def test_a_returned_batch_lies_before_the_district_again(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    await put_list(trial, 2)
    await basket(trial)
    number = (await submit(trial))["number"]
    path = f"/premium-batches/{number}/return"
    returned = await trial.ok("POST", path, {"reason": "联系方式有误"}, role=Role.CENTRE_REVIEWER)
    assert (returned["state_label"], returned["return_reason"]) == ("已退回", "联系方式有误")
    assert await trial.column("SELECT state || coalesce(batch_number, '') FROM enrolments") == ["submitted"]
    assert await trial.column("SELECT count(*) FROM policies WHERE NOT void") == [2]
    await basket(trial)
    assert (await submit(trial))["number"] == "CB201912280002"


async def test_returned_after_the_last_day_frees_the_members(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-31T23:00")
    await put_list(trial, 2)
    await basket(trial)
    number = (await submit(trial))["number"]
    trial.clock.at = shanghai("2020-01-02T09:00")
    await trial.ok("POST", f"/premium-batches/{number}/return", {"reason": "有误"}, role=Role.CENTRE_REVIEWER)
    assert await trial.column("SELECT state FROM enrolments") == ["voided"]
    assert await trial.column("SELECT count(*) FROM policies WHERE NOT void") == [0]
    assert await trial.column("SELECT class_code FROM union_classes") == []


async def test_passing_after_the_last_day_of_payment_is_refused(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-31T23:00")
    await put_list(trial, 2)
    await basket(trial)
    number = (await submit(trial))["number"]
    trial.clock.at = shanghai("2020-01-21T00:00")
    refused = await trial.call("POST", f"/premium-batches/{number}/passing", {}, role=Role.CENTRE_REVIEWER)
    assert refused.json()["type"] == "urn:unioncard:problem:payment-over"
    trial.clock.at = shanghai("2020-01-20T23:59:59.999")
    assert (await passed(trial, number))["state"] == "passed"


async def test_credit_is_taken_once_and_never_below_zero(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    await trial.run(
        """INSERT INTO ledger (posting, account, district_id, coverage_year, amount_fen, business_at)
           VALUES ('settlement/0', 'settlement', 12, 2018, 10000, now()),
                  ('settlement/0', 'district_credit', 12, 2018, -10000, now())"""
    )
    await put_list(trial, 5)
    await basket(trial)
    totals = await trial.ok("GET", "/district-review/totals", params=season(), role=Role.DISTRICT)
    # 5 heads: shares 65.00; the credit of 100.00 covers them, 35.00 remain
    assert (totals["credit_available_fen"], totals["credit_fen"], totals["due_fen"]) == (10000, 6500, 0)
    first = await submit(trial)
    assert (first["credit_fen"], first["due_fen"]) == (6500, 0)
    await put_list(trial, 3, first_member=50)
    await basket(trial)
    # 3 heads: shares 39.00, of which 35.00 by what the first batch, still under review, left
    second = await submit(trial)
    assert (second["credit_fen"], second["due_fen"]) == (3500, 400)
    await passed(trial, first["number"])
    await passed(trial, second["number"])
    # 8 heads: fee 208.00, subsidy 104.00, due 4.00
    assert await ledger(trial) == {
        "settlement": 10000,
        "district_receivable": 400,
        "subsidy_receivable": 10400,
        "premiums": -20800,
    }


async def test_credit_is_not_for_instant_enrolment(trial: Trial) -> None:
    await trial.run(
        """INSERT INTO ledger (posting, account, district_id, coverage_year, amount_fen, business_at)
           VALUES ('settlement/0', 'settlement', 12, 2018, 10000, now()),
                  ('settlement/0', 'district_credit', 12, 2018, -10000, now())"""
    )
    trial.clock.at = shanghai("2020-03-02T09:00")
    await put_list(trial, 1, way="no_cover")
    await basket(trial, "instant")
    assert (await submit(trial, "instant"))["credit_fen"] == 0


async def test_statements_do_not_grow_with_lists(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    seen = []
    for count, first in ((2, 1), (30, 1000)):
        for n in range(count):
            await put_list(trial, 2, first_member=first + 2 * n)
        with statements(trial.context.engine) as sent:
            await basket(trial)
            number = (await submit(trial))["number"]
            await passed(trial, number)
            seen.append(len(sent))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("moment", "status"), [("2019-12-31T23:59:59.999", 201), ("2020-01-01T00:00", 409)])
async def test_the_campaigns_lists_are_reviewed_in_its_days(trial: Trial, moment: str, status: int) -> None:
    await plan_2020(trial)
    one = await put_list(trial, 1)
    other = await put_list(trial, 1, way="no_cover", first_member=9)
    trial.clock.at = shanghai(moment)
    for path, more in (("basket", {}), ("basket/removals", {}), ("returns", {"reason": "有误"})):
        body = season(enrolment_ids=[one]) | more
        answer = await trial.call("POST", f"/district-review/{path}", body, role=Role.DISTRICT)
        assert answer.status_code == status, answer.text
    # No days judge the other ways.
    instant = season("instant", enrolment_ids=[other])
    assert await trial.ok("POST", "/district-review/basket", instant, role=Role.DISTRICT) == {"moved": 1}


async def test_two_submissions_at_once_make_one_batch(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMISSION
    await put_list(trial, 4)
    await basket(trial)
    body = season() | OPERATOR
    answers = await asyncio.gather(
        *(trial.call("POST", "/district-review/submissions", body, role=Role.DISTRICT) for _ in range(3))
    )
    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    assert await trial.column("SELECT heads FROM batches") == [4]
    # A refused submission gives its number back.
    assert await trial.column("SELECT last FROM batch_days") == [1]
