"""The bank's payouts: batches, payouts and the answers given. All functions run in the store's threads."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson

from partner_sandbox.bank import accounts, deliveries, life_store
from partner_sandbox.bank.life import CLASS_TWO_FEN
from partner_sandbox.bank.store import line_up
from partner_sandbox.behaviour import Behaviour, chance
from partner_sandbox.payouts.models import PayoutBatch

Received = Literal["ok", "repeat", "conflict"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What answering one batch came to."""

    paid: int
    returned: int


def receive(
    connection: sqlite3.Connection,
    batch: PayoutBatch,
    raw: bytes,
    traceparent: str | None,
    behaviour: Behaviour,
    moment: datetime,
    due_at: float,
) -> tuple[Received, str]:
    """Take a batch in, once: ``(outcome, accepted_at)`` of the first time it came.

    A payout number that came in another batch makes the whole batch a conflict: no payout is ever made twice.
    """
    digest = sha256(raw).digest()
    known = connection.execute(
        "SELECT request, request_hash, accepted_at FROM payout_batches WHERE batch_number = ?", [batch.batch_number]
    ).fetchone()
    if known is not None:
        same = digest == known["request_hash"] or orjson.loads(raw) == orjson.loads(known["request"])
        connection.execute(
            "UPDATE payout_batches SET times_received = times_received + ?, conflicts = conflicts + ?"
            " WHERE batch_number = ?",
            [same, not same, batch.batch_number],
        )
        return "repeat" if same else "conflict", known["accepted_at"]
    accepted_at = moment.isoformat()
    numbers = orjson.dumps([one.payout_number for one in batch.payouts]).decode()
    taken = connection.execute(
        "INSERT INTO anomalies (kind, member_id, batch_number, other_batch, found_at)"
        " SELECT 'payout_again', payout_number, ?, batch_number, ? FROM payouts"
        " WHERE payout_number IN (SELECT value FROM json_each(?))",
        [batch.batch_number, accepted_at, numbers],
    ).rowcount
    if taken:
        return "conflict", accepted_at
    connection.execute(
        "INSERT INTO payout_batches (batch_number, request, request_hash, traceparent, behaviour, payouts, total_fen,"
        " times_received, accepted_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
        [
            batch.batch_number,
            raw,
            digest,
            traceparent,
            behaviour.model_dump_json(),
            batch.count,
            batch.total_fen,
            accepted_at,
            due_at,
        ],
    )
    connection.executemany(
        "INSERT INTO payouts (payout_number, batch_number, account_number, amount_fen) VALUES (?, ?, ?, ?)",
        [(one.payout_number, batch.batch_number, one.account_number, one.amount_fen) for one in batch.payouts],
    )
    return "ok", accepted_at


def next_due(connection: sqlite3.Connection) -> tuple[str, float] | None:
    """The batch whose outcomes become known next, and when (wall time); None when none is pending."""
    row = connection.execute(
        "SELECT batch_number, due_at FROM payout_batches WHERE answered = 0 ORDER BY due_at LIMIT 1"
    ).fetchone()
    return (row["batch_number"], row["due_at"]) if row else None


def answer(connection: sqlite3.Connection, batch_number: str, moment: datetime, wall: float) -> Answered | None:
    """Pay what can be paid and line up the callbacks, in one transaction. None: nothing to answer."""
    row = connection.execute(
        "SELECT request, behaviour, traceparent FROM payout_batches WHERE batch_number = ? AND answered = 0",
        [batch_number],
    ).fetchone()
    if row is None:
        return None
    behaviour = Behaviour.model_validate_json(row["behaviour"])
    payouts = connection.execute(
        "SELECT payout_number, account_number, amount_fen FROM payouts WHERE batch_number = ? ORDER BY payout_number",
        [batch_number],
    ).fetchall()
    refused = accounts.refusals(connection, (one["account_number"] for one in payouts), moment.date())
    over = _over_limit(connection, row["request"])

    def reason(one: sqlite3.Row) -> str | None:
        foreseen = refused.get(one["account_number"]) or over.get(one["payout_number"])
        return foreseen or _unforeseen(behaviour, one)

    results = [_result(one, reason(one)) for one in payouts]
    _record(connection, results)
    connection.execute("UPDATE payout_batches SET answered = 1 WHERE batch_number = ?", [batch_number])
    _tell(connection, batch_number, results, behaviour, row["traceparent"], moment, wall)
    paid = sum(one["status"] == "paid" for one in results)
    return Answered(paid, len(results) - paid)


def send_back(
    connection: sqlite3.Connection, payout_number: str, reason_code: str, moment: datetime, wall: float
) -> bool:
    """Money that had arrived comes back; tells it in an answer of its own. Whether there was such a payout."""
    row = connection.execute(
        "SELECT p.payout_number, p.amount_fen, p.batch_number, b.behaviour, b.traceparent FROM payouts p"
        " JOIN payout_batches b ON b.batch_number = p.batch_number WHERE p.payout_number = ? AND p.status = 'paid'",
        [payout_number],
    ).fetchone()
    if row is None:
        return False
    results = [_result(row, reason_code)]
    _record(connection, results)
    behaviour = Behaviour.model_validate_json(row["behaviour"])
    _tell(connection, row["batch_number"], results, behaviour, row["traceparent"], moment, wall)
    return True


