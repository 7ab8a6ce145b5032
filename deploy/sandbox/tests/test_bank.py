"""The bank's counter and its answers, on a running sandbox."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from partner_sandbox.trial import Receiver, Trial, batch, eventually
from unioncard import signatures

NUMBER = "cbc101202603011200"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def submit(sandbox: Trial, body: dict[str, Any], **headers: str) -> httpx.Response:
    return sandbox.client.post(
        "/bank/batches", json=body, headers={"Idempotency-Key": body["batch_number"], "traceparent": TRACE, **headers}
    )


def acknowledged(sandbox: Trial, callbacks: int) -> dict[str, Any]:
    """The summary, once so many callbacks are acknowledged."""
    eventually(lambda: sandbox.summary()["callbacks_acknowledged"] == callbacks, f"{callbacks} acknowledged callbacks")
    return sandbox.summary()


def test_batch_from_acceptance_to_signed_callback(sandbox: Trial, receiver: Receiver) -> None:
    body = batch(NUMBER, 3)
    body["members"][1]["name"] = "𬭬"
    body["members"][2]["document_expiry"] = "2020-01-01"
    answer = submit(sandbox, body)
    assert answer.status_code == 202
    assert answer.json()["batch_number"] == NUMBER
    assert answer.json()["received"] == 3

    counts = acknowledged(sandbox, 1)
    (callback,) = receiver.callbacks
    signatures.check(sandbox.secret, callback.headers["x-signature"], callback.body, datetime.now(UTC))
    assert callback.headers["traceparent"] == TRACE
    told = callback.json()
    assert set(told) == {"answer_id", "batch_number", "answered_at", "complete", "results"}
    assert told["batch_number"] == NUMBER
    assert told["complete"] is True
    issued, rare, expired = told["results"]
    assert (issued["member_id"], issued["member_number"], issued["status"]) == (1, "1010000001", "issued")
    assert len(issued["card_number"]) == 19
    assert issued["issued_at"].endswith("+08:00")
    assert (rare["status"], rare["reason_code"]) == ("failed", "NAME_NOT_GBK")
    assert "生僻字" in rare["reason"]
    assert expired["reason_code"] == "DOCUMENT_EXPIRED"
    assert "card_number" not in expired
    expected = {
        "batches_received": 1,
        "members_received": 3,
        "members_issued": 1,
        "members_failed": 2,
        "cards_issued": 1,
        "double_issues": 0,
        "repeats": 0,
        "batches_answered": 1,
        "answers_pending": 0,
        "callbacks_sent": 1,
        "callbacks_pending": 0,
    }
    assert {name: counts[name] for name in expected} == expected


def test_repeat_gets_the_same_answer_and_makes_no_second_card(sandbox: Trial, receiver: Receiver) -> None:
    body = batch(NUMBER, 5)
    first = submit(sandbox, body)
    acknowledged(sandbox, 1)
    again = submit(sandbox, dict(reversed(body.items())))
    assert (again.status_code, again.content) == (first.status_code, first.content)
    counts = sandbox.summary()
    assert (counts["batches_received"], counts["repeats"], counts["cards_issued"]) == (1, 1, 5)
    assert len(receiver.callbacks) == 1
    (listed,) = sandbox.client.get("/memory/batches").json()["batches"]
    assert (listed["batch_number"], listed["times_received"], listed["issued"]) == (NUMBER, 2, 5)


def test_other_content_under_a_known_number_is_a_conflict(sandbox: Trial) -> None:
    submit(sandbox, batch(NUMBER, 2))
    other = submit(sandbox, batch(NUMBER, 3))
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    counts = sandbox.summary()
    assert (counts["batches_received"], counts["conflicting_repeats"], counts["members_received"]) == (1, 1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "fast"},
        {"members": []},
        {"members": batch(NUMBER, 1)["members"] * 2},
        {"batch_number": "cbc 1"},
        {"members": [{"member_id": 1}]},
        {"members": [batch(NUMBER, 1)["members"][0] | {"member_id": 2**63}]},
        {"members": [batch(NUMBER, 1)["members"][0] | {"document_expiry": "31.12.2030"}]},
    ],
)
def test_malformed_batches_change_nothing(sandbox: Trial, wrong: dict[str, Any]) -> None:
    answer = submit(sandbox, batch(NUMBER, 1) | wrong)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert "李建国" not in answer.text
    counts = sandbox.summary()
    assert (counts["batches_received"], counts["malformed_requests"]) == (0, 1)


def test_idempotency_key_must_be_the_batch_number(sandbox: Trial) -> None:
    assert submit(sandbox, batch(NUMBER, 1), **{"Idempotency-Key": "another"}).status_code == 400
    assert sandbox.client.post("/bank/batches", json=batch(NUMBER, 1)).status_code == 400
    assert sandbox.client.post("/bank/batches", content=b"{").status_code == 400
    not_json = json.dumps(batch(NUMBER, 1) | {"note": math.nan}).encode()
    keyed = {"Idempotency-Key": NUMBER}
    assert sandbox.client.post("/bank/batches", content=not_json, headers=keyed).status_code == 400
    assert sandbox.summary()["batches_received"] == 0


def test_special_channel_takes_names_the_normal_one_refuses(sandbox: Trial) -> None:
    body = batch(NUMBER, 1, channel="special", outlet_code=None)
    body["members"][0]["name"] = "𬭬"
    submit(sandbox, body)
    assert acknowledged(sandbox, 1)["members_issued"] == 1


def test_second_live_card_is_remembered(sandbox: Trial) -> None:
    submit(sandbox, batch("cbc101202603011200", 3))
    acknowledged(sandbox, 1)
    submit(sandbox, batch("cbc101202603011201", 3, first_id=3))
    counts = acknowledged(sandbox, 2)
    assert (counts["cards_issued"], counts["double_issues"]) == (6, 1)
    (anomaly,) = sandbox.client.get("/memory/anomalies").json()["anomalies"]
    assert anomaly["kind"] == "double_issue"
    assert anomaly["member_id"] == "3"
    assert (anomaly["batch_number"], anomaly["other_batch"]) == ("cbc101202603011201", "cbc101202603011200")


def test_callback_is_tried_again_until_it_is_taken(sandbox: Trial, receiver: Receiver) -> None:
    receiver.status = 503
    submit(sandbox, batch(NUMBER, 1))
    eventually(lambda: len(receiver.callbacks) >= 3, "three tries")
    assert sandbox.summary()["callbacks_pending"] == 1
    receiver.status = 202
    assert acknowledged(sandbox, 1)["callbacks_pending"] == 0
    assert len({callback.body for callback in receiver.callbacks}) == 1


def test_refused_callback_is_not_tried_again(sandbox: Trial, receiver: Receiver) -> None:
    receiver.status = 422
    submit(sandbox, batch(NUMBER, 1))
    eventually(lambda: sandbox.summary()["callbacks_refused"] == 1, "the refusal")
    assert len(receiver.callbacks) == 1


def test_bank_gives_up_in_the_end(sandbox: Trial, receiver: Receiver) -> None:
    sandbox.client.put("/control/behaviour", json={"callback": {"tries": 3}})
    receiver.status = 500
    submit(sandbox, batch(NUMBER, 1))
    eventually(lambda: sandbox.summary()["callbacks_given_up"] == 1, "the bank to give up")
    assert len(receiver.callbacks) == 3


def test_state_file_has_every_answered_batch_page_by_page(sandbox: Trial) -> None:
    numbers = [f"cbc10120260301120{i}" for i in range(5)]
    for i, number in enumerate(numbers):
        submit(sandbox, batch(number, 2, first_id=10 * i + 1))
    acknowledged(sandbox, 5)
    found, cursor = [], None
    for _ in range(3):
        page = sandbox.client.get("/bank/state", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += page["batches"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert [entry["batch_number"] for entry in found] == numbers
    assert [one["member_id"] for one in found[4]["results"]] == [41, 42]
    assert found[0]["answer_id"] == f"{numbers[0]}-state"


def test_state_file_of_a_day_has_what_was_known_by_then(sandbox: Trial) -> None:
    submit(sandbox, batch(NUMBER, 1))
    acknowledged(sandbox, 1)
    day = sandbox.client.get(f"/bank/state/batches/{NUMBER}").json()["answered_at"][:10]

    def entries(**params: str) -> int:
        return len(sandbox.client.get("/bank/state", params=params).raise_for_status().json()["batches"])

    assert entries(date=day) == 1
    assert entries(date="2020-01-01") == 0
    assert entries(since=day) == 1
    assert entries(since="2999-01-01") == 0
    assert sandbox.client.get("/bank/state", params={"date": "1.1.2020"}).status_code == 400


def test_state_of_one_batch(sandbox: Trial) -> None:
    assert sandbox.client.get(f"/bank/state/batches/{NUMBER}").status_code == 404
    submit(sandbox, batch(NUMBER, 2), **{"X-Sandbox-Behaviour": '{"bank":{"answer_delay_ms":3600000}}'})
    pending = sandbox.client.get(f"/bank/state/batches/{NUMBER}").json()
    assert (pending["state"], pending["results"], pending["answer_id"]) == ("pending", [], None)
    assert sandbox.summary()["answers_pending"] == 1
    assert sandbox.client.get("/bank/state").json()["batches"] == []
    sandbox.client.post("/control/reset")


def test_a_thousand_members_at_once(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, batch(NUMBER, 1000)).raise_for_status()
    assert acknowledged(sandbox, 1)["cards_issued"] == 1000
    results = receiver.callbacks[0].json()["results"]
    assert len({one["card_number"] for one in results}) == 1000
