"""The bank's word on the life of cards: repeated, out of order, for nobody; new numbers, cancellation, a new card."""

import asyncio
import random
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from card_svc.bank.models import Answer
from card_svc.bank.store import file_answers
from card_svc.cardlife.models import Life
from card_svc.cardlife.store import file_lives
from card_svc_testing import Trial, answer, card_number, issued, member, submission
from card_svc_testing.lives import NEW, activated, file, life, post, tell, with_cards
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import FEDERATION, SIBLING, UNION


async def shown(trial: Trial, member_id: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = await trial.ok("GET", f"/cards/{member_id}")
    return found


async def steps(trial: Trial, member_id: int = 1) -> list[str]:
    """What happened after the card was made, the oldest first."""
    log = [entry["step"] for entry in (await trial.ok("GET", f"/cards/{member_id}/log"))["items"]][::-1]
    return log[log.index("issued") + 1 :]


async def told(trial: Trial) -> list[tuple[Any, ...]]:
    """The card states that were told, in their order."""
    names = ("member_id", "version", "state", "numbered_on", "number_end")
    events = await trial.sent("card.cards.changed.v1")
    return [tuple(card[name] for name in names) for event in events for card in event.data["cards"]]


async def test_a_card_of_which_nothing_was_told(trial: Trial) -> None:
    await with_cards(trial)
    found = (await shown(trial))["life"]
    assert (found["label"], found["account_class"], found["payable"]) == ("未激活", 2, True)
    assert (found["activate_by"], found["keeps_left"]) == ("2024-10-30", 8)
    assert found["limits"] == {"each_fen": 1_000_000, "a_day_fen": None, "a_year_fen": 20_000_000}
    trial.clock.at = datetime.fromisoformat("2024-10-30T23:59:59+08:00")
    assert (await shown(trial))["life"]["payable"] is True
    trial.clock.at = datetime.fromisoformat("2024-10-31T00:00:00+08:00")
    found = (await shown(trial))["life"]
    assert (found["payable"], found["unpayable"], found["label"]) == (False, "not_activated", "逾期未激活")
    assert "激活" in found["remedy"]


async def test_who_has_no_card_has_no_life(trial: Trial) -> None:
    await trial.listed(1)
    assert (await shown(trial))["life"] is None


async def test_activation_told_twice_counts_once(trial: Trial) -> None:
    await with_cards(trial)
    assert await tell(trial, activated(1)) == (1, 0, 0)
    assert await tell(trial, activated(1)) == (0, 1, 0)
    assert await tell(trial, activated(1), activated(1)) == (0, 2, 0)
    found = (await shown(trial))["life"]
    assert (found["label"], found["account_class"], found["activated_on"]) == ("正常", 1, "2024-05-10")
    assert (found["limits"], found["activate_by"]) == (None, None)
    assert await steps(trial) == ["activated"]
    # No state of issuing changed, so nobody is told.
    assert await told(trial) == []


async def test_two_notices_at_once_count_once(trial: Trial) -> None:
    await with_cards(trial, 3)
    lives = [activated(one) for one in (1, 2, 3)]
    filed = await asyncio.gather(*(tell(trial, *lives) for _ in range(4)))
    assert sorted(filed) == [(0, 3, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]


# What happens to one account, one after the other: activated, lost by phone, replaced by another number, kept twice.
_NUMBERS = [card_number(1), NEW]
HISTORY = [
    activated(1, 1),
    activated(1, 2, state="lost_by_phone", lost_at="2024-06-01T09:00:00+08:00"),
    activated(_NUMBERS, 3),
    activated(_NUMBERS, 4, numbers_kept=1),
    activated(_NUMBERS, 5, numbers_kept=2),
    activated(_NUMBERS, 6, numbers_kept=2, state="lost_in_writing", lost_at="2024-07-01T09:00:00+08:00"),
]


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_any_repetition_ends_the_same(trial: Trial, seed: int) -> None:
    await with_cards(trial)
    mixed = HISTORY * 2
    random.Random(seed).shuffle(mixed)
    cuts = [mixed[:3], mixed[3:7], mixed[7:]]
    news = 0
    for lives in cuts:
        told_now = await tell(trial, *lives)
        assert sum(told_now) == len(lives)
        assert told_now[2] == 0
        news += told_now[0]
    assert 1 <= news <= len(HISTORY)
    found = await shown(trial)
    assert found["card_number"] == "6299****9999"
    life_now = found["life"]
    assert (life_now["state"], life_now["lost_on"], life_now["unpayable"]) == ("lost_in_writing", "2024-07-01", "lost")
    assert (life_now["account_class"], life_now["numbers_kept"], life_now["keeps_left"]) == (1, 2, 6)
    # However many notices it took, the new number was told, and last.
    assert (await told(trial))[-1] == (1, 4, "issued", "2024-04-30", "9999")
    assert (await steps(trial))[-1] == "lost_in_writing"
    assert await trial.column("SELECT count(*) FROM card_numbers") == [2]


async def test_in_order_every_step_is_logged(trial: Trial) -> None:
    await with_cards(trial)
    for one in HISTORY:
        assert await tell(trial, one) == (1, 0, 0)
    expected = ["activated", "lost_by_phone", "number_changed", "number_kept", "number_kept", "lost_in_writing"]
    assert await steps(trial) == expected
    newest = (await trial.ok("GET", "/cards/1/log"))["items"]
    assert newest[2]["reason"] == "保留卡号第 1 次，最多 8 次"
    assert newest[3]["reason"] == "原卡号尾号 0001，新卡号尾号 9999"
    assert {entry["actor"] for entry in newest[:6]} == {"partner:bank"}


async def test_a_new_number_leaves_the_day_and_the_old_answer_alone(trial: Trial) -> None:
    number = await with_cards(trial)
    assert await tell(trial, activated([card_number(1), NEW], 2)) == (1, 0, 0)
    assert await told(trial) == [(1, 4, "issued", "2024-04-30", "9999")]
    # The nightly state file goes on naming the number that the batch was answered with.
    async with trial.context.work.begin("partner:bank") as tx:
        again = Answer.model_validate(answer(number, [issued(1)]))
        assert (await file_answers(tx, trial.personal, [again])).repeats == 1
    assert (await shown(trial))["card_number"] == "6299****9999"
    # The next number follows from there.
    third = "6299990000000088888"
    assert await tell(trial, activated([card_number(1), NEW, third], 3)) == (1, 0, 0)
    assert (await told(trial))[-1] == (1, 5, "issued", "2024-04-30", "8888")
    summary = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION, organisation=FEDERATION)
    assert (summary["card_numbers"], summary["cards_astray"], summary["lives_astray"]) == (1, 0, 0)
    assert summary["counts"]["card_lives"] == {"open": 1}


@pytest.mark.parametrize(
    ("lost_at", "last_day", "next_day"),
    [
        ("2024-06-01T23:59:00+08:00", "2024-06-08", "2024-06-09"),
        # the day in Shanghai counts: this is 2 June there
        ("2024-06-01T16:30:00Z", "2024-06-09", "2024-06-10"),
    ],
)
async def test_a_loss_by_phone_ends_with_its_seventh_day(
    trial: Trial, lost_at: str, last_day: str, next_day: str
) -> None:
    await with_cards(trial)
    await tell(trial, activated(1, 2, state="lost_by_phone", lost_at=lost_at))
    trial.clock.at = datetime.fromisoformat(f"{last_day}T23:59:59+08:00")
    found = (await shown(trial))["life"]
    assert (found["unpayable"], found["lost_until"], found["label"]) == ("lost", last_day, "口头挂失")
    trial.clock.at = datetime.fromisoformat(f"{next_day}T00:00:00+08:00")
    found = (await shown(trial))["life"]
    assert (found["payable"], found["label"]) == (True, "口头挂失已过期")


async def test_cancelled_a_member_can_apply_again(trial: Trial) -> None:
    await with_cards(trial)
    await tell(trial, activated(1))
    assert await tell(trial, activated(1, 2, state="cancelled")) == (1, 0, 0)
    assert await told(trial) == [(1, 4, "none", None, None)]
    found = await shown(trial)
    assert (found["state"], found["card_number"], found["issued_at"], found["life"]) == ("none", None, None, None)
    assert (await steps(trial))[-1] == "cancelled"
    # A new application through the union (G19 Q99), and a card with another number.
    assert (await trial.ok("POST", "/todo", {"member_ids": [1]}))["added"] == 1
    await trial.run("UPDATE todo SET check_state = 'passed'")
    trial.clock.at = datetime.fromisoformat("2024-07-01T09:00:00+08:00")
    number = (await trial.ok("POST", "/batches", submission()))["batches"][0]["number"]
    await file(trial, answer(number, [issued(1, card_number=NEW, issued_at="2024-07-02T10:00:00+08:00")]))
    # What is still said of the old account changes nothing of the new card.
    assert await tell(trial, activated(1, 2, state="cancelled"), activated(1, 1)) == (0, 2, 0)
    assert await tell(trial, activated(1, 3, state="cancelled", changed_at="2024-07-03T10:00:00+08:00")) == (1, 0, 0)
    found = await shown(trial)
    assert (found["state"], found["card_number"]) == ("issued", "6299****9999")
    assert (found["life"]["label"], found["life"]["activate_by"]) == ("未激活", "2025-01-02")
    assert await tell(trial, life([NEW], 1, activated_on="2024-07-05")) == (1, 0, 0)
    assert (await shown(trial))["life"]["label"] == "正常"
    assert await trial.column("SELECT state FROM card_lives ORDER BY state") == ["cancelled", "open"]
    summary = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION, organisation=FEDERATION)
    assert (summary["card_numbers"], summary["cards_astray"], summary["lives_astray"]) == (2, 0, 0)


