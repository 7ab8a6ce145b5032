"""Unit accounts: named by the district, seen by four eyes, encrypted, closed; whom payouts may reach."""

from typing import Any

import pytest
import sqlalchemy as sa

from claims_svc.accounts import store
from claims_svc_testing import Trial, member
from claims_svc_testing.payouts import BATCH, broken, claim_number, fix, gather, states, tell_payees, to_pay
from claims_svc_testing.review import hand_over
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, STRANGER

NUMBER = "31602300000000017"
ACCOUNT = {
    "holder_name": "示例科技公司工会委员会",
    "account_number": NUMBER,
    "bank": "示例银行人民广场支行",
    "reason": "单位代收",
}


async def named(trial: Trial, **changed: Any) -> Any:
    return await trial.call("POST", "/unit-accounts", ACCOUNT | changed, role=Role.DISTRICT, account=71)


async def decide(trial: Trial, account_id: int, by: int, *, approved: bool = True, **more: Any) -> tuple[int, str]:
    path = f"/unit-accounts/{account_id}/decision"
    caller: dict[str, Any] = {"role": Role.DISTRICT, "account": by} | more
    response = await trial.call("POST", path, {"approved": approved}, **caller)
    answer = response.json()
    return response.status_code, answer.get("state") or answer["type"].rpartition(":")[2]


async def test_an_account_takes_four_eyes_and_shows_its_end_only(trial: Trial) -> None:
    made = (await named(trial)).json()
    assert (made["state"], made["account_end"], made["holder_name"]) == ("waiting", "0017", "示例科技公司工会委员会")
    assert NUMBER not in str(made)
    stored = await trial.column("SELECT account_number || holder_name FROM unit_accounts")
    assert NUMBER not in stored[0]
    assert "示例" not in stored[0]
    assert (await named(trial)).json()["type"] == "urn:unioncard:problem:account-known"
    assert await decide(trial, made["id"], 71) == (403, "four-eyes")
    assert await decide(trial, made["id"], 72, role=Role.DISTRICT, organisation=OTHER_DISTRICT) == (404, "not-found")
    assert await decide(trial, made["id"], 73, role=Role.CENTRE_PAYER) == (201, "approved")
    assert await decide(trial, made["id"], 74) == (409, "decided")
    audit = await trial.column("SELECT action || ' ' || actor FROM audit_log WHERE subject LIKE 'unit-account:%'")
    assert audit == ["unit-account.entered account:71", "unit-account.approved account:73"]


async def test_refused_can_be_named_again_and_closed_is_over(trial: Trial) -> None:
    first = (await named(trial)).json()["id"]
    assert await decide(trial, first, 72, approved=False) == (201, "refused")
    second = (await named(trial)).json()["id"]
    assert await decide(trial, second, 72) == (201, "approved")
    closing = f"/unit-accounts/{second}/closure"
    closed = await trial.ok("POST", closing, {"reason": "单位更换开户行"}, role=Role.DISTRICT)
    assert (closed["state"], closed["close_reason"]) == ("closed", "单位更换开户行")
    again = await trial.call("POST", closing, {"reason": "x"}, role=Role.DISTRICT)
    assert again.json()["type"] == "urn:unioncard:problem:account-closed"
    listed = await trial.ok("GET", "/unit-accounts", role=Role.DISTRICT)
    assert [one["state"] for one in listed["items"]] == ["closed", "refused"]


async def test_who_sees_and_names_accounts(trial: Trial) -> None:
    made = (await named(trial)).json()["id"]
    for role in (Role.UNION, Role.CENTRE_PAYER, Role.CENTRE_REVIEWER, Role.FEDERATION):
        assert (await trial.call("POST", "/unit-accounts", ACCOUNT, role=role)).status_code == 403
        assert [one["id"] for one in (await trial.ok("GET", "/unit-accounts", role=role))["items"]] == [made]
    # Another district's union has another district's accounts.
    assert (await trial.ok("GET", "/unit-accounts", role=Role.UNION, organisation=STRANGER))["items"] == []
    waiting = await trial.ok("GET", "/unit-accounts?state=approved", role=Role.DISTRICT)
    assert waiting["items"] == []


@pytest.mark.parametrize(
    "changed", [{"account_number": "3160-2300"}, {"account_number": "1234567"}, {"holder_name": ""}, {"note": "x"}]
)
async def test_an_account_that_cannot_be(trial: Trial, changed: dict[str, str]) -> None:
    assert (await named(trial, **changed)).status_code == 422
    assert await trial.column("SELECT id FROM unit_accounts") == []


async def test_the_database_wants_four_eyes_by_itself(trial: Trial) -> None:
    made = (await named(trial)).json()["id"]
    async with trial.context.work.begin("account:71") as tx:
        assert await store.decide(tx, made, "approved", 71) is None
        assert not await store.usable(tx.conn, made, DISTRICT)
    with pytest.raises(sa.exc.IntegrityError, match="unit_accounts_four_eyes"):
        await trial.run("UPDATE unit_accounts SET state = 'approved', decided_by = 71, decided_at = now()")


async def test_nothing_goes_to_an_account_that_was_closed_or_is_another_district_s(trial: Trial) -> None:
    mine = (await named(trial)).json()["id"]
    await decide(trial, mine, 72)
    other = await trial.ok(
        "POST", "/unit-accounts", ACCOUNT, role=Role.DISTRICT, organisation=OTHER_DISTRICT, account=81
    )
    await decide(trial, other["id"], 82, organisation=OTHER_DISTRICT)
    for first, account in ((1, mine), (2, other["id"])):
        await to_pay(trial, 1, first=first, payee="unit_account", account=account)
    await gather(trial)
    await trial.ok("POST", f"/unit-accounts/{mine}/closure", {"reason": "停用"}, role=Role.DISTRICT)
    await fix(trial)
    assert await trial.column("SELECT unpayable FROM payouts ORDER BY number") == ["no_account"] * 2
    assert await states(trial) == {claim_number(1): "returned", claim_number(2): "returned"}
    page = await trial.ok("GET", "/payout-returns", role=Role.UNION)
    assert {one["reason"] for one in page["items"]} == {
        "没有可用的收款账户，请由区局（产业）工会指定单位账户，或补全继承人账户"
    }
    # A batch with nothing to send is over.
    assert await trial.column("SELECT payouts FROM payout_batches WHERE number = :n", n=BATCH) == [0]
    await trial.run("UPDATE payout_batches SET state = 'done'")
    assert await broken(trial) == {}


async def test_what_was_fixed_is_not_fixed_again(trial: Trial) -> None:
    """The bank may have the batch already: submitted once more it says the same, and nobody is left out of it."""
    made = (await named(trial)).json()["id"]
    await decide(trial, made, 72)
    await to_pay(trial, 1, payee="unit_account", account=made)
    await to_pay(trial, 1, first=2)
    await gather(trial)
    await tell_payees(trial, [2])
    await hand_over(trial, BATCH)
    says = "SELECT concat_ws(' ', number, state, holder_name, account_number) FROM payouts ORDER BY number"
    fixed = await trial.column(says)
    await trial.ok("POST", f"/unit-accounts/{made}/closure", {"reason": "停用"}, role=Role.DISTRICT)
    await trial.tell_members(member(2, version=2, name="李建国"))
    await hand_over(trial, BATCH)
    assert await trial.column(says) == fixed
    assert await states(trial) == {claim_number(1): "paying", claim_number(2): "paying"}
    assert await broken(trial) == {}
