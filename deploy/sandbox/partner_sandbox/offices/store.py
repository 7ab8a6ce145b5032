"""The offices' tables: who is registered with a status, and which queries came. Run in the store's threads."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeVar

import orjson

Received = Literal["ok", "repeat", "conflict"]
Status = TypeVar("Status", bound=str)


def register(connection: sqlite3.Connection, partner: str, people: Mapping[Status, Sequence[str]]) -> int:
    """Set the status of these document numbers; how many there were."""
    rows = [(partner, number, status) for status, numbers in people.items() for number in numbers]
    connection.executemany(
        "INSERT INTO people (partner, document_number, status) VALUES (?, ?, ?)"
        " ON CONFLICT (partner, document_number) DO UPDATE SET status = excluded.status",
        rows,
    )
    return len(rows)


def receive(
    connection: sqlite3.Connection, partner: str, query_id: str, raw: bytes, numbers: Sequence[str], moment: datetime
) -> tuple[Received, dict[str, str]]:
    """Remember a query; whether it came before, and the status of each registered document number in it."""
    known = connection.execute(
        "SELECT request FROM queries WHERE partner = ? AND query_id = ?", [partner, query_id]
    ).fetchone()
    outcome: Received = "ok"
    if known is None:
        connection.execute(
            "INSERT INTO queries (partner, query_id, request, people, times_received, first_at)"
            " VALUES (?, ?, ?, ?, 1, ?)",
            [partner, query_id, raw, len(numbers), moment.isoformat()],
        )
    else:
        same = raw == known["request"] or orjson.loads(raw) == orjson.loads(known["request"])
        outcome = "repeat" if same else "conflict"
        connection.execute(
            "UPDATE queries SET times_received = times_received + ?, conflicts = conflicts + ?"
            " WHERE partner = ? AND query_id = ?",
            [same, not same, partner, query_id],
        )
    statuses = connection.execute(
        "SELECT document_number, status FROM people"
        " WHERE partner = ? AND document_number IN (SELECT value FROM json_each(?))",
        [partner, orjson.dumps(numbers).decode()],
    )
    return outcome, {row["document_number"]: row["status"] for row in statuses}