def _result(payout: sqlite3.Row, reason_code: str | None) -> dict[str, Any]:
    result = {"payout_number": payout["payout_number"], "amount_fen": payout["amount_fen"]}
    if reason_code is None:
        return result | {"status": "paid"}
    return result | {"status": "returned", "reason_code": reason_code, "reason": accounts.REASONS[reason_code]}


def _over_limit(connection: sqlite3.Connection, request: bytes) -> dict[str, str]:
    """Payouts that a class II account does not take without the exemption, which nobody has claimed for them.

    Each by itself: what else came in that day or year is not added up.
    """
    payouts: list[dict[str, Any]] = orjson.loads(request)["payouts"]
    large = [one for one in payouts if one["amount_fen"] > CLASS_TWO_FEN and not one.get("limits_exempt")]
    limited = life_store.class_two(connection, [one["account_number"] for one in large])
    return {one["payout_number"]: "OVER_LIMIT" for one in large if one["account_number"] in limited}


def _unforeseen(behaviour: Behaviour, payout: sqlite3.Row) -> str | None:
    """A reason that nobody could know before, at the rate that is set."""
    number = payout["payout_number"]
    if chance(behaviour.seed, "return", number) >= behaviour.bank.return_rate:
        return None
    reasons = accounts.UNFORESEEN
    return reasons[int(chance(behaviour.seed, "return-reason", number) * len(reasons))]


def _record(connection: sqlite3.Connection, results: list[dict[str, Any]]) -> None:
    connection.executemany(
        "UPDATE payouts SET status = ?, reason_code = ? WHERE payout_number = ?",
        [(one["status"], one.get("reason_code"), one["payout_number"]) for one in results],
    )


def _tell(
    connection: sqlite3.Connection,
    batch_number: str,
    results: list[dict[str, Any]],
    behaviour: Behaviour,
    traceparent: str | None,
    moment: datetime,
    wall: float,
) -> None:
    answered_at = moment.isoformat()
    seq = connection.execute(
        "INSERT INTO payout_answers (batch_number, answered_at, answered_on, results) VALUES (?, ?, ?, ?)",
        [batch_number, answered_at, moment.date().isoformat(), orjson.dumps(results)],
    ).lastrowid
    stem = f"{batch_number}-{seq}"
    planned = deliveries.plan(deliveries.PAYOUTS, behaviour, batch_number, answered_at, results, stem)
    line_up(connection, "payouts", planned, traceparent, wall)


def file_page(
    connection: sqlite3.Connection, until: str, since: str, cursor: int, limit: int
) -> tuple[list[bytes], int | None]:
    """Answers given between two Shanghai days, both included, as encoded entries; and the cursor of the next page."""
    rows = connection.execute(
        "SELECT seq, batch_number, answered_at, results FROM payout_answers"
        " WHERE seq > ? AND answered_on <= ? AND answered_on >= ? ORDER BY seq LIMIT ?",
        [cursor, until, since, limit + 1],
    ).fetchall()
    entries = [
        deliveries.encode(
            f"{row['batch_number']}-file-{row['seq']}",
            row["batch_number"],
            row["answered_at"],
            complete=True,
            results=orjson.Fragment(row["results"]),
        )
        for row in rows[:limit]
    ]
    return entries, rows[limit - 1]["seq"] if len(rows) > limit else None


_SUMMARY = """
SELECT (SELECT count(*) FROM payout_batches) AS batches_received,
       (SELECT coalesce(sum(times_received - 1), 0) FROM payout_batches) AS repeats,
       (SELECT coalesce(sum(conflicts), 0) FROM payout_batches) AS conflicting_repeats,
       (SELECT count(*) FROM payout_batches WHERE answered = 0) AS answers_pending,
       (SELECT count(*) FROM anomalies WHERE kind = 'payout_again') AS payouts_again,
       count(*) AS payouts_received,
       count(*) FILTER (WHERE status = 'paid') AS payouts_paid,
       count(*) FILTER (WHERE status = 'returned') AS payouts_returned,
       coalesce(sum(amount_fen) FILTER (WHERE status = 'paid'), 0) AS paid_fen,
       coalesce(sum(amount_fen) FILTER (WHERE status = 'returned'), 0) AS returned_fen
FROM payouts
"""


def summary(connection: sqlite3.Connection) -> dict[str, int]:
    """All counts of payouts, of one moment."""
    return dict(connection.execute(_SUMMARY).fetchone())


def payouts(connection: sqlite3.Connection, batch_number: str | None, cursor: int, limit: int) -> list[dict[str, Any]]:
    """Payouts in the order in which they came."""
    rows = connection.execute(
        "SELECT rowid AS id, payout_number, batch_number, account_number, amount_fen, status, reason_code FROM payouts"
        " WHERE rowid > :cursor AND (:batch IS NULL OR batch_number = :batch) ORDER BY rowid LIMIT :limit",
        {"cursor": cursor, "batch": batch_number, "limit": limit},
    )
    return [dict(row) for row in rows]
