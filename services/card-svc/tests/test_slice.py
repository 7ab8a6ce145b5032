"""A member's way from the to-do list to a card in hand, with the partners as a real process."""

from typing import Any

import pytest

from card_svc_testing import START, Trial, member, submission
from partner_sandbox.trial import Trial as Sandbox
from unioncard.contracts.cards import CheckChunk, FetchBankState, NoticeKind, NotifyBatch, SubmitBatch
from unioncard.contracts.model import Command
from unioncard.dates import shanghai_date
from unioncard.principal import Role
from unioncard_testing import envelope_of, eventually
from unioncard_testing.trial import UNION


async def test_from_the_to_do_list_to_the_card_in_hand(trial: Trial, sandbox: Sandbox, card_port: int) -> None:
    people = [member(n) for n in range(1, 6)]
    retired, drawing = people[1]["document_number"], people[2]["document_number"]
    sandbox.client.post(
        "/control/people",
        json={"population": {"retired": [retired]}, "social_security": {"unemployment_benefit": [drawing]}},
    ).raise_for_status()
    await trial.tell_members(*people)

    added = await trial.ok("POST", "/todo", {"all": True})
    assert (added["added"], added["normal"], added["special"]) == (5, 5, 0)
    async with trial.dispatching(), trial.serving(card_port):
        check = await trial.ok("POST", "/checks", {"channel": "normal"})
        reply = await trial.command(CheckChunk(check_id=check["id"], chunk=0), f"card-check/{check['id']}/0")
        assert reply["data"]["result"] == {"passed": 3, "not_passed": 2, "gone": 0}
        assert (await trial.ok("GET", f"/checks/{check['id']}"))["done"]

        refused = await trial.call("POST", "/batches", submission())
        assert refused.status_code == 409
        assert [row["reason"] for row in refused.json()["rows"]] == ["系统校验未通过"] * 2
        assert await trial.ok("POST", "/todo/removals", {"all_not_passed": True, "channel": "normal"}) == {"removed": 2}

        (batch,) = (await trial.ok("POST", "/batches", submission()))["batches"]
        number = batch["number"]
        # domain 4.4: cbc + district 363 + 2024-04-29 15:02 in Shanghai
        assert number == "cbc363202404291502"
        (event,) = await trial.sent("card.batch.submitted.v1")
        assert event.data["members"] == 3

        reply = await trial.command(SubmitBatch(batch_number=number), f"card-batch/{number}/submit")
        # Submitted on 29 April: numbers by 2 May; the call by 14 May and one day for each statutory holiday.
        due = reply["data"]["result"]["deadlines"]
        assert due["numbers_due_at"] == "2024-05-02T16:00:00Z"

        async def answered() -> bool:
            return bool((await trial.ok("GET", f"/batches/{number}"))["counts"]["waiting"] == 0)

        await eventually(answered)
        reply = await trial.command(
            FetchBankState(day=shanghai_date(START).replace(year=2999)), "bank-state/2999-04-29/1"
        )
        files = {"batches": 1, "results": 3, "news": 0, "set_aside": 0}
        assert reply["data"]["result"] == files | {"lives": 0, "life_news": 0, "lives_set_aside": 0}

    reply = await trial.command(
        NotifyBatch(batch_number=number, kind=NoticeKind.NUMBERS_GENERATED), f"card-batch/{number}/notice/generated/1"
    )
    assert reply["data"]["result"]["recipients"] == 1
    notices = await trial.ok("GET", "/notices", params={"unread": True})
    assert notices["unread"] == 1
    assert number in notices["items"][0]["title"]
    # 15 days after the notice of 29 April
    assert "2024年5月14日" in notices["items"][0]["text"]

    picked = await trial.ok(
        "POST",
        f"/batches/{number}/pickups",
        {"all_collected": True, "in_person": [{"member_id": 1}], "on": "2024-04-29"},
    )
    assert picked["recorded"] == 3
    assert picked["state"] == "completed"
    assert (picked["counts"]["collected"], picked["counts"]["in_person"]) == (2, 1)
    log = await trial.ok("GET", "/cards/1/log")
    assert [entry["step"] for entry in reversed(log["items"])] == [
        "added",
        "check_requested",
        "check_passed",
        "submitted",
        "issued",
        "in_person",
    ]
    mine = await trial.ok("GET", "/cards/mine", role=Role.MEMBER, organisation=UNION, member_id=1)
    assert (mine["state_label"], mine["card_number"][:8]) == ("已办卡", "6299****")
    summary = sandbox.summary()
    assert (summary["batches_received"], summary["members_received"], summary["double_issues"]) == (1, 3, 0)
    states = {row.data["cards"][0]["state"] for row in await trial.sent("card.cards.changed.v1")}
    assert states == {"to_do", "none", "in_batch", "issued"}
    found = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION, organisation=1)
    assert found["counts"]["cards"] == {"issued": 3, "none": 2}
    assert (found["todo_astray"], found["cards_astray"], found["inbox_running"]) == (0, 0, 0)


