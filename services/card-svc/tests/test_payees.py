"""Whose cards money can reach: the command's answer, and the event that only claims-svc can read."""

from datetime import date
from typing import Any

from card_svc_testing import Trial, card_number, member
from card_svc_testing.lives import NEW, activated, tell, with_cards
from unioncard.contracts.payees import CheckPayees
from unioncard.keys import load_keys
from unioncard.messaging.envelope import Envelope
from unioncard_testing import envelope_of, statements

DAY = date(2024, 6, 10)


def ask(*members: int, on: date = DAY, batch: str = "FK202406100001", chunk: int = 0) -> CheckPayees:
    """Can money reach these members on that day?"""
    return CheckPayees(batch_number=batch, chunk=chunk, on=on, member_ids=list(members))


async def check(trial: Trial, *members: int, on: date = DAY, key: str = "payees") -> tuple[dict[str, Any], Any]:
    """The command's result, and the newest event's data."""
    reply = await trial.command(ask(*members, on=on), f"{key}/{on}")
    assert reply["type"] == "command.succeeded.v1"
    return reply["data"]["result"], (await trial.sent("card.payees.told.v1"))[-1].data


def opened(trial: Trial, event: dict[str, Any]) -> dict[int, str]:
    """The card numbers by member, as claims-svc opens them."""
    seal = load_keys(trial.folder / "keys" / "claims-svc.json").transport_opener().open(event["seal"])
    told = {one["member_id"]: one["card_number"] for one in event["payees"] if one["card_number"]}
    return {member_id: seal.decrypt("card_number", member_id, number) for member_id, number in told.items()}


async def test_each_reason_and_the_number_of_the_day(trial: Trial) -> None:
    await with_cards(trial, 5)
    await trial.tell_members(member(6))
    await tell(
        trial,
        activated([card_number(1), NEW]),
        # class II for who has another class I account
        activated(2) | {"account_class": 2},
        activated(3, state="lost_in_writing", lost_at="2024-06-01T09:00:00+08:00"),
        activated(4, state="cancelled"),
    )
    result, event = await check(trial, 1, 2, 3, 4, 5, 6, 777, 1)
    assert result == {"payable": 3, "unpayable": 4}
    assert (event["batch_number"], event["chunk"], event["on"]) == ("FK202406100001", 0, "2024-06-10")
    assert [(one["member_id"], one["reason"], one["number_end"], one["limits_exempt"]) for one in event["payees"]] == [
        (1, None, "9999", False),
        (2, None, "0002", True),
        (3, "lost", None, False),
        (4, "cancelled", None, False),
        # not activated, but within its six months
        (5, None, "0005", True),
        (6, "no_card", None, False),
        (777, "no_card", None, False),
    ]
    assert opened(trial, event) == {1: NEW, 2: card_number(2), 5: card_number(5)}
    assert list(event["seal"]) == ["claims-svc"]
    _, event = await check(trial, 5, on=date(2024, 10, 30))
    assert event["payees"][0]["reason"] is None
    _, event = await check(trial, 5, on=date(2024, 10, 31))
    assert event["payees"][0]["reason"] == "not_activated"


async def test_no_number_is_in_reply_or_event_in_plain(trial: Trial) -> None:
    await with_cards(trial, 2)
    await trial.command(ask(1, 2), "payees")
    for envelope in await trial.sent():
        body = envelope.encode()
        assert card_number(1).encode() not in body
        assert card_number(2).encode() not in body


async def test_asked_twice_it_is_told_once(trial: Trial) -> None:
    await with_cards(trial)
    first = await trial.command(ask(1), "payees")
    await tell(trial, activated(1, state="cancelled"))
    assert await trial.command(ask(1), "payees") == first
    assert len(await trial.sent("card.payees.told.v1")) == 1


async def test_many_questions_at_once_take_one_look(trial: Trial) -> None:
    await with_cards(trial, 30)

    def questions(first: int, count: int) -> list[Envelope]:
        return [
            envelope_of(ask(*range(1, 31), chunk=chunk), idempotencykey=f"payees/{chunk}", replyto="home")
            for chunk in range(first, first + count)
        ]

    seen = []
    for first, count in ((0, 1), (1, 20)):
        with statements(trial.context.engine) as sent:
            await trial.tell(*questions(first, count))
        seen.append(len(sent))
    assert seen[0] == seen[1]
    events = await trial.sent("card.payees.told.v1")
    assert sorted(event.data["chunk"] for event in events) == list(range(21))
    # A fresh key each: nothing told to one batch opens another's.
    assert len({event.data["seal"]["claims-svc"] for event in events}) == 21


async def test_a_thousand_fit_into_one_event(trial: Trial) -> None:
    await with_cards(trial, 1000)
    result, event = await check(trial, *range(1, 1001))
    assert result == {"payable": 1000, "unpayable": 0}
    assert len(opened(trial, event)) == 1000


async def test_a_card_of_the_previous_system_is_not_held_dormant_by_silence(trial: Trial) -> None:
    await with_cards(trial)
    await trial.run("UPDATE cards SET batch_number = NULL, issued_at = '2018-05-30'")
    _, event = await check(trial, 1)
    assert event["payees"][0]["reason"] is None
    # Once the bank has told of it, what it did not tell did not happen.
    await tell(trial, activated(1) | {"activated_on": None, "account_class": 2})
    _, event = await check(trial, 1, key="again")
    assert event["payees"][0]["reason"] == "not_activated"
