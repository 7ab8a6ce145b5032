"""Two at once, and once more: of the same event one claim stands, of a policy's days none counts twice."""

import asyncio
from typing import Any

import pytest

from claims_svc.claims import store
from claims_svc.claims.rules import STEPS
from claims_svc_testing import Trial, member
from claims_svc_testing.filing import assess_command, illness, policy, stay
from unioncard.auth import Role
from unioncard.contracts.claims import ClaimState
from unioncard.problems import Problem
from unioncard_testing import envelope_of


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Members 1 and 2 of UNION."""
    await trial.tell_members(member(1), member(2))
    await trial.load_catalogue()
    return trial


async def test_of_many_filings_at_once_one_stands(claims: Trial) -> None:
    answers = await asyncio.gather(*(claims.call("POST", "/claims", illness()) for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409, 409, 409]
    assert await claims.column("SELECT count(*) FROM claims") == [1]


async def test_two_stays_judged_at_once_do_not_share_the_last_days(claims: Trial) -> None:
    numbers = [
        await claims.file(stay(first="2019-09-01", discharge="2019-12-30")),  # 120 nights
        await claims.file(stay(first="2020-01-01", discharge="2020-03-01")),  # 60
        await claims.file(stay(first="2020-03-01", discharge="2020-03-09")),  # 8
    ]
    terms = policy(first_day=policy().first_day.replace(year=2019))
    await asyncio.gather(*(claims.assess(number, terms) for number in numbers))
    assert await claims.column("SELECT count(*) FROM claim_days WHERE standing") == [180]
    assert await claims.column("SELECT sum(nights) FROM claim_parts") == [188]
    assert await claims.column("SELECT sum(payable_fen) FROM claim_parts") == [1_080_000]


async def test_many_assessments_in_one_delivery(claims: Trial) -> None:
    numbers = [await claims.file(illness(one)) for one in (1, 2)]
    commands = [
        envelope_of(assess_command(number, [policy()]), idempotencykey=f"claim/{number}/assess/1", replyto="x")
        for number in (*numbers, *numbers)
    ]
    await claims.tell(*commands)
    assert await claims.column("SELECT state FROM claims") == ["incomplete", "incomplete"]
    assert await claims.column("SELECT version FROM claims") == [2, 2]


async def _change(claims: Trial, number: str, to: ClaimState, **more: Any) -> Any:
    async with claims.context.work.begin("account:1") as tx:
        return await store.change(tx, number, [one for one in ClaimState if to in STEPS[one]], to, **more)


async def test_a_step_that_does_not_fit_changes_nothing(claims: Trial) -> None:
    number = await claims.file(illness())
    assert await _change(claims, number, ClaimState.PAID) is None
    assert await _change(claims, number, ClaimState.WITHDRAWN, version=7) is None
    assert await claims.column("SELECT state || version FROM claims") == ["filed1"]


async def test_what_is_reopened_takes_its_event_again_unless_another_has_it(claims: Trial) -> None:
    first = await claims.file(illness())
    await claims.assess(first)
    second = await claims.file(illness())
    with pytest.raises(Problem, match="same-event"):
        await _change(claims, first, ClaimState.ADJUDICATING)
    await claims.ok("POST", f"/claims/{second}/withdrawal", {"reason": "重复"})
    reopened = await _change(claims, first, ClaimState.ADJUDICATING)
    assert (reopened.state, reopened.standing) == ("adjudicating", True)


async def test_a_stay_that_is_reopened_takes_its_days_again_unless_another_has_them(claims: Trial) -> None:
    first = await claims.file(stay(hospital={"name": "x", "place": "shanghai", "level": 1}))
    await claims.assess(first, policy())
    assert await claims.column("SELECT count(*) FROM claim_days WHERE standing") == [0]
    second = await claims.file(stay(first="2020-02-10", discharge="2020-02-12"))
    await claims.assess(second, policy())
    with pytest.raises(Problem, match="same-event"):
        await _change(claims, first, ClaimState.ADJUDICATING)
    await claims.ok("POST", f"/claims/{second}/withdrawal", {"reason": "重复"})
    await _change(claims, first, ClaimState.ADJUDICATING)
    assert await claims.column("SELECT count(*) FROM claim_days WHERE standing") == [10]


async def test_a_unit_account_named_by_the_district_completes_a_claim(claims: Trial) -> None:
    named = {
        "holder_name": "示例科技公司工会",
        "account_number": "31600000001234",
        "bank": "示例银行上海分行",
        "reason": "单位统一收款",
    }
    account = await claims.ok("POST", "/unit-accounts", named, role=Role.DISTRICT, account=1)
    number = await claims.file(illness(payee="unit_account"))
    await claims.assess(number, policy())
    await claims.upload_all(number)
    wanted = {"payee": "unit_account", "account_id": account["id"]}
    early = await claims.call("POST", f"/claims/{number}/payee", wanted, role=Role.DISTRICT)
    assert early.status_code == 404  # one person alone has seen it
    decision = {"approved": True}
    await claims.ok("POST", f"/unit-accounts/{account['id']}/decision", decision, role=Role.DISTRICT, account=2)
    shown = await claims.ok("POST", f"/claims/{number}/payee", wanted, role=Role.DISTRICT)
    assert (shown["state"], shown["missing"]) == ("stamping", 0)
    text = (await claims.call("GET", f"/claims/{number}/forms/transfer_request")).content
    assert text.startswith(b"%PDF")
