"""The bank's tables: batches, cards and the callbacks still to be made. All functions run in the store's threads."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson

from partner_sandbox.bank import deliveries, rules
from partner_sandbox.bank.models import Batch
from partner_sandbox.behaviour import Behaviour

Received = Literal["ok", "repeat", "conflict"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What answering one batch came to."""

    issued: int
    failed: int
    double_issues: int
    callbacks: int


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback to be made."""

    target: str
    body: bytes
    traceparent: str | None
    tries: int


def receive(
    connection: sqlite3.Connection,
    batch: Batch,
    raw: bytes,
    traceparent: str | None,
    behaviour: Behaviour,
    moment: datetime,
    due_at: float,
) -> tuple[Received, str, int]:
    """Take a batch in, once: ``(outcome, accepted_at, members)`` of the first time it came."""
    digest = sha256(raw).digest()
    known = connection.execute(
        "SELECT request, request_hash, accepted_at, members FROM batches WHERE batch_number = ?", [batch.batch_number]
    ).fetchone()
    if known is None:
        accepted_at = moment.isoformat()
        connection.execute(
            "INSERT INTO batches (batch_number, channel, request, request_hash, traceparent, behaviour, members,"
            " times_received, accepted_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            [
                batch.batch_number,
                batch.channel,
                raw,
                digest,
                traceparent,
                behaviour.model_dump_json(),
                len(batch.members),
                accepted_at,
                due_at,
            ],
        )
        return "ok", accepted_at, len(batch.members)
    # The same request may be written differently (order of keys, spaces); what it says is what counts.
    same = digest == known["request_hash"] or orjson.loads(raw) == orjson.loads(known["request"])
    connection.execute(
        "UPDATE batches SET times_received = times_received + ?, conflicts = conflicts + ? WHERE batch_number = ?",
        [same, not same, batch.batch_number],
    )
    return "repeat" if same else "conflict", known["accepted_at"], known["members"]


def next_due(connection: sqlite3.Connection) -> tuple[str, float] | None:
    """The batch whose outcomes become known next, and when (wall time); None when none is pending."""
    row = connection.execute(
        "SELECT batch_number, due_at FROM batches WHERE answer_seq IS NULL ORDER BY due_at LIMIT 1"
    ).fetchone()
    return (row["batch_number"], row["due_at"]) if row else None


def answer(connection: sqlite3.Connection, batch_number: str, moment: datetime, wall: float) -> Answered | None:
    """Judge every member, make the cards and line up the callbacks, in one transaction. None: nothing to answer."""
    row = connection.execute(
        "SELECT request, channel, behaviour, traceparent FROM batches WHERE batch_number = ? AND answer_seq IS NULL",
        [batch_number],
    ).fetchone()
    if row is None:
        return None
    behaviour = Behaviour.model_validate_json(row["behaviour"])
    results, double_issues = _judge(connection, batch_number, row["channel"], row["request"], behaviour, moment)
    issued = sum(one["status"] == "issued" for one in results)
    answered_at = moment.isoformat()
    connection.execute(
        "UPDATE batches SET answer_seq = (SELECT coalesce(max(answer_seq), 0) + 1 FROM batches), answered_at = ?,"
        " answered_on = ?, issued = ?, failed = ?, results = ? WHERE batch_number = ?",
        [
            answered_at,
            moment.date().isoformat(),
            issued,
            len(results) - issued,
            orjson.dumps(results),
            batch_number,
        ],
    )
    planned = deliveries.plan(deliveries.CARDS, behaviour, batch_number, answered_at, results)
    line_up(connection, "cards", planned, row["traceparent"], wall)
    return Answered(issued, len(results) - issued, double_issues, len(planned))


def line_up(
    connection: sqlite3.Connection,
    target: str,
    planned: Sequence[deliveries.Delivery],
    traceparent: str | None,
    wall: float,
) -> None:
    """Note callbacks to be made; ``target`` names who is called (:mod:`partner_sandbox.bank.callbacks`)."""
    connection.executemany(
        "INSERT INTO callbacks (target, answer_id, batch_number, kind, members, body, traceparent, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (target, d.answer_id, d.batch_number, d.kind, d.members, d.body, traceparent, wall + d.after_ms / 1000)
            for d in planned
        ],
    )


def _judge(
    connection: sqlite3.Connection,
    batch_number: str,
    channel: str,
    request: bytes,
    behaviour: Behaviour,
    moment: datetime,
) -> tuple[list[dict[str, Any]], int]:
    members: list[dict[str, Any]] = orjson.loads(request)["members"]
    issued_at, today = moment.isoformat(), moment.date()
    reasons = [rules.refusal(member, channel, behaviour.bank, behaviour.seed, today) for member in members]
    accepted = [str(m["member_id"]) for m, reason in zip(members, reasons, strict=True) if reason is None]
    double_issues = _note_double_issues(connection, batch_number, accepted, issued_at)
    cards = _make_cards(connection, batch_number, accepted)
    results: list[dict[str, Any]] = []
    for member, reason in zip(members, reasons, strict=True):
        result = {"member_id": member["member_id"], "member_number": member["member_number"]}
        if reason is None:
            result |= {"status": "issued", "card_number": cards[str(member["member_id"])], "issued_at": issued_at}
        else:
            result |= {"status": "failed", "reason_code": reason, "reason": rules.REASONS[reason]}
        results.append(result)
    return results, double_issues


def _note_double_issues(connection: sqlite3.Connection, batch_number: str, members: list[str], moment: str) -> int:
    """Remember members who already hold a live card of another batch; the bank makes them a second one all the same.

    A card whose account was cancelled is no live one.
    """
    return connection.execute(
        "INSERT INTO anomalies (kind, member_id, batch_number, other_batch, found_at)"
        " SELECT 'double_issue', member_id, ?, batch_number, ? FROM cards"
        " WHERE member_id IN (SELECT value FROM json_each(?)) AND card_number NOT IN (SELECT n.card_number"
        " FROM card_account_numbers n JOIN card_accounts a ON a.id = n.account_id WHERE a.state = 'cancelled')",
        [batch_number, moment, orjson.dumps(members).decode()],
    ).rowcount


def _make_cards(connection: sqlite3.Connection, batch_number: str, members: list[str]) -> dict[str, str]:
    """A card number per member, unique over all cards ever made; statements do not grow with the members."""
    cards: dict[str, str] = {}
    waiting, turn = members, 0
    while waiting:
        wanted = {member: rules.card_number(member, batch_number, turn) for member in waiting}
        made = connection.execute(
            "INSERT INTO cards (card_number, member_id, batch_number) SELECT value, key, ? FROM json_each(?)"
            " WHERE value NOT IN (SELECT card_number FROM card_account_numbers)"
            " ON CONFLICT (card_number) DO NOTHING RETURNING member_id",
            [batch_number, orjson.dumps({member: int(number) for member, number in wanted.items()}).decode()],
        ).fetchall()
        cards |= {row["member_id"]: wanted[row["member_id"]] for row in made}
        waiting, turn = [member for member in waiting if member not in cards], turn + 1
    return cards


def due_callbacks(connection: sqlite3.Connection, wall: float, limit: int) -> tuple[list[int], float | None]:
    """Ids of the callbacks to be made now, oldest first, and when the next one after ``wall`` is due."""
    rows = connection.execute(
        "SELECT id FROM callbacks WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, id LIMIT ?",
        [wall, limit],
    ).fetchall()
    later = connection.execute(
        "SELECT min(due_at) AS due_at FROM callbacks WHERE state = 'pending' AND due_at > ?", [wall]
    ).fetchone()
    return [row["id"] for row in rows], later["due_at"]


def callback(connection: sqlite3.Connection, id_: int) -> Callback | None:
    """One callback; None when the sandbox has been reset meanwhile."""
    row = connection.execute("SELECT target, body, traceparent, tries FROM callbacks WHERE id = ?", [id_]).fetchone()
    return Callback(*row) if row else None


def settle_callback(
    connection: sqlite3.Connection,
    id_: int,
    state: Literal["pending", "acknowledged", "refused", "given_up"],
    status: int | None,
    error: str | None,
    due_at: float,
) -> None:
    """Write down how a try went; ``pending`` means another at ``due_at``."""
    connection.execute(
        "UPDATE callbacks SET tries = tries + 1, state = ?, last_status = ?, last_error = ?, due_at = ? WHERE id = ?",
        [state, status, error, due_at, id_],
    )


def pending_counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """Batches without an outcome, and callbacks still to be delivered."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM batches WHERE answer_seq IS NULL)"
        " + (SELECT count(*) FROM payout_batches WHERE answered = 0),"
        " (SELECT count(*) FROM callbacks WHERE state = 'pending')"
    ).fetchone()
    return row[0], row[1]


