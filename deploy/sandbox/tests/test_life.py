"""What happens to cards after they were handed out, and what comes of money that is sent to them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from partner_sandbox.bank.life import Account, NotPossible, Wish, after, returned
from partner_sandbox.sandbox import SHANGHAI
from partner_sandbox.trial import Receiver, Trial, batch, eventually
from unioncard import signatures

NUMBER = "cbc101202603011200"
MADE = date(2024, 4, 30)
NOON = datetime(2024, 6, 1, 12, tzinfo=SHANGHAI)
BY_PHONE = after(Account(("1",), MADE), Wish("report_loss_by_phone"), NOON)
ACTIVE = after(Account(("1",), MADE), Wish("activate"), NOON)


@pytest.mark.parametrize(
    ("account", "number", "day", "why"),
    [
        (Account(("1",), MADE), "1", date(2024, 10, 30), None),
        (Account(("1",), MADE), "1", date(2024, 10, 31), "NOT_ACTIVATED"),
        (Account(("1",), date(2016, 9, 30)), "1", date(2024, 10, 31), None),
        (Account(("1",), date(2023, 8, 31)), "1", date(2024, 2, 29), None),
        (Account(("1",), date(2023, 8, 31)), "1", date(2024, 3, 1), "NOT_ACTIVATED"),
        (ACTIVE, "1", date(2034, 1, 1), None),
        (BY_PHONE, "1", date(2024, 6, 8), "CARD_LOST"),
        (BY_PHONE, "1", date(2024, 6, 9), None),
        (after(ACTIVE, Wish("report_loss_in_writing"), NOON), "1", date(2034, 1, 1), "CARD_LOST"),
        (after(ACTIVE, Wish("cancel"), NOON), "1", date(2024, 6, 1), "ACCOUNT_CANCELLED"),
        (after(ACTIVE, Wish("replace", new_number="2"), NOON), "1", date(2024, 6, 1), "NUMBER_CHANGED"),
        (after(ACTIVE, Wish("replace", new_number="2"), NOON), "2", date(2024, 6, 1), None),
        (after(ACTIVE, Wish("replace"), NOON), "1", date(2024, 6, 1), None),
    ],
)
def test_when_money_comes_back(account: Account, number: str, day: date, why: str | None) -> None:
    assert returned(account, number, day) == why


def test_a_number_is_kept_eight_times_and_then_starts_anew() -> None:
    account = ACTIVE
    for turn in range(1, 9):
        account = after(account, Wish("replace"), NOON)
        assert (account.numbers, account.numbers_kept) == (("1",), turn)
    with pytest.raises(NotPossible, match="保留 8 次"):
        after(account, Wish("replace"), NOON)
    account = after(account, Wish("replace", new_number="2"), NOON)
    assert (account.numbers, account.numbers_kept) == (("1", "2"), 0)
    assert after(account, Wish("replace"), NOON).numbers_kept == 1


@pytest.mark.parametrize(
    ("account", "wish"),
    [
        (ACTIVE, Wish("activate")),
        (Account(("1",), MADE), Wish("change_class")),
        (ACTIVE, Wish("find")),
        (BY_PHONE, Wish("activate")),
        (after(BY_PHONE, Wish("report_loss_in_writing"), NOON), Wish("report_loss_by_phone")),
        *((after(ACTIVE, Wish("cancel"), NOON), Wish(act)) for act in ("activate", "find", "replace", "cancel")),
    ],
)
def test_what_the_counter_declines(account: Account, wish: Wish) -> None:
    with pytest.raises(NotPossible):
        after(account, wish, NOON)


def test_who_has_another_class_one_account_keeps_class_two() -> None:
    opened = Account(("1",), MADE)
    assert after(opened, Wish("activate"), NOON).account_class == 1
    second = after(opened, Wish("activate", account_class=2), NOON)
    assert second.account_class == 2
    assert after(second, Wish("change_class"), NOON).account_class == 1


def act(sandbox: Trial, *acts: dict[str, Any]) -> httpx.Response:
    return sandbox.client.post("/control/cards", json={"acts": list(acts)})


def acted(sandbox: Trial, *acts: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = act(sandbox, *acts).raise_for_status().json()
    return found


def cards(sandbox: Trial, receiver: Receiver, members: int = 3) -> list[str]:
    """The numbers of members 1, 2 …, once the bank has told them."""
    body = batch(NUMBER, members)
    sandbox.client.post("/bank/batches", json=body, headers={"Idempotency-Key": NUMBER}).raise_for_status()
    eventually(lambda: receiver.callbacks, "the answer")
    results = receiver.callbacks[0].json()["results"]
    receiver.callbacks.clear()
    return [one["card_number"] for one in results]


def notices(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(receiver.callbacks) >= count, f"{count} notices")
    assert {one.path for one in receiver.callbacks} == {"/partners/bank/card-lives"}
    return [one.json() for one in receiver.callbacks]


def test_every_act_is_told_by_a_signed_callback(sandbox: Trial, receiver: Receiver) -> None:
    first, *_ = cards(sandbox, receiver)
    (now,) = acted(sandbox, {"member_id": 1, "act": "activate"})
    (notice,) = notices(receiver, 1)
    (callback,) = receiver.callbacks
    signatures.check(sandbox.secret, callback.headers["x-signature"], callback.body, datetime.now(UTC))
    assert notice["lives"] == [now]
    assert (now["numbers"], now["sequence"], now["state"], now["account_class"]) == ([first], 1, "open", 1)
    (now,) = acted(sandbox, {"card_number": first, "act": "replace", "keep_number": False})
    assert (now["numbers"][0], len(now["numbers"]), now["sequence"]) == (first, 2, 2)
    assert len(now["numbers"][1]) == 19
    # The old number still finds the account.
    (now,) = acted(sandbox, {"card_number": first, "act": "cancel"})
    assert (now["state"], now["sequence"]) == ("cancelled", 3)
    sequences = sorted(one["lives"][0]["sequence"] for one in notices(receiver, 3))
    assert sequences == [1, 2, 3]
    assert len({one["notice_id"] for one in notices(receiver, 3)}) == 3


def test_a_whole_batch_takes_one_callback(sandbox: Trial, receiver: Receiver) -> None:
    numbers = cards(sandbox, receiver, 1000)
    assert len(acted(sandbox, {"batch_number": NUMBER, "act": "activate"})) == 1000
    (notice,) = notices(receiver, 1)
    assert sorted(one["numbers"][0] for one in notice["lives"]) == sorted(numbers)


def test_callbacks_are_lost_and_doubled_as_set(sandbox: Trial, receiver: Receiver) -> None:
    cards(sandbox, receiver)
    sandbox.client.put("/control/behaviour", json={"callback": {"silent_rate": 1}}).raise_for_status()
    acted(sandbox, {"member_id": 1, "act": "activate"})
    assert sandbox.summary()["callbacks_pending"] == 0
    sandbox.client.put("/control/behaviour", json={"callback": {"silent_rate": 0, "duplicate_rate": 1}})
    acted(sandbox, {"member_id": 2, "act": "activate"})
    first, second = notices(receiver, 2)
    assert first == second
    # The file has what was never told.
    lives = sandbox.client.get("/bank/lives").raise_for_status().json()["lives"]
    assert len(lives) == 2


def test_all_acts_or_none(sandbox: Trial, receiver: Receiver) -> None:
    cards(sandbox, receiver)
    refused = act(sandbox, {"member_id": 1, "act": "activate"}, {"member_id": 2, "act": "find"})
    assert (refused.status_code, refused.json()["title"]) == (409, "账户当前状态不能办理此项业务")
    assert act(sandbox, {"member_id": 1, "act": "activate"}, {"member_id": 99, "act": "cancel"}).status_code == 404
    assert act(sandbox, {"card_number": "6299990000000000001", "act": "cancel"}).status_code == 404
    assert act(sandbox, {"card_number": "9999999999999999999", "act": "cancel"}).status_code == 404
    assert act(sandbox, {"member_id": 1, "batch_number": NUMBER, "act": "cancel"}).status_code == 400
    assert act(sandbox, {"act": "cancel"}).status_code == 400
    assert act(sandbox).status_code == 400
    assert sandbox.client.get("/bank/lives").json()["lives"] == []
    assert receiver.callbacks == []


def test_the_life_file_page_by_page_and_by_the_day(sandbox: Trial, receiver: Receiver) -> None:
    cards(sandbox, receiver)
    acted(sandbox, *({"member_id": one, "act": "activate"} for one in (1, 2, 3)))
    acted(sandbox, {"member_id": 1, "act": "replace", "keep_number": False})
    found, cursor = [], None
    for _ in range(2):
        page = sandbox.client.get("/bank/lives", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += page["lives"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert [(len(one["numbers"]), one["sequence"]) for one in found] == [(2, 2), (1, 1), (1, 1)]
    assert sandbox.summary()["card_accounts"] == {"open": 3}
    today = found[0]["changed_at"][:10]
    tomorrow = (date.fromisoformat(today) + timedelta(days=1)).isoformat()

    def entries(**params: str) -> int:
        return len(sandbox.client.get("/bank/lives", params=params).raise_for_status().json()["lives"])

    assert entries(date=today) == 3
    assert entries(date="2020-01-01") == 0
    assert entries(date=today, since=today) == 3
    assert entries(since=tomorrow) == 0
    sandbox.kill()
    sandbox.start()
    assert entries() == 3


def paid(sandbox: Trial, receiver: Receiver, *numbers: str, fen: int = 1_000_000, exempt: bool = True) -> list[str]:
    """``paid``, or why the money came back, by number in their order."""
    receiver.callbacks.clear()
    listed = [
        {
            "payout_number": f"FK202603010001-{place}",
            "kind": "card",
            "account_number": number,
            "holder_name": "王芳",
            "amount_fen": fen,
            "limits_exempt": exempt,
            "purpose": "会员专享基本保障给付",
        }
        for place, number in enumerate(numbers)
    ]
    total = fen * len(listed)
    body = {"batch_number": "FK202603010001", "count": len(listed), "total_fen": total, "payouts": listed}
    raw = orjson.dumps(body)
    headers = {
        "Idempotency-Key": "FK202603010001",
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(sandbox.secret, raw, datetime.now(UTC)),
    }
    sandbox.client.post("/bank/payouts", content=raw, headers=headers).raise_for_status()
    eventually(lambda: receiver.callbacks, "the answer to the payouts")
    results = {one["payout_number"]: one for one in receiver.callbacks[0].json()["results"]}
    outcomes = (results[one["payout_number"]] for one in listed)
    return [one["reason_code"] if one["status"] == "returned" else "paid" for one in outcomes]


def test_money_heeds_what_happened_to_the_card(sandbox: Trial, receiver: Receiver) -> None:
    first, second, third, fourth = cards(sandbox, receiver, 4)
    dormant, former, older = ("6299990000000055551", "6299990000000055552", "6299990000000055553")
    acted(
        sandbox,
        {"member_id": 1, "act": "replace", "keep_number": False},
        {"member_id": 2, "act": "cancel"},
        {"member_id": 3, "act": "report_loss_by_phone"},
        # opened long ago: reported lost and found, but never activated
        *({"card_number": dormant, "act": one, "opened_on": "2017-03-01"} for one in ("report_loss_by_phone", "find")),
        {"card_number": former, "act": "activate", "opened_on": "2017-03-01"},
        *({"card_number": older, "act": one, "opened_on": "2016-09-30"} for one in ("report_loss_by_phone", "find")),
    )
    replaced = acted(sandbox, {"member_id": 1, "act": "activate"})[0]["numbers"][-1]
    eventually(lambda: not sandbox.summary()["callbacks_pending"], "the notices to be delivered")
    # The last is no card of this bank: whoever has it, nothing is known against it.
    of_batch = (first, replaced, second, third, fourth)
    assert paid(sandbox, receiver, *of_batch, dormant, former, older, "31602303002745697") == [
        "NUMBER_CHANGED",
        "paid",
        "ACCOUNT_CANCELLED",
        "CARD_LOST",
        "paid",
        "NOT_ACTIVATED",
        "paid",
        "paid",
        "paid",
    ]


@pytest.mark.parametrize(
    ("fen", "exempt", "outcome"),
    [
        # 10,000 yuan come into a class II account, and not a fen more unless the payer is exempt (G19 Q91, Q93)
        (1_000_000, False, ["paid", "paid", "paid", "paid"]),
        (1_000_001, False, ["paid", "OVER_LIMIT", "OVER_LIMIT", "paid"]),
        (3_000_000, True, ["paid", "paid", "paid", "paid"]),
    ],
)
def test_class_two_takes_more_only_from_who_is_exempt(
    sandbox: Trial, receiver: Receiver, fen: int, exempt: bool, outcome: list[str]
) -> None:
    first, second, third = cards(sandbox, receiver)
    acted(
        sandbox,
        {"member_id": 1, "act": "activate"},
        {"member_id": 2, "act": "activate", "account_class": 2},
    )
    eventually(lambda: not sandbox.summary()["callbacks_pending"], "the notice to be delivered")
    assert paid(sandbox, receiver, first, second, third, "31602303002745697", fen=fen, exempt=exempt) == outcome


def test_a_new_card_after_cancellation_is_no_second_live_one(sandbox: Trial, receiver: Receiver) -> None:
    cards(sandbox, receiver, 1)
    acted(sandbox, {"member_id": 1, "act": "cancel"})
    again = batch("cbc101202603011201", 1)
    sandbox.client.post("/bank/batches", json=again, headers={"Idempotency-Key": again["batch_number"]})
    eventually(lambda: sandbox.summary()["cards_issued"] == 2, "the second card")
    assert sandbox.summary()["double_issues"] == 0
    # What a customer does now is done with the new card.
    (now,) = acted(sandbox, {"member_id": 1, "act": "activate"})
    assert (now["sequence"], now["state"]) == (1, "open")