@pytest.mark.parametrize("method", ["bank", "offices"])
async def test_a_partner_that_is_down_gives_the_command_back(trial: Trial, method: str) -> None:
    """Nothing listens at the sandbox's port here, or it answers 500: the workflow's retry decides."""
    command: Command
    if method == "bank":
        number = await trial.submitted(2)
        command, key = SubmitBatch(batch_number=number), f"card-batch/{number}/submit"
        trial.settings.bank_url = "http://127.0.0.1:1/bank"
    else:
        await trial.listed(2, passed=False)
        check = await trial.ok("POST", "/checks", {"channel": "normal"})
        command, key = CheckChunk(check_id=check["id"], chunk=0), f"card-check/{check['id']}/0"
        trial.settings.population_url = "http://127.0.0.1:1/population"
    try:
        async with trial.dispatching():
            reply = await trial.command(command, key)
    finally:
        trial.settings.bank_url = trial.settings.population_url = None
    assert reply["type"] == "command.failed.v1"
    assert await trial.column("SELECT key FROM inbox WHERE key = :key", key=key) == []


async def test_a_dispatcher_that_dies_while_the_bank_works_is_replaced(trial: Trial, sandbox: Sandbox) -> None:
    """The bank has the batch, we never heard of it; asked again under the same number it counts once."""
    number = await trial.submitted(3)
    key = f"card-batch/{number}/submit"
    sandbox.client.put("/control/behaviour", json={"bank": {"timeout_rate": 1.0}}).raise_for_status()
    await trial.tell(envelope_of(SubmitBatch(batch_number=number), idempotencykey=key, replyto="home"))
    async with trial.dispatching():
        await eventually(lambda: sandbox.summary()["batches_received"] == 1)
    # Changed meanwhile: what is sent again must still be what was submitted.
    await trial.tell_members(member(1, version=2, mobile="13911112222"))
    sandbox.client.put("/control/behaviour", json={"bank": {"timeout_rate": 0.0}}).raise_for_status()
    await trial.run("UPDATE partner_calls SET leased_until = now() - interval '1 second'")
    async with trial.dispatching():

        async def reply() -> Any:
            return await trial.sent("command.succeeded.v1")

        (told,) = await eventually(reply)
    assert told.replyto == "home"
    summary = sandbox.summary()
    assert (summary["batches_received"], summary["repeats"], summary["conflicting_repeats"]) == (1, 1, 0)


async def test_a_batch_the_bank_will_never_take_frees_its_members(trial: Trial, sandbox: Sandbox) -> None:
    number = await trial.submitted(2)
    await trial.run("UPDATE batch_members SET member_number = repeat('9', 40)")
    async with trial.dispatching():
        reply = await trial.command(SubmitBatch(batch_number=number), f"card-batch/{number}/submit")
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "bank-refused")
    batch = await trial.ok("GET", f"/batches/{number}")
    assert (batch["state"], batch["counts"]["failed"], batch["counts"]["waiting"]) == ("refused", 2, 0)
    assert (await trial.ok("POST", "/todo", {"all": True}))["added"] == 2
