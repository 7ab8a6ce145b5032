"""The bank's answers: repeated, out of order, half, for nobody, and against what is known."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from card_svc.bank.models import Answer
from card_svc.bank.store import file_answers
from card_svc.batches import watch
from card_svc.maintenance import republish
from card_svc_testing import Trial, answer, card_number, failed, issued, member, submission
from unioncard import signatures
from unioncard_testing import statements
from unioncard_testing.trial import UNION


async def post(trial: Trial, said: dict[str, Any], *, secret: str | None = None) -> httpx.Response:
    """Deliver an answer as the bank does."""
    body = orjson.dumps(said)
    secret = secret or trial.context.keys.partner_secret("bank")
    headers = {signatures.HEADER: signatures.sign(secret, body, datetime.now(UTC))}
    return await trial.client.post("/partners/bank/answers", content=body, headers=headers)


async def deliver(trial: Trial, said: dict[str, Any]) -> tuple[int, int, int]:
    """(news, repeats, set aside)"""
    response = await post(trial, said)
    assert response.status_code == 200, response.text
    filed = response.json()
    return filed["news"], filed["repeats"], filed["set_aside"]


async def counts(trial: Trial, number: str) -> tuple[int, int, int]:
    """(waiting, issued, failed)"""
    found = (await trial.ok("GET", f"/batches/{number}"))["counts"]
    return found["waiting"], found["issued"], found["failed"]


async def test_an_answer_that_comes_twice_counts_once(trial: Trial) -> None:
    number = await trial.submitted(3)
    said = answer(number, [issued(1), issued(2), failed(3)])
    assert await deliver(trial, said) == (3, 0, 0)
    events, log = len(await trial.sent()), await trial.column("SELECT id FROM card_log")
    assert await deliver(trial, said) == (0, 3, 0)
    # The same under another id, as the nightly file says it.
    assert await deliver(trial, said | {"answer_id": "state-file"}) == (0, 3, 0)
    assert len(await trial.sent()) == events
    assert await trial.column("SELECT id FROM card_log") == log
    assert await counts(trial, number) == (0, 2, 1)


async def test_readers_learn_when_a_number_was_made_and_how_it_ends(trial: Trial) -> None:
    number = await trial.submitted(3)
    # The day in Shanghai: 23:30 and 00:30 there lie on one day in UTC.
    late = issued(1, issued_at="2024-04-29T23:30:00+08:00")
    early = issued(2, issued_at="2024-04-30T00:30:00+08:00")
    await trial.run("DELETE FROM outbox")
    await deliver(trial, answer(number, [late, early, failed(3)]))
    expected = [
        (1, "issued", "2024-04-29", card_number(1)[-4:]),
        (2, "issued", "2024-04-30", card_number(2)[-4:]),
        (3, "failed", None, None),
    ]
    assert await _told(trial) == expected
    # Told anew, it is the same; also of numbers from before their ends were kept.
    await trial.run("UPDATE cards SET number_end = NULL")
    await trial.run("DELETE FROM outbox")
    assert await republish(trial.context.work, trial.personal) == 3
    assert await _told(trial) == expected


async def _told(trial: Trial) -> list[tuple[Any, ...]]:
    (event,) = await trial.sent("card.cards.changed.v1")
    names = ("member_id", "state", "numbered_on", "number_end")
    return sorted(tuple(card[name] for name in names) for card in event.data["cards"])


async def test_two_at_once_count_once(trial: Trial) -> None:
    number = await trial.submitted(3)
    results = [issued(1), issued(2), failed(3)]
    filed = await asyncio.gather(*(deliver(trial, answer(number, results)) for _ in range(4)))
    assert sorted(filed) == [(0, 3, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]
    assert len(await trial.sent("card.batch.answered.v1")) == 1


async def test_halves_in_any_order(trial: Trial) -> None:
    number = await trial.submitted(4)
    assert await deliver(trial, answer(number, [issued(4), failed(2)])) == (2, 0, 0)
    assert await counts(trial, number) == (2, 1, 1)
    assert await deliver(trial, answer(number, [issued(1), issued(4), issued(3)])) == (2, 1, 0)
    assert await counts(trial, number) == (0, 3, 1)
    told = [event.data["counts"]["waiting"] for event in await trial.sent("card.batch.answered.v1")]
    assert told == [2, 0]


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([issued(1, card_number=card_number(99))], "other_number"),
        ([failed(1)], "contradicts"),
        ([issued(2)], "contradicts"),
        ([issued(7)], "not_in_batch"),
        ([issued(0) | {"member_id": "somebody"}], "not_in_batch"),
        ([issued(3, card_number=card_number(1))], "number_taken"),
    ],
)
async def test_what_does_not_fit_is_set_aside_once_and_changes_nothing(
    trial: Trial, results: list[dict[str, Any]], why: str
) -> None:
    number = await trial.submitted(3)
    await deliver(trial, answer(number, [issued(1), failed(2)]))
    before = await trial.column("SELECT card_hash FROM cards ORDER BY member_id")
    assert await deliver(trial, answer(number, results)) == (0, 0, 1)
    assert await deliver(trial, answer(number, results)) == (0, 0, 1)
    assert await trial.column("SELECT why FROM set_aside") == [why]
    assert await trial.column("SELECT card_hash FROM cards ORDER BY member_id") == before
    assert await counts(trial, number) == (1, 1, 1)


async def test_an_unknown_batch_is_no_error_to_the_bank(trial: Trial) -> None:
    assert await deliver(trial, answer("cbc000202404291502", [issued(1), failed(2)])) == (0, 0, 2)
    assert await trial.column("SELECT why FROM set_aside") == ["unknown_batch"] * 2
    # What was set aside can be read back: encrypted for its batch.
    (number,) = await trial.column("SELECT card_number FROM set_aside WHERE card_number IS NOT NULL")
    assert trial.personal.decrypt("card_number", "cbc000202404291502", number) == card_number(1)


async def test_two_members_given_one_number_in_one_answer(trial: Trial) -> None:
    number = await trial.submitted(2)
    same = card_number(5)
    assert await deliver(trial, answer(number, [issued(1, card_number=same), issued(2, card_number=same)])) == (1, 0, 1)
    assert await counts(trial, number) == (1, 1, 0)


async def test_a_member_named_twice_in_one_answer(trial: Trial) -> None:
    number = await trial.submitted(2)
    assert await deliver(trial, answer(number, [issued(1), issued(1), failed(1), issued(2)])) == (2, 1, 1)


async def test_a_failed_member_can_be_added_again_and_takes_the_channel_the_bank_demands(trial: Trial) -> None:
    number = await trial.submitted(2)
    await deliver(trial, answer(number, [failed(1, "NAME_NOT_GBK", "姓名含生僻字"), failed(2)]))
    assert (await trial.ok("GET", "/cards/1"))["failed_reason"] == "姓名含生僻字"
    added = await trial.ok("POST", "/todo", {"all": True})
    assert (added["normal"], added["special"]) == (1, 1)
    # The bank's late second thoughts about the old batch are kept, not applied.
    assert await deliver(trial, answer(number, [issued(1)])) == (0, 0, 1)
    assert (await trial.ok("GET", "/cards/1"))["state"] == "to_do"


async def test_on_the_special_channel_the_card_is_handed_out_at_the_counter(trial: Trial) -> None:
    number = await trial.submitted(2, channel="special", document_type="passport", document_number="E12345678")
    batch = await trial.ok("GET", f"/batches/{number}")
    assert (batch["branch"], batch["outlet_name"], batch["outlet_address"]) == ("-", "-", "-")
    await deliver(trial, answer(number, [issued(1), issued(2)]))
    batch = await trial.ok("GET", f"/batches/{number}")
    assert (batch["state"], batch["counts"]["unaccounted"]) == ("completed", 0)


async def test_a_wrong_signature(trial: Trial) -> None:
    number = await trial.submitted(1)
    said = answer(number, [issued(1)])
    response = await post(trial, said, secret="x" * 40)
    assert (response.status_code, response.json()["type"]) == (401, "urn:unioncard:problem:signature-mismatch")
    response = await trial.client.post("/partners/bank/answers", json=said)
    assert (response.status_code, response.json()["type"]) == (401, "urn:unioncard:problem:signature-missing")
    assert await counts(trial, number) == (1, 0, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"results": [{"member_id": 1, "status": "issued"}]},
        {"results": [{"member_id": 1, "status": "failed", "card_number": card_number(1)}]},
        {"results": [{"member_id": 1, "status": "issued", "card_number": "12 34"}]},
        {"answered_at": "yesterday"},
        {"batch_number": "\x00"},
    ],
)
async def test_an_answer_that_cannot_be_read(trial: Trial, changed: dict[str, Any]) -> None:
    response = await post(trial, answer("cbc000202404291502", []) | changed)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:unioncard:problem:invalid-answer"
    assert await trial.column("SELECT id FROM set_aside") == []


async def test_statements_do_not_grow_with_members(trial: Trial) -> None:
    seen: dict[int, list[int]] = {}
    for size in (10, 1000):
        first = 1 + size * 10
        ids = list(range(first, first + size))
        await trial.tell_members(*(member(n) for n in ids))
        seen[size] = numbers = []
        with statements(trial.context.engine) as sent:
            await trial.ok("POST", "/todo", {"member_ids": ids})
            numbers.append(len(sent))
            await trial.ok("POST", "/checks", {"channel": "normal"})
            numbers.append(len(sent))
            await trial.run("UPDATE todo SET check_state = 'passed'")
            number = (await trial.ok("POST", "/batches", submission()))["batches"][0]["number"]
            numbers.append(len(sent))
            said = Answer.model_validate(answer(number, [issued(n) for n in ids]))
            async with trial.context.work.begin("partner:bank") as tx:
                filed = await file_answers(tx, trial.personal, [said])
            numbers.append(len(sent))
            await trial.ok("POST", f"/batches/{number}/pickups", {"all_collected": True, "on": "2024-04-29"})
            numbers.append(len(sent))
            await trial.tell(trial.sealed(*(member(n, version=2) for n in ids[:500])))
            numbers.append(len(sent))
        assert filed.news == size
    assert seen[10] == seen[1000]
    assert max(len(one.encode()) for one in await trial.sent()) < 512 * 1024
    assert await trial.column("SELECT count(*) FROM cards WHERE state = 'issued'") == [1010]
    assert {one.data["union_id"] for one in await trial.sent("card.cards.changed.v1")} == {UNION}


async def test_late_and_overdue_batches_are_counted_for_the_alerts(trial: Trial) -> None:
    await trial.submitted(1)
    # Submitted on 29 April 2024: numbers until 2 May, the call until 19 May (15 days, five of them holidays).
    due = "numbers_due_at = '2024-05-03T00:00+08:00', call_due_at = '2024-05-20T00:00+08:00'"
    await trial.run(f"UPDATE batches SET state = 'accepted', {due}")

    async def counted(at: str) -> tuple[float, float]:
        async with trial.context.engine.connect() as conn:
            await watch.measure(conn, datetime.fromisoformat(at))
        return watch.late._value.get(), watch.overdue._value.get()

    assert await counted("2024-05-02T23:59:59.999+08:00") == (0, 0)
    assert await counted("2024-05-03T00:00:00+08:00") == (1, 0)
    assert await counted("2024-05-20T00:00:00+08:00") == (1, 1)
    await trial.run("UPDATE batches SET state = 'closed'")
    assert await counted("2024-05-20T00:00:00+08:00") == (0, 0)
