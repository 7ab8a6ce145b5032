"""The mail partner's table: what it took, once a key. Runs in the store's threads."""

import sqlite3
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson

from partner_sandbox.mail.models import Mail

Received = Literal["ok", "repeat", "conflict"]


def receive(connection: sqlite3.Connection, key: str, mail: Mail, moment: datetime) -> tuple[Received, str]:
    """Take a message; whether its key came before, and when it was taken first.

    Attachments are made anew by each try and may differ in their bytes; a key is one message to one address.
    """
    known = connection.execute("SELECT recipient, subject, taken_at FROM mails WHERE key = ?", [key]).fetchone()
    if known is None:
        attachments = [
            {"name": one.name, "media_type": one.media_type, "bytes": len(one.content),
             "sha256": sha256(one.content).hexdigest()}
            for one in mail.attachments
        ]  # fmt: skip
        connection.execute(
            "INSERT INTO mails (key, recipient, subject, body, attachments, times_received, taken_at)"
            " VALUES (?, ?, ?, ?, ?, 1, ?)",
            [key, mail.to, mail.subject, mail.text, orjson.dumps(attachments).decode(), moment.isoformat()],
        )
        return "ok", moment.isoformat()
    same = (known["recipient"], known["subject"]) == (mail.to, mail.subject)
    connection.execute(
        "UPDATE mails SET times_received = times_received + ?, conflicts = conflicts + ? WHERE key = ?",
        [same, not same, key],
    )
    return ("repeat" if same else "conflict"), str(known["taken_at"])


def mails(connection: sqlite3.Connection, key: str | None, cursor: int, limit: int) -> list[dict[str, Any]]:
    """Messages in the order in which they first came."""
    rows = connection.execute(
        "SELECT rowid AS id, key, recipient, subject, body, attachments, times_received, conflicts, taken_at"
        " FROM mails WHERE rowid > :cursor AND (:key IS NULL OR key = :key) ORDER BY rowid LIMIT :limit",
        {"key": key, "cursor": cursor, "limit": limit},
    )
    return [dict(row) | {"attachments": orjson.loads(row["attachments"])} for row in rows]
