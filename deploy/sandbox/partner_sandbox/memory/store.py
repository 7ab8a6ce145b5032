"""The memory's statements: every request as it came, and counts over what the partners did with it."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from partner_sandbox.bank import life_store
from partner_sandbox.payouts import store as payouts

Outcome = Literal["ok", "repeat", "conflict", "malformed", "unknown", "fault"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived."""

    partner: str
    method: str
    path: str
    key: str
    traceparent: str | None
    received_at: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A remembered request: its id, and how many with this key came before it."""

    id: int
    attempt: int


def open_request(connection: sqlite3.Connection, request: Request) -> Visit:
    """Remember a request before anything is done with it."""
    attempt = connection.execute(
        "SELECT count(*) FROM requests WHERE partner = ? AND key = ?", [request.partner, request.key]
    ).fetchone()[0]
    id_ = connection.execute(
        "INSERT INTO requests (partner, method, path, key, traceparent, received_at) VALUES (?, ?, ?, ?, ?, ?)",
        [
            request.partner,
            request.method,
            request.path,
            request.key,
            request.traceparent,
            request.received_at,
        ],
    ).lastrowid
    assert id_ is not None
    return Visit(id_, attempt)


def close_request(
    connection: sqlite3.Connection, id_: int, outcome: Outcome, fault: str | None, status: int, items: int
) -> None:
    """Remember how it ended."""
    connection.execute(
        "UPDATE requests SET outcome = ?, fault = ?, status = ?, items = ? WHERE id = ?",
        [outcome, fault, status or None, items, id_],
    )


_BANK = """
SELECT count(*) AS batches_received,
       coalesce(sum(times_received - 1), 0) AS repeats,
       coalesce(sum(conflicts), 0) AS conflicting_repeats,
       coalesce(sum(members), 0) AS members_received,
       coalesce(sum(issued), 0) AS members_issued,
       coalesce(sum(failed), 0) AS members_failed,
       (SELECT count(*) FROM cards) AS cards_issued,
       (SELECT count(*) FROM anomalies WHERE kind = 'double_issue') AS double_issues,
       count(answer_seq) AS batches_answered,
       count(*) - count(answer_seq) AS answers_pending
FROM batches
"""

_CALLBACKS = """
SELECT count(*) AS callbacks_planned,
       coalesce(sum(tries), 0) AS callbacks_sent,
       count(*) FILTER (WHERE state = 'acknowledged') AS callbacks_acknowledged,
       count(*) FILTER (WHERE state = 'pending') AS callbacks_pending,
       count(*) FILTER (WHERE state = 'refused') AS callbacks_refused,
       count(*) FILTER (WHERE state = 'given_up') AS callbacks_given_up,
       count(*) FILTER (WHERE kind = 'duplicate') AS duplicate_callbacks,
       count(*) FILTER (WHERE kind = 'unknown') AS unknown_batch_callbacks
FROM callbacks
"""

_OFFICE = """
SELECT count(*) AS queries_received,
       coalesce(sum(times_received - 1), 0) AS repeats,
       coalesce(sum(conflicts), 0) AS conflicting_repeats,
       coalesce(sum(people), 0) AS people_received
FROM queries WHERE partner = ?
"""

_MAIL = """
SELECT count(*) AS messages_received,
       coalesce(sum(times_received - 1), 0) AS repeats,
       coalesce(sum(conflicts), 0) AS conflicting_repeats
FROM mails
"""

_REQUESTS = """
SELECT count(*) AS requests_received,
       count(*) FILTER (WHERE outcome = 'malformed') AS malformed_requests,
       count(*) FILTER (WHERE fault IS NOT NULL) AS faults_played
FROM requests
"""


def summary(connection: sqlite3.Connection) -> Row:
    """All counts, of one moment."""
    counts: Row = {}
    for statement in (_BANK, _CALLBACKS, _REQUESTS):
        counts |= dict(connection.execute(statement).fetchone())
    for office in ("population", "social_security"):
        counts[office] = dict(connection.execute(_OFFICE, [office]).fetchone())
    counts["card_accounts"] = life_store.counts(connection)
    counts["mail"] = dict(connection.execute(_MAIL).fetchone())
    counts["payouts"] = payouts.summary(connection)
    return counts


_BATCH = """
SELECT rowid AS id, batch_number, channel, times_received, conflicts, members, issued, failed,
       answer_seq IS NOT NULL AS answered, accepted_at, answered_at,
       (SELECT count(*) FROM callbacks c WHERE c.batch_number = batches.batch_number) AS callbacks_planned,
       (SELECT count(*) FROM callbacks c WHERE c.batch_number = batches.batch_number AND state = 'acknowledged')
           AS callbacks_acknowledged,
       (SELECT count(*) FROM callbacks c WHERE c.batch_number = batches.batch_number AND state = 'pending')
           AS callbacks_pending
FROM batches
"""


def batches(connection: sqlite3.Connection, cursor: int, limit: int) -> list[Row]:
    """Batches in the order in which they first came."""
    return _rows(connection.execute(_BATCH + " WHERE rowid > ? ORDER BY rowid LIMIT ?", [cursor, limit]))


def batch(connection: sqlite3.Connection, batch_number: str) -> Row | None:
    """One batch with its request, its results, its callbacks and the requests that concerned it."""
    found = _rows(connection.execute(_BATCH + " WHERE batch_number = ?", [batch_number]))
    if not found:
        return None
    stored = connection.execute(
        "SELECT request, results, traceparent FROM batches WHERE batch_number = ?", [batch_number]
    ).fetchone()
    callbacks = connection.execute(
        "SELECT id, answer_id, kind, members, tries, state, last_status, last_error FROM callbacks"
        " WHERE batch_number = ? ORDER BY id",
        [batch_number],
    )
    return found[0] | {
        "traceparent": stored["traceparent"],
        "request": orjson.Fragment(stored["request"]),
        "results": orjson.Fragment(stored["results"]) if stored["results"] is not None else None,
        "callbacks": [dict(row) for row in callbacks],
        "requests": requests(connection, "bank", batch_number, None, 0, 1000),
    }


def requests(
    connection: sqlite3.Connection, partner: str | None, key: str | None, outcome: str | None, cursor: int, limit: int
) -> list[Row]:
    """Requests in the order in which they came; those that a crash cut off have no outcome."""
    return _rows(
        connection.execute(
            "SELECT * FROM requests WHERE id > :cursor AND (:partner IS NULL OR partner = :partner)"
            " AND (:key IS NULL OR key = :key) AND (:outcome IS NULL OR outcome = :outcome) ORDER BY id LIMIT :limit",
            {"cursor": cursor, "partner": partner, "key": key, "outcome": outcome, "limit": limit},
        )
    )


def queries(connection: sqlite3.Connection, partner: str | None, cursor: int, limit: int) -> list[Row]:
    """Queries to the offices in the order in which they first came."""
    return _rows(
        connection.execute(
            "SELECT rowid AS id, partner, query_id, people, times_received, conflicts, first_at FROM queries"
            " WHERE rowid > :cursor AND (:partner IS NULL OR partner = :partner) ORDER BY rowid LIMIT :limit",
            {"cursor": cursor, "partner": partner, "limit": limit},
        )
    )


def anomalies(connection: sqlite3.Connection, cursor: int, limit: int) -> list[Row]:
    """What should not have happened, in the order in which it was found."""
    return _rows(connection.execute("SELECT * FROM anomalies WHERE id > ? ORDER BY id LIMIT ?", [cursor, limit]))


def _rows(cursor: sqlite3.Cursor) -> list[Row]:
    return [dict(row) for row in cursor]