async def test_what_fits_no_card_is_set_aside_once(trial: Trial) -> None:
    await with_cards(trial, 2)
    await tell(trial, activated(2, 1), activated(2, 2, state="cancelled"))
    strangers = [
        life([NEW]),
        life([card_number(1), card_number(2)]),
        life(2, 3),
    ]
    assert await tell(trial, *strangers) == (0, 0, 3)
    assert await tell(trial, *strangers) == (0, 0, 3)
    rows = (await trial.ok("GET", "/reconciliation/set-aside", role=Role.FEDERATION, organisation=FEDERATION))["items"]
    assert sorted(row["why"] for row in rows) == ["reopened", "two_accounts", "unknown_number"]
    assert {row["label"] for row in rows} >= {"用卡状态：没有这个卡号"}
    assert (await shown(trial))["life"]["label"] == "未激活"


async def test_a_number_that_somebody_had_is_nobody_elses(trial: Trial) -> None:
    await with_cards(trial)
    await tell(trial, activated([card_number(1), NEW]))
    number = await trial.submitted(1, first=2)
    async with trial.context.work.begin("partner:bank") as tx:
        said = Answer.model_validate(answer(number, [issued(2, card_number=card_number(1))]))
        assert (await file_answers(tx, trial.personal, [said])).set_aside == 1
    assert await trial.column("SELECT why FROM set_aside") == ["number_taken"]


