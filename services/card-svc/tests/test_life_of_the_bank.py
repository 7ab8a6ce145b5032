"""The life of cards with the bank as a real process: by callback, and by the nightly file when callbacks are lost."""

from datetime import date
from typing import Any

import pytest

from card_svc_testing import Trial
from partner_sandbox.trial import Trial as Sandbox
from unioncard.contracts.cards import FetchBankState, SubmitBatch
from unioncard_testing import eventually


async def issue(trial: Trial, count: int) -> None:
    """Cards for so many members, by the real bank; needs dispatching and serving."""
    number = await trial.submitted(count)
    await trial.command(SubmitBatch(batch_number=number), f"card-batch/{number}/submit")

    async def answered() -> bool:
        return bool((await trial.ok("GET", f"/batches/{number}"))["counts"]["waiting"] == 0)

    await eventually(answered)


def act(sandbox: Sandbox, *acts: dict[str, Any]) -> list[dict[str, Any]]:
    """What customers do."""
    answer = sandbox.client.post("/control/cards", json={"acts": list(acts)}).raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


async def standing(trial: Trial, member_id: int) -> tuple[str, str | None]:
    """(state of issuing, 卡片状态)"""
    card = await trial.ok("GET", f"/cards/{member_id}")
    return card["state"], card["life"] and card["life"]["label"]


async def fetch(trial: Trial, run: int) -> dict[str, int]:
    """The nightly fetch."""
    reply = await trial.command(FetchBankState(day=date(2999, 4, 29)), f"bank-state/2999-04-29/{run}")
    result: dict[str, int] = reply["data"]["result"]
    return result


@pytest.mark.parametrize(
    "callback",
    [{}, {"duplicate_rate": 1.0}, {"out_of_order_rate": 1.0, "duplicate_rate": 1.0}],
    ids=["well", "twice", "late"],
)
async def test_callbacks_tell_of_every_change(
    trial: Trial, sandbox: Sandbox, card_port: int, callback: dict[str, float]
) -> None:
    async with trial.dispatching(), trial.serving(card_port):
        await issue(trial, 4)
        sandbox.client.put("/control/behaviour", json={"callback": callback}).raise_for_status()
        act(sandbox, *({"member_id": one, "act": "activate"} for one in (1, 2, 3)))
        (replaced,) = act(sandbox, {"member_id": 1, "act": "replace", "keep_number": False})
        act(sandbox, {"member_id": 2, "act": "report_loss_in_writing"}, {"member_id": 3, "act": "cancel"})

        async def told() -> bool:
            return [await standing(trial, one) for one in (1, 2, 3, 4)] == [
                ("issued", "正常"),
                ("issued", "书面挂失"),
                ("none", None),
                ("issued", "未激活"),
            ]

        await eventually(told)
        assert (await trial.ok("GET", "/cards/1"))["card_number"][-4:] == replaced["numbers"][-1][-4:]

        def delivered() -> bool:
            return not sandbox.summary()["callbacks_pending"]

        await eventually(delivered)
        assert await told()
        assert await trial.column("SELECT why FROM set_aside") == []


async def test_the_nightly_file_says_what_lost_callbacks_would_have(
    trial: Trial, sandbox: Sandbox, card_port: int
) -> None:
    async with trial.dispatching(), trial.serving(card_port):
        await issue(trial, 3)
        sandbox.client.put("/control/behaviour", json={"callback": {"silent_rate": 1.0}}).raise_for_status()
        act(
            sandbox,
            {"member_id": 1, "act": "activate"},
            {"member_id": 1, "act": "report_loss_by_phone"},
            {"member_id": 1, "act": "replace", "keep_number": True},
            {"member_id": 2, "act": "replace", "keep_number": False},
            {"member_id": 2, "act": "cancel"},
            # a card of nobody here
            {"card_number": "6299990000000077777", "act": "activate", "opened_on": "2015-03-01"},
        )
        assert await standing(trial, 1) == ("issued", "未激活")
        files = {"batches": 1, "results": 3, "news": 0, "set_aside": 0}
        assert await fetch(trial, 1) == files | {"lives": 3, "life_news": 2, "lives_set_aside": 1}
        assert [await standing(trial, one) for one in (1, 2, 3)] == [
            ("issued", "正常"),
            ("none", None),
            ("issued", "未激活"),
        ]
        assert (await trial.ok("GET", "/cards/1"))["life"]["keeps_left"] == 7
        log = [one["step"] for one in (await trial.ok("GET", "/cards/2/log"))["items"]]
        assert log[:2] == ["cancelled", "number_changed"]
        # The next night it is known.
        act(sandbox, {"member_id": 3, "act": "activate"})
        again = await fetch(trial, 2)
        assert (again["life_news"], again["lives_set_aside"]) == (1, 1)
        assert await standing(trial, 3) == ("issued", "正常")
        # The whole of 2999 is yet to come: what the clock said is what counts for the next look back.
        assert await trial.column("SELECT day FROM life_files") == [date(2024, 4, 29)]
        assert await trial.column("SELECT count(*) FROM set_aside") == [1]


async def test_a_file_in_many_pages_is_filed_page_by_page(trial: Trial, sandbox: Sandbox, card_port: int) -> None:
    async with trial.dispatching(), trial.serving(card_port):
        await issue(trial, 3)
        sandbox.client.put("/control/behaviour", json={"callback": {"silent_rate": 1.0}}).raise_for_status()
        number = (await trial.column("SELECT number FROM batches"))[0]
        act(sandbox, {"batch_number": number, "act": "activate"})
        for start in range(0, 1200, 600):
            strangers = range(start, start + 600)
            opened = [
                {"card_number": f"62{one:017d}", "act": "activate", "opened_on": "2015-03-01"} for one in strangers
            ]
            act(sandbox, *opened)
        found = await fetch(trial, 1)
        assert (found["lives"], found["life_news"], found["lives_set_aside"]) == (1203, 3, 1200)
        assert {await standing(trial, one) for one in (1, 2, 3)} == {("issued", "正常")}


async def test_a_new_application_after_cancellation_is_no_double_issue(
    trial: Trial, sandbox: Sandbox, card_port: int
) -> None:
    async with trial.dispatching(), trial.serving(card_port):
        await issue(trial, 1)
        act(sandbox, {"member_id": 1, "act": "cancel"})

        async def cancelled() -> bool:
            return await standing(trial, 1) == ("none", None)

        await eventually(cancelled)
        await issue(trial, 1)
        assert await standing(trial, 1) == ("issued", "未激活")
        summary = sandbox.summary()
        assert (summary["cards_issued"], summary["double_issues"]) == (2, 0)
