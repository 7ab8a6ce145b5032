"""The documents made from the contracts: ``python -m unioncard.contracts.documents docs``.

``asyncapi.json`` (AsyncAPI 3.0) says what lies in which topic; ``schemas/`` holds a JSON Schema (draft 2020-12) for
the envelope, for each type of message, and for what each command answers. A test compares them with the code.
"""

import json
import sys
from pathlib import Path
from typing import Any

from unioncard.contracts import Command, Contract, Event, Reply, replies
from unioncard.contracts.model import product_contracts
from unioncard.messaging.dead_letters import DeadLetter, DeadLetterResent
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.kafka import CONTENT_TYPE
from unioncard.messaging.topics import DEAD

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"

_EXPLAINED: dict[type[Contract], str] = {
    Event: "Facts that happened. Keyed by union or business number; order across keys does not exist.",
    Command: "What the service is asked to do, once for each idempotencykey; it answers to replyto.",
    Reply: "Answers to commands, on their way to the workflows that wait.",
}

# What lies in every topic of dead letters.
_ASIDE: list[type[Contract]] = [DeadLetter, DeadLetterResent]


def documents() -> dict[str, str]:
    """Every generated file by its path below ``docs``."""
    made: dict[str, Any] = {"asyncapi.json": _asyncapi(), "schemas/envelope.json": _schema("envelope", Envelope)}
    for contract in product_contracts():
        made[f"schemas/{contract.TYPE}.json"] = _schema(contract.TYPE, contract)
        if result := result_of(contract):
            made[f"schemas/{contract.TYPE}.result.json"] = _schema(f"{contract.TYPE}.result", result)
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in made.items()}


def write_documents(folder: Path) -> list[Path]:
    """Write all documents and remove schemas of types that are no more; returns what was written."""
    wanted = {folder / path: content for path, content in documents().items()}
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for old in set((folder / "schemas").glob("*.json")) - set(wanted):
        old.unlink()
    for path, content in wanted.items():
        path.write_text(content, encoding="utf-8")
    return sorted(wanted)


def result_of(contract: type[Contract]) -> type[Contract] | None:
    """What a command answers."""
    return contract.RESULT if issubclass(contract, Command) else None


def _schema(name: str, model: type[Contract] | type[Envelope]) -> dict[str, Any]:
    return {"$schema": _DRAFT, "$id": f"urn:unioncard:schema:{name}", **model.model_json_schema(mode="serialization")}


def _asyncapi() -> dict[str, Any]:
    contracts = [contract for contract in product_contracts() if contract.TOPIC]
    topics: dict[str, list[type[Contract]]] = {}
    for contract in contracts:
        topics.setdefault(contract.TOPIC, []).append(contract)
    for topic in sorted(topics):
        topics[topic + DEAD] = _ASIDE
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "unioncard",
            "version": "1",
            "description": "Messages between the services and the workflows, seen from the services. Every message "
            "may come twice and must count once: events by source and id, commands by idempotencykey.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {
                    "bootstrap": {"description": "the setting UNIONCARD_KAFKA", "default": "127.0.0.1:18011"}
                },
            }
        },
        "channels": {topic: _channel(topic, kinds) for topic, kinds in sorted(topics.items())},
        "operations": {_operation_name(topic, kinds): _operation(topic, kinds) for topic, kinds in topics.items()},
        "components": {"messages": {c.TYPE: _message(c) for c in [*contracts, *_ASIDE]}},
    }


def _channel(topic: str, kinds: list[type[Contract]]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": _explained(kinds),
        "messages": {c.TYPE: {"$ref": f"#/components/messages/{c.TYPE}"} for c in kinds},
    }


def _explained(kinds: list[type[Contract]]) -> str:
    texts = (text for kind, text in _EXPLAINED.items() if issubclass(kinds[0], kind))
    return next(texts, "Messages that no number of tries could handle, whole and with the reason; resends are noted.")


def _operation_name(topic: str, kinds: list[type[Contract]]) -> str:
    return f"{'receive' if issubclass(kinds[0], Command) else 'send'} {topic}"


def _operation(topic: str, kinds: list[type[Contract]]) -> dict[str, Any]:
    receives = issubclass(kinds[0], Command)
    operation: dict[str, Any] = {
        "action": "receive" if receives else "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{c.TYPE}"} for c in kinds],
    }
    if receives:
        answers = (replies.CommandSucceeded, replies.CommandRefused, replies.CommandFailed)
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{replies.TOPIC}"},
            "messages": [{"$ref": f"#/channels/{replies.TOPIC}/messages/{c.TYPE}"} for c in answers],
        }
    return operation


def _message(contract: type[Contract]) -> dict[str, Any]:
    required = ["idempotencykey"] if issubclass(contract, Command | Reply) else []
    schema: dict[str, Any] = {
        "allOf": [{"$ref": "./schemas/envelope.json"}],
        "properties": {"type": {"const": contract.TYPE}, "data": {"$ref": f"./schemas/{contract.TYPE}.json"}},
        "required": ["type", "data", *required],
    }
    message: dict[str, Any] = {
        "name": contract.TYPE,
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " "),
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": schema},
    }
    if result_of(contract):
        message["x-result"] = {"$ref": f"./schemas/{contract.TYPE}.result.json"}
    return message


if __name__ == "__main__":
    for written in write_documents(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        sys.stdout.write(f"{written}\n")