def state_page(
    connection: sqlite3.Connection, until: str, since: str, cursor: int, limit: int
) -> tuple[list[bytes], int | None]:
    """Answers known between two Shanghai days, both included, as encoded entries; and the cursor of the next page."""
    rows = connection.execute(
        "SELECT answer_seq, batch_number, answered_at, results FROM batches"
        " WHERE answer_seq > ? AND answered_on <= ? AND answered_on >= ? ORDER BY answer_seq LIMIT ?",
        [cursor, until, since, limit + 1],
    ).fetchall()
    entries = [
        deliveries.encode(
            state_answer_id(row["batch_number"]),
            row["batch_number"],
            row["answered_at"],
            complete=True,
            results=orjson.Fragment(row["results"]),
        )
        for row in rows[:limit]
    ]
    return entries, rows[limit - 1]["answer_seq"] if len(rows) > limit else None


def state_of(connection: sqlite3.Connection, batch_number: str) -> bytes | None:
    """What the bank knows of one batch, encoded; None for a batch it never accepted."""
    row = connection.execute(
        "SELECT batch_number, accepted_at, answered_at, results FROM batches WHERE batch_number = ?", [batch_number]
    ).fetchone()
    if row is None:
        return None
    answered = row["answered_at"] is not None
    return orjson.dumps(
        {
            "batch_number": batch_number,
            "state": "answered" if answered else "pending",
            "accepted_at": row["accepted_at"],
            "answer_id": state_answer_id(batch_number) if answered else None,
            "answered_at": row["answered_at"],
            "complete": answered,
            "results": orjson.Fragment(row["results"]) if answered else [],
        }
    )


def state_answer_id(batch_number: str) -> str:
    """Unlike any callback's: who has counted a callback must still take the state file, which may hold more."""
    return f"{batch_number}-state"
