"""The contracts, and the documents that are made of them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from unioncard.contracts import Command, Contract, Event, Reply, cards, contract_of, product_contracts
from unioncard.contracts.documents import documents, write_documents
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.messaging.topics import topic_names
from unioncard_testing import command, envelope_of

DOCS = Path(__file__).parents[2] / "docs"
# The official schema of AsyncAPI 3.0.0 (package @asyncapi/specs, Apache-2.0).
OFFICIAL = Path(__file__).parent / "data" / "asyncapi-3.0.0.schema.json"
OURS = product_contracts()


def test_the_documents_in_docs_are_those_of_the_code() -> None:
    on_disk = {"asyncapi.json", *(f"schemas/{path.name}" for path in (DOCS / "schemas").glob("*.json"))}
    made = documents()
    assert on_disk == set(made), "run: make contracts"
    for path, content in made.items():
        assert (DOCS / path).read_text(encoding="utf-8") == content, f"{path} is old; run: make contracts"


def test_writing_them_removes_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gone.v1.json").write_text("{}")
    written = write_documents(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == set(documents())
    assert not (tmp_path / "schemas" / "gone.v1.json").exists()


def test_the_asyncapi_document_is_one_by_the_official_schema() -> None:
    document = json.loads(documents()["asyncapi.json"])
    jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text())).validate(document)
    # The official schema accepts references that lead nowhere.
    for reference in references(document):
        if reference.startswith("#/"):
            assert resolved(document, reference), reference
        else:
            assert reference.removeprefix("./") in documents(), reference


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def resolved(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_asyncapi_document_names_every_topic_and_every_message() -> None:
    document = json.loads(documents()["asyncapi.json"])
    ours = set(topic_names(product_contracts()))
    assert set(document["channels"]) == ours
    for contract in OURS:
        channels = [name for name, channel in document["channels"].items() if contract.TYPE in channel["messages"]]
        assert channels == ([contract.TOPIC] if contract.TOPIC else sorted(n for n in ours if n.endswith(".dead")))


def test_a_message_of_ours_fits_its_document_and_a_wrong_one_does_not() -> None:
    made = documents()
    registry: Registry[Any] = Registry().with_resources(
        (f"./{path}", Resource.from_contents(json.loads(made[path]))) for path in made if path.startswith("schemas/")
    )
    messages = json.loads(made["asyncapi.json"])["components"]["messages"]
    schema = messages["card.batch.submit.v1"]["payload"]["schema"]
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    good = envelope_of(cards.SubmitBatch(batch_number="cbc363202601050800"), idempotencykey="card-batch/1/submit")
    validator.validate(json.loads(good.encode()))
    for wrong in (
        good.model_copy(update={"idempotencykey": None}),
        good.model_copy(update={"data": {}}),
        good.model_copy(update={"type": "card.batch.notify.v1"}),
        good.model_copy(update={"source": ""}),
    ):
        assert not validator.is_valid(json.loads(wrong.encode())), wrong


@pytest.mark.parametrize("contract", OURS, ids=lambda contract: contract.TYPE)
def test_types_carry_their_version_and_topics_their_kind(contract: type[Contract]) -> None:
    assert contract.TYPE.rpartition(".")[2].removeprefix("v").isdigit()
    ending: dict[type[Contract], str] = {Event: ".events", Command: ".commands", Reply: ".replies"}
    expected = [end for kind, end in ending.items() if issubclass(contract, kind)]
    assert [contract.TOPIC.endswith(end) for end in expected] == [True] * len(expected)
    if issubclass(contract, Command):
        assert issubclass(contract.RESULT, Contract)


def test_a_newer_writer_may_add_fields() -> None:
    newer = envelope_of(cards.SubmitBatch(batch_number="1"))
    newer = newer.model_copy(update={"data": {**newer.data, "colour": "red"}})
    assert contract_of(Envelope.decode(newer.encode())) == cards.SubmitBatch(batch_number="1")


def test_two_contracts_cannot_share_a_type() -> None:
    with pytest.raises(TypeError, match=r"card\.batch\.submit\.v1"):
        type("Another", (Command,), {"TYPE": "card.batch.submit.v1", "__module__": __name__, "__doc__": "x"})


def test_an_unknown_type_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match=r"unknown type nobody\.knows\.v1"):
        contract_of(command(1).model_copy(update={"type": "nobody.knows.v1"}))


def test_topics_are_those_of_the_contracts_and_their_dead_letters() -> None:
    assert topic_names(product_contracts()) == [
        "card-svc.commands",
        "card-svc.commands.dead",
        "card-svc.events",
        "card-svc.events.dead",
        "claims-svc.commands",
        "claims-svc.commands.dead",
        "claims-svc.events",
        "claims-svc.events.dead",
        "insurance-svc.commands",
        "insurance-svc.commands.dead",
        "insurance-svc.events",
        "insurance-svc.events.dead",
        "member-svc.events",
        "member-svc.events.dead",
        "workflows.replies",
        "workflows.replies.dead",
    ]