async def test_what_came_before_the_number_is_said_again_and_settled(trial: Trial) -> None:
    number = await trial.submitted(1)
    assert await tell(trial, activated(1)) == (0, 0, 1)
    await file(trial, answer(number, [issued(1)]))
    assert await tell(trial, activated(1)) == (1, 0, 0)
    assert await trial.column("SELECT why FROM set_aside") == []
    assert (await shown(trial))["life"]["label"] == "正常"


async def test_a_card_of_the_previous_system_replaced_before_we_heard(trial: Trial) -> None:
    """We hold its second number; the bank names all three."""
    await with_cards(trial)
    await trial.run("UPDATE cards SET batch_number = NULL")
    numbers = ["6299990000000011111", card_number(1), NEW]
    assert await tell(trial, activated(numbers, 7)) == (1, 0, 0)
    assert (await told(trial))[-1][-1] == "9999"
    assert await tell(trial, activated(numbers[:2], 6)) == (0, 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": []},
        {"numbers": ["12"]},
        {"sequence": 0},
        {"state": "lost_by_phone"},
        {"lost_at": "2024-06-01T09:00:00+08:00"},
        {"state": "asleep"},
        {"account_class": 3},
        {"activated_on": "9999-12-31"},
        {"changed_at": "2024-06-01T09:00:00"},
        {"numbers_kept": -1},
    ],
)
async def test_what_cannot_be_read_changes_nothing(trial: Trial, wrong: dict[str, Any]) -> None:
    await with_cards(trial, 2)
    response = await post(trial, {"notice_id": "n", "lives": [activated(1), activated(2) | wrong]})
    assert response.status_code == 422
    assert response.json()["fields"][0]["field"].startswith("lives.1")
    assert card_number(2) not in response.text
    assert await trial.column("SELECT 1 FROM card_lives") == []


