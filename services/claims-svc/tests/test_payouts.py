"""Payouts with the bank as a real process: sent once, answered, returned, put right, whatever goes wrong on the way."""

from typing import Any

from claims_svc.personal import PersonalData
from claims_svc_testing import Trial, member
from claims_svc_testing.payouts import (
    BATCH,
    balances,
    broken,
    card_number,
    claim_number,
    gather,
    payout,
    states,
    submit,
    tell_payees,
    to_pay,
)
from partner_sandbox.trial import Trial as Sandbox
from unioncard.contracts.claims import FetchPayoutFile, ShowPayees, ShowPayoutBatch, SubmitPayouts
from unioncard.contracts.payees import Unpayable
from unioncard.database import engine_for
from unioncard.dates import shanghai_date
from unioncard.principal import Role
from unioncard_testing import envelope_of, eventually
from unioncard_testing.trial import DISTRICT

SECOND = "FK202003110001"
"""The first batch of the day after START."""


async def answered(trial: Trial, batch: str = BATCH) -> None:
    """Once the bank has told of every payout of a batch."""

    async def done() -> bool:
        return await trial.column("SELECT state FROM payout_batches WHERE number = :n", n=batch) == ["done"]

    await eventually(done)


async def settled(trial: Trial) -> list[tuple[str, int]]:
    """What insurance-svc is told."""
    events = await trial.sent("claims.payout.settled.v1")
    return [(event.data["payout_number"], event.data["amount_fen"]) for event in events]


def bank(sandbox: Sandbox) -> dict[str, int]:
    counts: dict[str, int] = sandbox.summary()["payouts"]
    return counts


