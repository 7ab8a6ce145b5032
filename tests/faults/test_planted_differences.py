"""``unioncard audit`` as operators run it: it passes what is sound, names what was planted, and says who is away."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.faults.errand import Errand
from tests.faults.ground import Ground
from tests.faults.plan import draw
from tests.faults.run import errands_of
from unioncard.messaging import kafka
from workflows.card_batch import CardBatch
from workflows.card_batch_progress import Batch, CardBatchStart
from workflows.client import connect
from workflows.settings import TASK_QUEUE

PROGRAM = str(Path(sys.executable).with_name("unioncard"))
NOWHERE = "cbc999200001010000"

Audit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def audit(ground: Ground) -> Audit:
    """Runs the installed command on the runs' stack."""
    place = ground.stack.place
    own = {"UNIONCARD_STATE": str(place.state), "UNIONCARD_PORT_BASE": str(place.port_base), "COLUMNS": "300"}

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, "audit", *words], capture_output=True, text=True, env={**os.environ, **own, **env}, check=False
        )

    return run


@pytest.mark.timeout(600)
def test_the_audit_passes_what_is_sound_and_names_what_was_planted(ground: Ground, audit: Audit) -> None:
    plan = replace(draw(1, unions=1, members=30), requests_twice=0.0)
    (errand,) = errands_of(ground, plan, lambda _: None)
    errand.run()
    sound = audit("--wait", "60")
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "laws hold: nothing was lost, nothing counted twice" in sound.stdout

    said = [*_plant_in_card_svc(ground, errand), *_plant_at_the_bank(ground, errand)]
    said += _plant_in_insurance_svc(ground, errand)
    said += asyncio.run(_plant_in_kafka_and_temporal(ground))
    red = audit("--wait", "15")
    assert red.returncode == 1, red.stdout + red.stderr
    lines = [" ".join(line.replace("│", " ").split()) for line in red.stdout.splitlines()]
    for law, what in said:
        assert any(law in line and what in line for line in lines), f"{what}: not in\n{red.stdout}"


def _plant_in_card_svc(ground: Ground, errand: Errand) -> list[tuple[str, str]]:
    number = errand.numbers[0]
    issued = [row["member_id"] for row in errand.story.members_of(number) if row["outcome"] == "issued"]
    union = errand.story.batch(number)["union_id"]
    url = ground.stack.environment()["UNIONCARD_DATABASE_URL"].replace("/postgres?", "/unioncard_card?")
    with psycopg.connect(url) as conn:
        conn.execute("UPDATE members SET version = version + 1 WHERE id = %s", [issued[0]])
        conn.execute("UPDATE cards SET version = version + 1 WHERE member_id = %s", [issued[1]])
        conn.execute(
            "UPDATE batch_members SET outcome = 'waiting', pickup = NULL, picked_up_on = NULL WHERE member_id = %s",
            [issued[2]],
        )
        conn.execute("INSERT INTO outbox (priority, topic, key, body, refused) VALUES (1, 't', 'k', 'b', 'too large')")
        conn.execute("INSERT INTO inbox (key, state, addresses) VALUES ('planted', 'running', '{}')")
    return [
        ("copies equal their source", f"members, union {union} 30 rows each, but their content differs"),
        ("copies equal their source", f"cards, union {union} 30 rows each, but their content differs"),
        ("one state each", "1 members whose card state disagrees"),
        ("a card per success", f"{number} {len(issued) - 1} issued"),
        ("nothing left behind", "card-svc 1 messages that the broker refuses"),
        ("nothing left behind", "card-svc 1 commands begun and not answered"),
    ]


