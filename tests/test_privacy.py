"""After a run nothing that names a person stands in logs, traces, metrics, topics or Temporal (*Safety*)."""

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.city import City
from tests.claims import ACCOUNT, APPEAL, HOSPITAL
from tests.season import SCHEME, today
from unioncard.contracts import product_contracts
from unioncard.messaging import kafka
from unioncard.messaging.topics import topic_names
from unioncard.settings import Settings
from unioncard_cli.operators import Refusal
from unioncard_cli.roster import Person
from workflows.client import connect
from workflows.settings import WorkflowsSettings

SERVICES = ("member", "card", "insurance", "claims")
#: Who answers for a batch of cards, and for a batch of premiums (:mod:`unioncard_cli.season.acts`).
CONTACTS = ("张经办", "13900000000", "李经办", "021-00000000", "district@unioncard.example")
#: What was said of somebody's illness, and where money is to go (:mod:`tests.claims`).
MEDICAL = ("malignant_tumour", "benign_brain_tumour", "gout", HOSPITAL, APPEAL)
ACCOUNTS = (ACCOUNT["account_number"], ACCOUNT["holder_name"])


@pytest.fixture(scope="module")
def secrets(city: City) -> list[bytes]:
    """What names a person, in every spelling that text and JSON know."""
    words = {*CONTACTS, *MEDICAL, *ACCOUNTS, "钱负责", *(word for person in city.people for word in _of(person))}
    words |= _card_numbers(city)
    assert len(words) > 100
    return sorted({word.encode() for word in words} | {json.dumps(word)[1:-1].encode() for word in words})


@pytest.fixture(scope="module", autouse=True)
def asked_awkwardly(city: City) -> None:
    """Requests that carry a name or a number where it could end in somebody's log: queries, wrong bodies, logins."""
    person, union = city.people[0], city.operator("union")
    district, payer = city.operator("district"), city.operator("centre_payer")
    for query in ({"name": person.name}, {"document_number": person.document_number}):
        union.get("member", "/members", **query)
        union.get("card", "/cards", **query)
        union.get("insurance", "/policies", **query)
        union.get("claims", "/claims", **query)
    for service, path, body in (
        ("member", f"/members/{city.member}/reveal", {"purpose": 1, "name": person.name}),
        ("member", "/members", {"name": person.name, "document_number": person.document_number}),
        ("member", "/tokens", {"login": person.name, "password": person.document_number}),
        ("card", "/batches", {"channel": person.name, "contact_mobile": person.mobile}),
        ("card", f"/todo/{person.document_number}/channel", {"channel": "normal"}),
        ("card", f"/batches/{city.batch}/pickups", {"collected": [person.mobile]}),
        ("insurance", "/enrolments", {"way": "centralized", "coverage_year": 2000, "class_code": person.name}),
        ("insurance", "/enrolments/preview", {"way": person.name, "member_ids": [person.document_number]}),
        ("claims", "/claims", {"member_id": city.member, "illness_code": "gout", "hospital": {"name": HOSPITAL}}),
        ("claims", f"/claims/{city.claims.appealed}/payee", {"payee": "heir", "heir": {"name": person.name}}),
        ("claims", f"/claims/{person.document_number}/withdrawal", {"reason": person.name}),
    ):
        with pytest.raises(Refusal):
            union.post(service, path, body)
    with pytest.raises(Refusal):
        district.post("insurance", "/district-review/submissions", {"operator_name": person.name})
    day = today() - timedelta(days=2)
    row = f"NAMED-1,{day},一元,{person.name},{person.document_number}"
    statement = f"流水号,起息日,金额,付款人,附言\n{row}\n"
    with pytest.raises(Refusal):
        payer.upload("insurance", "/statements", "对账单.csv", statement.encode(), fields={"last_day": day.isoformat()})


def test_logs_and_traces_name_nobody(city: City, secrets: list[bytes]) -> None:
    state = city.stack.place.state
    files = [*state.glob("logs/*.log"), *state.glob("traces/*.jsonl")]
    written = {file.name for file in files if file.stat().st_size}
    services = {f"{name}-svc{kind}" for name in SERVICES for kind in (".log", ".jsonl")}
    assert services | {"workflows.log"} <= written
    assert _found(secrets, ((file.name, file.read_bytes()) for file in files)) == {}


def test_metrics_name_nobody(city: City, secrets: list[bytes]) -> None:
    metrics = ((name, city.client.get(f"{city.url(name)}/metrics").content) for name in SERVICES)
    assert _found(secrets, metrics) == {}


async def test_messages_name_nobody(city: City, secrets: list[bytes]) -> None:
    messages = await _messages(Settings(kafka=city.stack.place.environment()["UNIONCARD_KAFKA"]))
    assert {topic for topic, _ in messages} >= {
        name for name in topic_names(product_contracts()) if not name.endswith(".dead")
    }
    assert _found(secrets, messages) == {}


async def test_temporal_names_nobody(city: City, secrets: list[bytes]) -> None:
    given = city.stack.place.environment()
    client = await connect(WorkflowsSettings(temporal=given["UNIONCARD_TEMPORAL"]))
    seen: list[tuple[str, bytes]] = []
    async for one in client.list_workflows():
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        described = (await handle.describe()).raw_description.SerializeToString()
        events = [event.SerializeToString() for event in (await handle.fetch_history()).events]
        seen.append((one.id, one.id.encode() + described + b"".join(events)))
    season = city.season
    of_claims = {f"claim/{city.claims.appealed}", f"claim/{city.claims.returned}"}
    of_season = {f"campaign/{SCHEME}/{season.year}", f"premium-payment/{season.batch}"}
    assert {name for name, _ in seen} >= {
        f"card-batch/{city.batch}",
        f"card-check/{city.check}",
    } | of_season | of_claims
    assert _found(secrets, seen) == {}


def test_the_search_would_find_them(city: City, secrets: list[bytes]) -> None:
    """The same search over what staff are shown, who may see names, and over the sandbox's memory, which holds all."""
    shown = city.operator("union").get_bytes("member", "/members?limit=200")
    kept = _all_of(city.stack.place.state.glob("sandbox.sqlite*"))
    assert _found(secrets, [("shown", shown), ("kept", kept)]).keys() == {"shown", "kept"}


def _of(person: Person) -> Iterator[str]:
    yield person.name
    yield person.document_number
    yield person.mobile
    yield person.address


def _card_numbers(city: City) -> set[str]:
    """As the bank made them: the platform shows them masked."""
    url = f"{city.stack.place.url('sandbox')}/memory/batches/{city.batch}"
    results = city.client.get(url).raise_for_status().json()["results"]
    return {one["card_number"] for one in results if one.get("card_number")}


def _all_of(files: Iterable[Path]) -> bytes:
    return b"".join(file.read_bytes() for file in files)


def _found(secrets: list[bytes], places: Iterable[tuple[str, bytes]]) -> dict[str, list[str]]:
    """Where which of them stand, up to three a place."""
    found = {}
    for name, content in places:
        if words := [word.decode() for word in secrets if word in content]:
            found[name] = words[:3]
    return found


async def _messages(settings: Settings) -> list[tuple[str, bytes]]:
    """Topic and raw bytes (key, headers, value) of every message, dead letters included."""
    consumer = kafka.consumer(settings, "privacy", None, topic_names(product_contracts()))
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found: list[tuple[str, bytes]] = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for one, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    heads = b"".join(name.encode() + value for name, value in record.headers)
                    found.append((one.topic, (record.key or b"") + heads + (record.value or b"")))
        return found
    finally:
        await consumer.stop()
