"""The bank pays: control totals and signatures, once by number, money that comes back, answers by callback and file."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from partner_sandbox.trial import Receiver, Trial, eventually
from unioncard import signatures

NUMBER = "FK202003100001"


def payouts(number: str = NUMBER, size: int = 3, **changed: Any) -> dict[str, Any]:
    """A well-formed batch: 1.00, 2.00, 3.00 … yuan."""
    listed: list[dict[str, Any]] = [
        {
            "payout_number": f"{number}-{place:04d}",
            "kind": "card",
            "account_number": f"6299990000000000{place:03d}",
            "holder_name": "王芳",
            "amount_fen": 100 * place,
            "limits_exempt": True,
            "purpose": "会员专享基本保障给付",
        }
        for place in range(1, size + 1)
    ]
    total = sum(one["amount_fen"] for one in listed)
    return {"batch_number": number, "count": size, "total_fen": total, "payouts": listed} | changed


def submit(
    sandbox: Trial, body: dict[str, Any], behaviour: dict[str, Any] | None = None, **more: Any
) -> httpx.Response:
    raw = orjson.dumps(body)
    headers = {
        "Idempotency-Key": body["batch_number"],
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(more.get("secret", sandbox.secret), raw, datetime.now(UTC)),
    }
    if behaviour is not None:
        headers["X-Sandbox-Behaviour"] = json.dumps(behaviour)
    return sandbox.client.post("/bank/payouts", content=raw, headers=headers, timeout=more.get("patience_s", 30))


def settled(sandbox: Trial) -> dict[str, Any]:
    """The counts of payouts, once everything is answered and delivered."""

    def look() -> dict[str, Any] | None:
        counts = sandbox.summary()
        rest = counts["payouts"]["answers_pending"] or counts["callbacks_pending"]
        return None if rest else counts["payouts"]

    return eventually(look, "all answers to be delivered")


def told(receiver: Receiver) -> dict[str, str]:
    """Each payout's outcome as the callbacks told it."""
    assert {one.path for one in receiver.callbacks} <= {"/partners/bank/payout-answers"}
    results = [one for callback in receiver.callbacks for one in callback.json()["results"]]
    return {one["payout_number"]: one.get("reason_code") or one["status"] for one in results}


def test_a_batch_is_paid_and_told_by_a_signed_callback(sandbox: Trial, receiver: Receiver) -> None:
    answer = submit(sandbox, payouts())
    assert answer.status_code == 202
    accepted = answer.json()
    assert (accepted["batch_number"], accepted["count"], accepted["total_fen"]) == (NUMBER, 3, 600)
    counts = settled(sandbox)
    assert (counts["payouts_paid"], counts["paid_fen"], counts["payouts_returned"]) == (3, 600, 0)
    (callback,) = receiver.callbacks
    signatures.check(sandbox.secret, callback.headers["x-signature"], callback.body, datetime.now(UTC))
    assert told(receiver) == {f"{NUMBER}-000{place}": "paid" for place in (1, 2, 3)}
    assert callback.json()["results"][1]["amount_fen"] == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"total_fen": 599}, "control-totals"),
        ({"count": 2}, "control-totals"),
        ({"payouts": []}, "malformed"),
        ({"payouts": payouts()["payouts"][:1] * 2}, "malformed"),
    ],
)
def test_a_batch_that_does_not_add_up_changes_nothing(sandbox: Trial, changed: dict[str, Any], code: str) -> None:
    answer = submit(sandbox, payouts(**changed))
    assert (answer.status_code, answer.json()["type"]) == (400, f"urn:partner-sandbox:problem:{code}")
    assert sandbox.summary()["payouts"]["batches_received"] == 0


def test_an_unsigned_batch_is_not_believed(sandbox: Trial) -> None:
    assert submit(sandbox, payouts(), secret="x" * 40).status_code == 401
    assert sandbox.client.post("/bank/payouts", json=payouts()).status_code == 401
    assert sandbox.summary()["payouts"]["batches_received"] == 0


def test_twice_is_paid_once_and_other_content_is_a_conflict(sandbox: Trial, receiver: Receiver) -> None:
    first = submit(sandbox, payouts())
    settled(sandbox)
    again = submit(sandbox, dict(reversed(payouts().items())))
    assert (again.status_code, again.content) == (202, first.content)
    assert submit(sandbox, payouts(size=2)).status_code == 409
    # A payout that came in another batch is never made again.
    other = payouts("FK202003100002", 1)
    other["payouts"][0]["payout_number"] = f"{NUMBER}-0001"
    assert submit(sandbox, other).status_code == 409
    counts = settled(sandbox)
    assert (counts["batches_received"], counts["repeats"], counts["conflicting_repeats"]) == (1, 1, 1)
    assert (counts["payouts_again"], counts["payouts_received"], counts["paid_fen"]) == (1, 3, 600)
    assert len(receiver.callbacks) == 1


