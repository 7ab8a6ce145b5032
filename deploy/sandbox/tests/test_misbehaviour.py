"""What real partners do to their callers, on a running sandbox."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from partner_sandbox.trial import Receiver, Trial, batch, eventually

NUMBER = "cbc101202603011200"


def submit(
    sandbox: Trial, body: dict[str, Any], behaviour: dict[str, Any] | None = None, patience_s: float = 30
) -> httpx.Response:
    headers = {"Idempotency-Key": body["batch_number"]}
    if behaviour is not None:
        headers["X-Sandbox-Behaviour"] = json.dumps(behaviour)
    return sandbox.client.post("/bank/batches", json=body, headers=headers, timeout=patience_s)


def settled(sandbox: Trial) -> dict[str, Any]:
    """The summary, once every accepted batch is answered and no callback is pending."""

    def look() -> dict[str, Any] | None:
        counts = sandbox.summary()
        return counts if not counts["answers_pending"] and not counts["callbacks_pending"] else None

    return eventually(look, "all answers to be delivered")


def test_error_does_nothing(sandbox: Trial) -> None:
    assert submit(sandbox, batch(NUMBER), {"bank": {"error_rate": 1}}).status_code == 500
    counts = sandbox.summary()
    assert (counts["batches_received"], counts["faults_played"]) == (0, 1)
    assert submit(sandbox, batch(NUMBER)).status_code == 202


def test_error_rate_lets_a_patient_caller_through(sandbox: Trial) -> None:
    sandbox.client.put("/control/behaviour", json={"bank": {"error_rate": 0.5}})
    statuses = [submit(sandbox, batch(NUMBER)).status_code for _ in range(20)]
    assert set(statuses) == {202, 500}
    listed = sandbox.client.get("/memory/requests", params={"partner": "bank", "key": NUMBER}).json()["requests"]
    assert [one["status"] for one in listed] == statuses


def test_timed_out_request_was_done_all_the_same(sandbox: Trial) -> None:
    with pytest.raises(httpx.ReadTimeout):
        submit(sandbox, batch(NUMBER), {"bank": {"timeout_rate": 1}}, patience_s=1)
    eventually(lambda: sandbox.summary()["batches_received"], "the work to be done")
    assert submit(sandbox, batch(NUMBER)).status_code == 202
    counts = settled(sandbox)
    assert (counts["batches_received"], counts["repeats"], counts["cards_issued"]) == (1, 1, 3)


def test_reset_connections_are_before_or_after_the_work(sandbox: Trial) -> None:
    done = set()
    for i in range(12):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)):
            submit(sandbox, batch(f"{NUMBER}{i:02d}", first_id=10 * i), {"bank": {"reset_rate": 1}})
        state = sandbox.client.get(f"/bank/state/batches/{NUMBER}{i:02d}")
        done.add(state.status_code == 200)
    assert done == {True, False}


def test_delay(sandbox: Trial) -> None:
    started = time.monotonic()
    submit(sandbox, batch(NUMBER), {"bank": {"delay_ms": 200}}).raise_for_status()
    assert time.monotonic() - started >= 0.2


def test_duplicates_split_and_unknown_answers_together(sandbox: Trial, receiver: Receiver) -> None:
    callback = {"duplicate_rate": 1, "out_of_order_rate": 1, "unknown_rate": 1}
    submit(sandbox, batch(NUMBER, 8), {"callback": callback})
    counts = settled(sandbox)
    assert (counts["callbacks_acknowledged"], counts["duplicate_callbacks"]) == (9, 4)
    assert counts["unknown_batch_callbacks"] == 1
    ours = [one.json() for one in receiver.callbacks if one.json()["batch_number"] == NUMBER]
    assert sorted(result["member_id"] for one in ours for result in one["results"]) == sorted([*range(1, 9)] * 2)
    assert not any(one["complete"] for one in ours)
    assert len({one["answer_id"] for one in ours}) == 4


def test_half_answer_is_whole_in_the_state_file(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, batch(NUMBER, 20), {"callback": {"half_rate": 1}})
    settled(sandbox)
    (told,) = [one.json() for one in receiver.callbacks]
    assert 0 < len(told["results"]) < 20
    assert told["complete"] is False
    (entry,) = sandbox.client.get("/bank/state").json()["batches"]
    assert len(entry["results"]) == 20
    assert entry["complete"] is True
    assert entry["answer_id"] != told["answer_id"]
    cards = {one["member_id"]: one["card_number"] for one in entry["results"]}
    assert all(cards[one["member_id"]] == one["card_number"] for one in told["results"])


def test_silent_bank_answers_in_the_state_file_only(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, batch(NUMBER), {"callback": {"silent_rate": 1}})
    counts = settled(sandbox)
    assert (counts["callbacks_planned"], len(receiver.callbacks)) == (0, 0)
    assert len(sandbox.client.get("/bank/state").json()["batches"]) == 1


def test_random_refusals(sandbox: Trial) -> None:
    submit(sandbox, batch(NUMBER, 400), {"bank": {"fail_rate": 0.25}})
    counts = settled(sandbox)
    assert 60 < counts["members_failed"] < 140
    assert counts["members_failed"] + counts["members_issued"] == 400


@pytest.mark.parametrize("wrong", ["{", "[]", '{"bank":{"error_rate":2}}', '{"bank":{"eror_rate":1}}', '{"bank":3}'])
def test_wrong_behaviour_is_refused(sandbox: Trial, wrong: str) -> None:
    headers = {"Idempotency-Key": NUMBER, "X-Sandbox-Behaviour": wrong}
    assert sandbox.client.post("/bank/batches", json=batch(NUMBER), headers=headers).status_code == 400
    answer = sandbox.client.put("/control/behaviour", content=wrong, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert sandbox.summary()["batches_received"] == 0


def test_behaviour_changes_only_what_is_named_and_survives_a_restart(sandbox: Trial) -> None:
    sandbox.client.put("/control/behaviour", json={"population": {"error_rate": 0.5}}).raise_for_status()
    sandbox.client.put("/control/behaviour", json={"population": {"delay_ms": 5}, "seed": "7"}).raise_for_status()
    sandbox.kill()
    sandbox.start()
    found = sandbox.client.get("/control/behaviour").json()
    assert (found["seed"], found["population"]["error_rate"], found["population"]["delay_ms"]) == ("7", 0.5, 5)
    assert found["callback"]["backoff_ms"] == 20


def test_reset_forgets_everything(sandbox: Trial) -> None:
    submit(sandbox, batch(NUMBER))
    settled(sandbox)
    before = sandbox.client.get("/control/behaviour").json()
    sandbox.client.put("/control/behaviour", json={"bank": {"error_rate": 1}})
    assert sandbox.client.post("/control/reset").status_code == 204
    assert sandbox.client.get("/control/behaviour").json() == before
    counts = sandbox.summary()
    assert not any(counts.pop(office)["queries_received"] for office in ("population", "social_security"))
    assert set(counts.pop("mail").values()) == {0}
    assert set(counts.pop("payouts").values()) == {0}
    assert counts.pop("card_accounts") == {}
    assert set(counts.values()) == {0}


def test_killed_between_acceptance_and_answer(sandbox: Trial, receiver: Receiver) -> None:
    submit(sandbox, batch(NUMBER, 50), {"bank": {"answer_delay_ms": 300}}).raise_for_status()
    sandbox.kill()
    assert receiver.callbacks == []
    sandbox.start()
    counts = settled(sandbox)
    assert (counts["batches_received"], counts["cards_issued"], counts["callbacks_acknowledged"]) == (1, 50, 1)
    assert len(receiver.callbacks[0].json()["results"]) == 50


def test_killed_before_a_callback_is_taken(sandbox: Trial, receiver: Receiver) -> None:
    receiver.status = 503
    submit(sandbox, batch(NUMBER, 50), {"callback": {"out_of_order_rate": 1}}).raise_for_status()
    eventually(lambda: receiver.callbacks, "a first try")
    sandbox.kill()
    receiver.status = 200
    receiver.callbacks.clear()
    sandbox.start()
    assert settled(sandbox)["callbacks_acknowledged"] == 4
    told = {result["member_id"] for one in receiver.callbacks for result in one.json()["results"]}
    assert told == set(range(1, 51))


def test_killed_again_and_again_while_batches_pour_in(sandbox: Trial, receiver: Receiver) -> None:
    numbers = [f"{NUMBER}{i:02d}" for i in range(20)]

    def insist(index: int) -> None:
        def accepted() -> bool:
            try:
                return submit(sandbox, batch(numbers[index], 100, first_id=1000 * index + 1)).status_code == 202
            except httpx.TransportError:
                return False

        eventually(accepted, "the batch to be accepted", seconds=60)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(insist, index) for index in range(20)]
        for _ in range(2):
            eventually(lambda: sandbox.summary()["batches_received"] > 0, "some batches")
            sandbox.kill()
            sandbox.start()
        for one in work:
            one.result()
    counts = settled(sandbox)
    assert (counts["batches_received"], counts["members_received"], counts["cards_issued"]) == (20, 2000, 2000)
    assert counts["double_issues"] == 0
    told = {result["member_id"] for one in receiver.callbacks for result in one.json()["results"]}
    assert len(told) == 2000