async def test_only_the_bank_can_tell(trial: Trial) -> None:
    await with_cards(trial)
    body = {"notice_id": "n", "lives": [activated(1)]}
    assert (await post(trial, body, secret="x" * 32)).status_code == 401
    assert (await trial.client.post("/partners/bank/card-lives", json=body)).status_code == 401
    assert await trial.column("SELECT 1 FROM card_lives") == []


async def test_statements_do_not_grow_with_the_accounts(trial: Trial) -> None:
    await with_cards(trial, 300)
    seen = []
    for first, count in ((1, 2), (3, 298)):
        ids = range(first, first + count)
        changed = [activated([card_number(one), f"629998{one:013d}"], 2) for one in ids]
        strangers = [life([f"629997{one:013d}"]) for one in ids]
        lives = [Life.model_validate(one) for one in changed + strangers]
        with statements(trial.context.engine) as sent:
            async with trial.context.work.begin("partner:bank") as tx:
                filed = await file_lives(tx, trial.personal, "n", lives)
        assert (filed.news, filed.set_aside) == (count, count)
        seen.append(len(sent))
    assert seen[0] == seen[1]
    assert len(await told(trial)) == 300


async def test_a_card_that_somebody_shows(trial: Trial) -> None:
    await with_cards(trial, 2)
    await trial.tell_members(member(3), member(4, union_id=None, state="without_union"))
    await tell(trial, activated(2, 1, state="lost_in_writing", lost_at="2024-04-29T09:00:00+08:00"))

    async def ask(number: str, role: Role = Role.BANK, organisation: int | None = FEDERATION) -> tuple[bool, Any]:
        found = await trial.ok("POST", "/cards/validity", {"number": number}, role=role, organisation=organisation)
        assert set(found) == {"valid", "reason", "label"}
        return found["valid"], found["reason"]

    assert await ask("3630000001") == (True, None)
    # also by another union, whose facilities honour it
    assert await ask("3630000001", Role.UNION, SIBLING) == (True, None)
    assert await ask("3630000002") == (False, "lost")
    assert await ask("3630000003") == (False, "no_card")
    assert await ask("3630000004") == (False, "not_a_member")
    assert await ask("9999999999") == (False, "not_a_member")
    assert (await trial.call("POST", "/cards/validity", {"number": "12"}, role=Role.BANK)).status_code == 422
    mine = await trial.call(
        "POST", "/cards/validity", {"number": "3630000001"}, role=Role.MEMBER, organisation=UNION, member_id=1
    )
    assert mine.status_code == 403


async def test_lists_and_export_show_the_life(trial: Trial) -> None:
    await with_cards(trial, 3)
    await tell(trial, activated(1), activated(2, 1, state="lost_by_phone", lost_at="2024-04-29T09:00:00+08:00"))

    async def ids(**params: Any) -> list[int]:
        return [one["member_id"] for one in (await trial.ok("GET", "/cards", params=params))["items"]]

    assert await ids(activated=True) == [1, 2]
    page = await trial.ok("GET", "/cards", params={"activated": False})
    assert ([one["member_id"] for one in page["items"]], page["total"]) == ([3], 1)
    mine = await trial.ok("GET", "/cards/mine", role=Role.MEMBER, organisation=UNION, member_id=2)
    assert (mine["life"]["label"], mine["life"]["lost_until"]) == ("口头挂失", "2024-05-06")
    response = await trial.call("GET", "/cards/export.xlsx")
    rows = list(load_workbook(BytesIO(response.content)).active.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert rows[0][-2:] == ("激活日期", "卡片状态")
    assert [row[-2:] for row in rows[1:]] == [("2024-05-10", "正常"), ("2024-05-10", "口头挂失"), (None, "未激活")]