def _plant_in_insurance_svc(ground: Ground, errand: Errand) -> list[tuple[str, str]]:
    union = errand.story.batch(errand.numbers[0])["union_id"]
    url = ground.stack.environment()["UNIONCARD_DATABASE_URL"].replace("/postgres?", "/unioncard_insurance?")
    with psycopg.connect(url) as conn:
        conn.execute("UPDATE cards SET version = version + 1 WHERE member_id = (SELECT min(member_id) FROM cards)")
        conn.execute(
            """INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half, second_half)
               SELECT min(id), 1, 'half', '2020-01-01', '2020-12-31', unnest(ARRAY[2020, NULL]),
                      unnest(ARRAY[NULL, 2020])
               FROM members"""
        )
        conn.execute(
            """INSERT INTO ledger (posting, account, district_id, coverage_year, amount_fen, business_at)
               VALUES ('planted', 'cash', 1, 2020, 7, now())"""
        )
        conn.execute(
            """INSERT INTO batches (number, district_id, district_code, scheme, coverage_year, state, lists, heads,
                   fee_fen, subsidy_fen, district_fen, union_fen, credit_fen, due_fen, operator_name, operator_phone,
                   operator_email, submitted_at, submitted_by, changed_at, due_on)
               VALUES ('CB200001010001', 1, '999', 'centralized', 2000, 'passed', 1, 1, 10, 4, 3, 3, 0, 6, 'x', 'x',
                   'x', now(), 1, now(), '2000-01-20')"""
        )
    return [
        ("copies equal their source", f"insurance-svc: cards, union {union} 30 rows each, but their content differs"),
        ("cover and money add up", "insurance-svc 1 members with two policies for one day"),
        ("cover and money add up", "insurance-svc 1 premium batches that are not the sum of their lists"),
        ("cover and money add up", "insurance-svc 1 postings of the ledger that do not add up to zero"),
        ("cover and money add up", "insurance-svc 1 districts whose balance is not what their batches say"),
        ("cover and money add up", "insurance-svc the trial balance is 7 fen"),
        ("a workflow per payment", "premium-payment/CB200001010001 it has no workflow"),
    ]


def _plant_at_the_bank(ground: Ground, errand: Errand) -> list[tuple[str, str]]:
    sent: dict[str, Any] = httpx.get(f"{ground.sandbox}/memory/batches/{errand.numbers[0]}").json()["request"]
    again = sent | {"batch_number": "cbc998200001010000"}
    httpx.post(
        f"{ground.sandbox}/bank/batches", json=again, headers={"Idempotency-Key": "cbc998200001010000"}
    ).raise_for_status()
    return [
        ("a bank request per batch", "cbc998200001010000 the bank has a batch that nobody submitted"),
        ("a card per success", "the bank made a second card for"),
    ]


async def _plant_in_kafka_and_temporal(ground: Ground) -> list[tuple[str, str]]:
    settings = ground.settings()
    producer = kafka.producer(settings, "planting")
    await producer.start()
    try:
        await producer.send_and_wait("card-svc.commands", b"{", key=b"planted")
    finally:
        await producer.stop()
    client = await connect(settings)
    start = CardBatchStart.model_validate({"batch": _batch_of_nobody()})
    await client.start_workflow(CardBatch.run, start, id=f"card-batch/{NOWHERE}", task_queue=TASK_QUEUE)
    return [
        ("nothing left behind", "a dead letter"),
        ("no workflow stuck", f"card-batch/{NOWHERE} ended as Failed"),
        ("no workflow stuck", f"card-batch/{NOWHERE} a workflow for a batch that does not exist"),
    ]


def _batch_of_nobody() -> dict[str, Any]:
    batch = Batch.model_validate(
        {
            "number": NOWHERE,
            "union_id": 1,
            "district_code": "999",
            "channel": "normal",
            "members": 1,
            "submitted_at": "2000-01-01T00:00:00+08:00",
        }
    )
    return batch.model_dump()


@pytest.mark.timeout(600)
def test_the_audit_names_who_could_not_be_asked(audit: Audit) -> None:
    locked_out = audit("--password", "not-the-password")
    assert (locked_out.returncode, "may not log in" in locked_out.stderr) == (2, True), locked_out.stderr
    for setting, where, name in (
        ("UNIONCARD_CARD_URL", "http://127.0.0.1:9", "card does not answer"),
        ("UNIONCARD_TEMPORAL", "127.0.0.1:9", "Temporal does not answer"),
        ("UNIONCARD_KAFKA", "127.0.0.1:9", "Kafka does not answer"),
    ):
        away = audit("--wait", "1", **{setting: where})
        assert (away.returncode, name in away.stderr) == (2, True), f"{setting}: {away.stdout}{away.stderr}"