def test_money_that_cannot_arrive_comes_back(sandbox: Trial, receiver: Receiver) -> None:
    first, second = (one["account_number"] for one in payouts()["payouts"][:2])
    control = {"refused": {first: "NUMBER_CHANGED", second: "NOT_ACTIVATED"}}
    assert sandbox.client.post("/control/accounts", json=control).json() == {"accounts": 2}
    submit(sandbox, payouts())
    counts = settled(sandbox)
    assert (counts["payouts_paid"], counts["paid_fen"], counts["returned_fen"]) == (1, 300, 300)
    assert list(told(receiver).values()) == ["NUMBER_CHANGED", "NOT_ACTIVATED", "paid"]
    # Put right: from now on it arrives.
    sandbox.client.post("/control/accounts", json={"refused": {first: None}})
    submit(sandbox, payouts("FK202003110001", 1))
    assert settled(sandbox)["paid_fen"] == 400


def test_money_that_had_arrived_comes_back(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, payouts())
    settled(sandbox)
    back = {"payout_number": f"{NUMBER}-0002", "reason_code": "ACCOUNT_CANCELLED"}
    assert sandbox.client.post("/control/payout-returns", json=back).status_code == 204
    assert sandbox.client.post("/control/payout-returns", json=back).status_code == 404
    assert settled(sandbox)["returned_fen"] == 200
    assert len({one.json()["answer_id"] for one in receiver.callbacks}) == 2
    assert told(receiver)[f"{NUMBER}-0002"] == "ACCOUNT_CANCELLED"
    entries = sandbox.client.get("/bank/payouts/file").json()["batches"]
    assert [len(one["results"]) for one in entries] == [3, 1]


def test_unforeseen_returns_at_a_rate(sandbox: Trial) -> None:
    submit(sandbox, payouts(size=400), {"bank": {"return_rate": 0.25}})
    counts = settled(sandbox)
    assert 60 < counts["payouts_returned"] < 140
    assert counts["paid_fen"] + counts["returned_fen"] == 100 * 400 * 401 // 2


def test_what_goes_wrong_with_callbacks(sandbox: Trial, receiver: Receiver) -> None:
    callback = {"duplicate_rate": 1, "out_of_order_rate": 1, "unknown_rate": 1}
    submit(sandbox, payouts(size=8), {"callback": callback})
    settled(sandbox)
    batches = {one.json()["batch_number"] for one in receiver.callbacks}
    assert batches == {NUMBER, f"{NUMBER}x"}
    ours = [one.json() for one in receiver.callbacks if one.json()["batch_number"] == NUMBER]
    assert sum(len(one["results"]) for one in ours) == 16
    assert len({one["answer_id"] for one in ours}) == 4


def test_the_file_has_what_no_callback_told(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, payouts(), {"callback": {"silent_rate": 1}})
    submit(sandbox, payouts("FK202003100002", 20), {"callback": {"half_rate": 1}})
    settled(sandbox)
    assert 0 < len(told(receiver)) < 20
    page = sandbox.client.get("/bank/payouts/file", params={"limit": 1}).json()
    assert [one["batch_number"] for one in page["batches"]] == [NUMBER]
    page = sandbox.client.get("/bank/payouts/file", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert (len(page["batches"][0]["results"]), page["next_cursor"]) == (20, None)
    assert sandbox.client.get("/bank/payouts/file", params={"date": "2020-01-01"}).json()["batches"] == []


def test_a_timed_out_batch_was_paid_all_the_same(sandbox: Trial) -> None:
    with pytest.raises(httpx.ReadTimeout):
        submit(sandbox, payouts(), {"bank": {"timeout_rate": 1}}, patience_s=1)
    eventually(lambda: sandbox.summary()["payouts"]["batches_received"], "the work to be done")
    assert submit(sandbox, payouts()).status_code == 202
    counts = settled(sandbox)
    assert (counts["batches_received"], counts["repeats"], counts["paid_fen"]) == (1, 1, 600)


def test_killed_between_acceptance_and_payment(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, payouts(size=50), {"bank": {"answer_delay_ms": 300}}).raise_for_status()
    sandbox.kill()
    sandbox.start()
    assert settled(sandbox)["payouts_paid"] == 50
    assert len(told(receiver)) == 50
    listed = sandbox.client.get("/memory/payouts", params={"batch_number": NUMBER, "limit": 1000}).json()["payouts"]
    assert [one["status"] for one in listed] == ["paid"] * 50