async def test_from_approval_to_the_money_in_the_account(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    await to_pay(trial, 3)
    assert await gather(trial) == {"batches": 1, "payouts": 3}
    assert await gather(trial) == {"batches": 0, "payouts": 0}
    (opened,) = await trial.sent("claims.payout-batch.opened.v1")
    assert (opened.data["batch_number"], opened.data["payouts"], opened.data["amount_fen"]) == (BATCH, 3, 90000)
    assert opened.data["on"] == "2020-03-10"
    who = await trial.command(ShowPayees(batch_number=BATCH), f"payout-batch/{BATCH}/who")
    assert who["data"]["result"] == {"member_ids": [1, 2, 3], "state": "gathered"}
    async with trial.dispatching(), trial.serving(claims_port):
        # card-svc has not answered yet: to be tried again, and nothing is fixed.
        early = await submit(trial)
        assert (early["type"], bank(sandbox)["batches_received"]) == ("command.failed.v1", 0)
        await tell_payees(trial, [1, 2, 3])
        reply = await submit(trial)
        assert reply["data"]["result"]["payouts"] == 3
        await answered(trial)
        assert await states(trial) == {claim_number(n): "paid" for n in (1, 2, 3)}
        assert await balances(trial) == {"benefits": 90000, "cash": -90000}
        assert await settled(trial) == [(payout(n), 30000) for n in (1, 2, 3)]
        # Long after: the file says nothing new, the command again gets its first answer.
        day = shanghai_date(trial.clock.at).replace(year=2999)
        reply = await trial.command(FetchPayoutFile(day=day), "payout-file/2999-03-10/1")
        assert reply["data"]["result"] == {"answers": 3, "news": 0, "set_aside": 0}
        await submit(trial)
    counts = bank(sandbox)
    assert (counts["batches_received"], counts["repeats"], counts["paid_fen"]) == (1, 0, 90000)
    listed = sandbox.client.get("/memory/payouts").json()["payouts"]
    assert [one["account_number"] for one in listed] == [card_number(n) for n in (1, 2, 3)]
    shown = await trial.command(ShowPayoutBatch(batch_number=BATCH), f"payout-batch/{BATCH}/standing/1")
    assert shown["data"]["result"] == {
        "state": "done", "payouts": 3, "amount_fen": 90000, "waiting": 0, "paid": 3, "returned": 0, "left_out": 0,
    }  # fmt: skip
    assert await broken(trial) == {}


async def test_what_cannot_arrive_is_put_right_and_sent_again_once(
    trial: Trial, sandbox: Sandbox, claims_port: int
) -> None:
    """Member 1 is paid, 2 has a new number by then, 3 never activated the card, which card-svc knows."""
    await to_pay(trial, 3)
    await gather(trial)
    refused = {"refused": {card_number(2): "NUMBER_CHANGED"}}
    sandbox.client.post("/control/accounts", json=refused).raise_for_status()
    async with trial.dispatching(), trial.serving(claims_port):
        await tell_payees(trial, [1, 2, 3], unpayable={3: Unpayable.NOT_ACTIVATED})
        reply = await submit(trial)
        result = reply["data"]["result"]
        assert (result["payouts"], result["amount_fen"], result["left_out"]) == (2, 60000, 1)
        await answered(trial)
        assert list((await states(trial)).values()) == ["paid", "returned", "returned"]
        assert await balances(trial) == {"benefits": 90000, "payable": -60000, "cash": -30000}
        waiting = await trial.ok("GET", "/payout-returns", role=Role.CENTRE_PAYER)
        assert [(one["claim_number"], one["returns"], one["reason"][:9]) for one in waiting["items"]] == [
            (claim_number(2), 1, "卡号已更换，原卡号"), (claim_number(3), 0, "会员的服务卡超过六"),
        ]  # fmt: skip

        for number in (2, 3):
            body = {"payee": "own_card", "note": "会员已换领并激活新卡"}
            path = f"/claims/{claim_number(number)}/payout-correction"
            corrected = await trial.ok("POST", path, body, role=Role.CENTRE_PAYER)
            assert corrected["state"] == "to_pay"
        trial.clock.at = trial.clock.at.replace(day=11)
        assert await gather(trial) == {"batches": 1, "payouts": 2}
        new = {2: "6227009999999999902", 3: card_number(3)}
        await tell_payees(trial, [2, 3], batch=SECOND, numbers=new)
        await submit(trial, SECOND)
        await answered(trial, SECOND)
    assert set((await states(trial)).values()) == {"paid"}
    assert await balances(trial) == {"benefits": 90000, "cash": -90000}
    assert sorted(await settled(trial)) == [(payout(1), 30000), (payout(1, SECOND), 30000), (payout(2, SECOND), 30000)]
    assert (bank(sandbox)["paid_fen"], bank(sandbox)["returned_fen"]) == (90000, 30000)
    assert await broken(trial) == {}


async def test_a_second_return_stays_with_staff(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    await to_pay(trial, 1)
    sandbox.client.post("/control/accounts", json={"refused": {card_number(1): "CARD_LOST"}}).raise_for_status()
    path = f"/claims/{claim_number(1)}/payout-correction"
    body = {"payee": "own_card", "note": "会员称已补卡"}
    async with trial.dispatching(), trial.serving(claims_port):
        for place in (1, 2):
            await gather(trial)
            batch = f"FK20200310000{place}"
            await tell_payees(trial, [1], batch=batch)
            await submit(trial, batch)
            await answered(trial, batch)
            assert await states(trial) == {claim_number(1): "returned"}
            response = await trial.call("POST", path, body, role=Role.CENTRE_PAYER)
            assert response.status_code == (201 if place == 1 else 409)
    assert response.json()["type"] == "urn:unioncard:problem:returned-twice"
    assert await balances(trial) == {"benefits": 30000, "payable": -30000}
    assert (await settled(trial), await broken(trial)) == ([], {})


async def test_money_that_had_arrived_comes_back(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    await to_pay(trial, 2, fen=50000, parts=[(2019, "A+", 20000), (2020, "A+", 30000)])
    await gather(trial)
    await tell_payees(trial, [1, 2])
    async with trial.dispatching(), trial.serving(claims_port):
        await submit(trial)
        await answered(trial)
        assert await settled(trial) == [(payout(n), fen) for n in (1, 2) for fen in (20000, 30000)]
        await trial.run("UPDATE claims SET state = 'closed' WHERE number = :n", n=claim_number(1))
        back = {"payout_number": payout(1), "reason_code": "ACCOUNT_CANCELLED"}
        sandbox.client.post("/control/payout-returns", json=back).raise_for_status()

        async def returned() -> bool:
            return (await states(trial))[claim_number(1)] == "returned"

        await eventually(returned)
    assert (await settled(trial))[4:] == [(payout(1), -20000), (payout(1), -30000)]
    assert await balances(trial) == {"benefits": 100000, "payable": -50000, "cash": -50000}
    assert await broken(trial) == {}


async def test_unit_accounts_and_heirs_are_paid_under_their_names(
    trial: Trial, sandbox: Sandbox, claims_port: int
) -> None:
    unit = {
        "holder_name": "示例科技公司工会委员会", "account_number": "31602300000000017",
        "bank": "示例银行人民广场支行", "reason": "单位代收",
    }  # fmt: skip
    named = await trial.ok("POST", "/unit-accounts", unit, role=Role.DISTRICT, account=71)
    path = f"/unit-accounts/{named['id']}/decision"
    await trial.ok("POST", path, {"approved": True}, role=Role.DISTRICT, account=72)
    await to_pay(trial, 1, payee="unit_account", account=named["id"])
    heir = {
        "name": "李建国",
        "document_number": "310101198001010011",
        "bank": "示例银行",
        "account_number": "62170000123456",
    }
    personal = PersonalData(trial.context.keys)
    sealed = {name: personal.encrypt(f"heir_{name}", claim_number(2), value) for name, value in heir.items()}
    await to_pay(trial, 1, first=2, payee="heir", event="death", benefit="illness_death")
    await trial.run(
        "INSERT INTO heirs VALUES (:claim, :name, :document_number, :bank, :account_number, 'h', '3456')",
        claim=claim_number(2), **sealed,
    )  # fmt: skip
    # Nobody named an account for this one.
    await to_pay(trial, 1, first=3, payee="unit_account")
    await gather(trial)
    who = await trial.command(ShowPayees(batch_number=BATCH), f"payout-batch/{BATCH}/who")
    assert who["data"]["result"]["member_ids"] == []
    async with trial.dispatching(), trial.serving(claims_port):
        reply = await submit(trial)
        assert reply["data"]["result"]["left_out"] == 1
        await answered(trial)
    assert list((await states(trial)).values()) == ["paid", "paid", "returned"]
    listed = sandbox.client.get("/memory/payouts").json()["payouts"]
    assert [one["account_number"] for one in listed] == ["31602300000000017", "62170000123456"]
    shown = (await trial.ok("GET", "/payouts", role=Role.UNION))["items"]
    assert [(one["account_end"], one["state_label"]) for one in shown] == [
        ("0017", "已到账"), ("3456", "已到账"), (None, "未能划出"),
    ]  # fmt: skip
    assert await broken(trial) == {}


async def test_killed_between_sending_and_recording(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    """The bank has the batch and pays it, we never heard; the answers come first, and asked again it is paid once."""
    await to_pay(trial, 3)
    await gather(trial)
    await tell_payees(trial, [1, 2, 3])
    key = f"payout-batch/{BATCH}/submit"

    async def reply() -> list[Any]:
        return [one for one in await trial.sent() if one.replyto == "home"]

    sandbox.client.put("/control/behaviour", json={"bank": {"timeout_rate": 1.0}}).raise_for_status()
    await trial.tell(envelope_of(SubmitPayouts(batch_number=BATCH), idempotencykey=key, replyto="home"))
    async with trial.serving(claims_port):
        async with trial.dispatching():
            await eventually(lambda: bank(sandbox)["batches_received"] == 1)
            await answered(trial)
        assert await reply() == []
        # Names and cards change meanwhile: what is sent again must still be what was fixed.
        await trial.tell_members(member(1, version=2, name="李建国"))
        await tell_payees(trial, [1, 2, 3], numbers={1: "6227008888888888881"})
        sandbox.client.put("/control/behaviour", json={"bank": {"timeout_rate": 0.0}}).raise_for_status()
        await trial.run("UPDATE partner_calls SET leased_until = now() - interval '1 second'")
        async with trial.dispatching():
            (told,) = await eventually(reply)
    assert (told.type, told.data["result"]["state"], told.data["result"]["paid"]) == ("command.succeeded.v1", "done", 3)
    counts = bank(sandbox)
    assert (counts["batches_received"], counts["repeats"], counts["conflicting_repeats"]) == (1, 1, 0)
    assert (counts["paid_fen"], await balances(trial)) == (90000, {"benefits": 90000, "cash": -90000})
    assert await broken(trial) == {}


async def test_a_silent_bank_is_heard_through_its_file(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    callback = {"silent_rate": 1.0}
    sandbox.client.put("/control/behaviour", json={"callback": callback}).raise_for_status()
    await to_pay(trial, 5)
    await gather(trial)
    await tell_payees(trial, range(1, 6))
    day = shanghai_date(trial.clock.at).replace(year=2999)
    async with trial.dispatching(), trial.serving(claims_port):
        await submit(trial)
        await eventually(lambda: bank(sandbox)["answers_pending"] == 0)
        reply = await trial.command(FetchPayoutFile(day=day), "payout-file/2999-03-10/1")
        assert reply["data"]["result"] == {"answers": 5, "news": 5, "set_aside": 0}
        # Money that comes back long after, on a day that nobody expects anything: the next file has it.
        back = {"payout_number": payout(4), "reason_code": "ACCOUNT_CANCELLED"}
        sandbox.client.post("/control/payout-returns", json=back).raise_for_status()
        await eventually(lambda: bank(sandbox)["payouts_returned"] == 1)
        reply = await trial.command(FetchPayoutFile(day=day), "payout-file/2999-03-10/2")
        assert reply["data"]["result"] == {"answers": 6, "news": 1, "set_aside": 0}
    assert (await states(trial))[claim_number(4)] == "returned"
    assert await broken(trial) == {}


async def test_a_file_is_noted_once_all_of_it_is_taken(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    """Ten answers are a page. What breaks on the second must not make the rest of the file yesterday's news."""
    sandbox.client.put("/control/behaviour", json={"callback": {"silent_rate": 1.0}}).raise_for_status()
    await to_pay(trial, 12)
    await gather(trial)
    await tell_payees(trial, range(1, 13))
    returned = "SELECT count(*) FROM payouts WHERE state = 'returned'"
    day = shanghai_date(trial.clock.at).replace(year=2999)
    async with trial.dispatching(), trial.serving(claims_port):
        await submit(trial)
        await eventually(lambda: bank(sandbox)["answers_pending"] == 0)
        for place in range(2, 13):
            back = {"payout_number": payout(place), "reason_code": "ACCOUNT_CANCELLED"}
            sandbox.client.post("/control/payout-returns", json=back).raise_for_status()
        await eventually(lambda: bank(sandbox)["payouts_returned"] == 11)
        # The answer for the whole batch and nine of the returns are the first page.
        await _as_owner(
            trial,
            f"""
            CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the process dies'; END $$;
            CREATE TRIGGER breaks BEFORE UPDATE ON payouts FOR EACH ROW
            WHEN (NEW.number = '{payout(11)}' AND NEW.state = 'returned') EXECUTE FUNCTION breaks()
        """,
        )
        reply = await trial.command(FetchPayoutFile(day=day), "payout-file/2999-03-10/1")
        assert (reply["type"], await trial.column(returned)) == ("command.failed.v1", [9])
        assert await trial.column("SELECT day FROM payout_files") == []
        await _as_owner(trial, "DROP TRIGGER breaks ON payouts; DROP FUNCTION breaks()")
        reply = await trial.command(FetchPayoutFile(day=day), "payout-file/2999-03-10/1")
    assert (reply["data"]["result"]["answers"], reply["data"]["result"]["news"]) == (23, 2)
    assert await trial.column(returned) == [11]
    assert await trial.column("SELECT count(*) FROM payout_files") == [1]
    assert await broken(trial) == {}


async def _as_owner(trial: Trial, statements: str) -> None:
    owner = engine_for(trial.context.database.owner_url)
    async with owner.begin() as conn:
        await conn.exec_driver_sql(statements)
    await owner.dispose()


async def test_double_shuffled_and_foreign_answers(trial: Trial, sandbox: Sandbox, claims_port: int) -> None:
    callback = {"duplicate_rate": 1.0, "out_of_order_rate": 1.0, "unknown_rate": 1.0}
    behaviour = {"callback": callback, "bank": {"return_rate": 0.3}}
    sandbox.client.put("/control/behaviour", json=behaviour).raise_for_status()
    await to_pay(trial, 20)
    await gather(trial)
    await tell_payees(trial, range(1, 21))
    async with trial.dispatching(), trial.serving(claims_port):
        await submit(trial)
        await answered(trial)
        await eventually(lambda: sandbox.summary()["callbacks_pending"] == 0)
    counts = bank(sandbox)
    assert counts["payouts_paid"] + counts["payouts_returned"] == 20
    found = await states(trial)
    assert list(found.values()).count("paid") == counts["payouts_paid"] > 0
    assert await balances(trial) == {
        "benefits": 600000, "payable": -counts["returned_fen"], "cash": -counts["paid_fen"],
    }  # fmt: skip
    assert await trial.column("SELECT why FROM payout_set_aside") == ["unknown_batch"]
    assert await broken(trial) == {}


async def test_a_batch_the_bank_will_not_take_is_owed_again(trial: Trial, sandbox: Sandbox) -> None:
    """Member 3 was left out before anything was sent, and has nothing to do with it."""
    await to_pay(trial, 3)
    await gather(trial)
    await tell_payees(trial, [1, 2, 3], numbers={2: "622700-2"}, unpayable={3: Unpayable.NOT_ACTIVATED})
    async with trial.dispatching():
        reply = await submit(trial)
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "bank-refused")
    assert set((await states(trial)).values()) == {"returned"}
    assert await balances(trial) == {"benefits": 90000, "payable": -90000}
    batch = await trial.ok("GET", f"/payout-batches/{BATCH}", role=Role.CENTRE_PAYER)
    assert (batch["state"], batch["payouts"], batch["left_out"]) == ("done", 0, 3)
    why = await trial.column("SELECT unpayable FROM payouts ORDER BY number")
    assert why == ["refused_by_bank", "refused_by_bank", "not_activated"]
    assert "未作任何处理" in batch["refused_reason"]
    assert (bank(sandbox)["batches_received"], await broken(trial)) == (0, {})


async def test_another_batch_under_our_number_is_for_people_to_sort_out(trial: Trial, sandbox: Sandbox) -> None:
    await to_pay(trial, 2)
    await gather(trial)
    await tell_payees(trial, [1, 2])
    async with trial.dispatching():
        await submit(trial)
    await trial.run("UPDATE payout_batches SET state = 'sending'")
    await trial.run("UPDATE payouts SET state = 'left_out', unpayable = 'no_card' WHERE number = :n", n=payout(2))
    async with trial.dispatching():
        reply = await trial.command(SubmitPayouts(batch_number=BATCH), "another-key")
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "bank-conflict")
    assert (await states(trial))[claim_number(1)] == "paying"
    assert bank(sandbox)["conflicting_repeats"] == 1
    # Sorted out: what was fixed goes out once more.
    await trial.run("UPDATE payouts SET state = 'waiting', unpayable = NULL WHERE number = :n", n=payout(2))
    path = f"/payout-batches/{BATCH}/resubmission"
    again = await trial.ok("POST", path, {}, role=Role.CENTRE_PAYER)
    assert (again["state"], again["refused_reason"]) == ("sending", None)

    async def accepted() -> bool:
        return await trial.column("SELECT state FROM payout_batches") == ["sent"]

    async with trial.dispatching():
        await eventually(accepted)
    assert (await trial.call("POST", path, {}, role=Role.CENTRE_PAYER)).status_code == 409
    assert (bank(sandbox)["repeats"], bank(sandbox)["payouts_received"]) == (1, 2)


async def test_a_bank_that_is_down_is_asked_again(trial: Trial, sandbox: Sandbox) -> None:
    await to_pay(trial, 1)
    await gather(trial)
    await tell_payees(trial, [1])
    sandbox.client.put("/control/behaviour", json={"bank": {"error_rate": 1.0}}).raise_for_status()
    async with trial.dispatching():
        assert (await submit(trial))["type"] == "command.failed.v1"
    sandbox.client.put("/control/behaviour", json={"bank": {"error_rate": 0.0}}).raise_for_status()
    async with trial.dispatching():
        assert (await submit(trial))["type"] == "command.succeeded.v1"
    assert bank(sandbox)["payouts_received"] == 1
    assert (await trial.column("SELECT district_id FROM payouts")) == [DISTRICT]
