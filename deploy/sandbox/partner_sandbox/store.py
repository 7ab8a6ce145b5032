"""The sandbox's own store: one SQLite file in WAL mode, written by one thread and read by another.

What is committed survives ``kill -9``. Batches and their results are kept as JSON, a row a batch; only cards and
payouts have a row each, since "who holds a live card" and "was this paid already" must be looked up across batches.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    batch_number TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    request BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    traceparent TEXT,
    behaviour TEXT NOT NULL,             -- as it was when the batch came: later changes do not touch it
    members INTEGER NOT NULL,
    times_received INTEGER NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0,
    accepted_at TEXT NOT NULL,
    due_at REAL NOT NULL,                -- wall time at which the outcomes become known
    answer_seq INTEGER UNIQUE,           -- order in which batches were answered; NULL while pending
    answered_at TEXT,
    answered_on TEXT,                    -- Shanghai day
    issued INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    results BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS batches_pending ON batches (due_at) WHERE answer_seq IS NULL;
CREATE TABLE IF NOT EXISTS cards (
    card_number INTEGER PRIMARY KEY,
    member_id TEXT NOT NULL,
    batch_number TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS cards_member ON cards (member_id);
-- The account behind a card, from the first time that something happens to it; until then its card and batch say all.
-- Whether money for a number arrives is asked of bank/life_store.py.
CREATE TABLE IF NOT EXISTS card_accounts (
    id INTEGER PRIMARY KEY,
    card_number INTEGER NOT NULL UNIQUE, -- the number that is good now; of a cancelled account its last
    opened_on TEXT NOT NULL,             -- Shanghai day
    state TEXT NOT NULL,                 -- open | lost_by_phone | lost_in_writing | cancelled
    account_class INTEGER NOT NULL,      -- 1 or 2
    activated_on TEXT,
    lost_at TEXT,
    numbers_kept INTEGER NOT NULL,       -- replacements that kept the number
    sequence INTEGER NOT NULL,           -- changes so far
    changed_at TEXT NOT NULL,
    changed_on TEXT NOT NULL             -- Shanghai day
) STRICT;
CREATE INDEX IF NOT EXISTS card_accounts_changed ON card_accounts (changed_on, id);
CREATE TABLE IF NOT EXISTS card_account_numbers (
    card_number INTEGER PRIMARY KEY,     -- every number an account ever had
    account_id INTEGER NOT NULL,
    place INTEGER NOT NULL               -- 0 for the first
) STRICT;
CREATE INDEX IF NOT EXISTS card_account_numbers_account ON card_account_numbers (account_id, place);
CREATE TABLE IF NOT EXISTS anomalies (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    member_id TEXT NOT NULL,
    batch_number TEXT NOT NULL,
    other_batch TEXT NOT NULL,
    found_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY,
    answer_id TEXT NOT NULL,
    batch_number TEXT NOT NULL,          -- '' where it is about none
    kind TEXT NOT NULL,                  -- answer | duplicate | unknown
    target TEXT NOT NULL DEFAULT 'cards', -- cards | lives | payouts: who is called back
    members INTEGER NOT NULL,
    body BLOB NOT NULL,
    traceparent TEXT,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',  -- pending | acknowledged | refused | given_up
    last_status INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS callbacks_pending ON callbacks (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS callbacks_batch ON callbacks (batch_number);
CREATE TABLE IF NOT EXISTS refused_accounts (
    number TEXT PRIMARY KEY,             -- told by control; what has no row here is open
    reason_code TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS payout_batches (
    batch_number TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    traceparent TEXT,
    behaviour TEXT NOT NULL,             -- as it was when the batch came
    payouts INTEGER NOT NULL,
    total_fen INTEGER NOT NULL,
    times_received INTEGER NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0,
    accepted_at TEXT NOT NULL,
    due_at REAL NOT NULL,                -- wall time at which the outcomes become known
    answered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS payout_batches_pending ON payout_batches (due_at) WHERE answered = 0;
CREATE TABLE IF NOT EXISTS payouts (
    payout_number TEXT PRIMARY KEY,
    batch_number TEXT NOT NULL,
    account_number TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,
    status TEXT,                         -- paid | returned; NULL while pending
    reason_code TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS payouts_batch ON payouts (batch_number);
CREATE TABLE IF NOT EXISTS payout_answers (
    seq INTEGER PRIMARY KEY,
    batch_number TEXT NOT NULL,
    answered_at TEXT NOT NULL,
    answered_on TEXT NOT NULL,           -- Shanghai day
    results BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS queries (
    partner TEXT NOT NULL,
    query_id TEXT NOT NULL,
    request BLOB NOT NULL,
    people INTEGER NOT NULL,
    times_received INTEGER NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0,
    first_at TEXT NOT NULL,
    PRIMARY KEY (partner, query_id)
) STRICT;
CREATE TABLE IF NOT EXISTS mails (
    key TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attachments TEXT NOT NULL,           -- names, sizes and digests; the files themselves are not kept
    times_received INTEGER NOT NULL,
    conflicts INTEGER NOT NULL DEFAULT 0,
    taken_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    traceparent TEXT,
    received_at TEXT NOT NULL,
    outcome TEXT,                        -- ok | repeat | conflict | malformed | unknown | fault; NULL = cut off
    fault TEXT,
    status INTEGER,
    items INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS requests_key ON requests (partner, key);
CREATE TABLE IF NOT EXISTS people (
    partner TEXT NOT NULL,
    document_number TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (partner, document_number)
) STRICT;
CREATE TABLE IF NOT EXISTS control (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

FORGET = (
    "DELETE FROM batches",
    "DELETE FROM cards",
    "DELETE FROM card_accounts",
    "DELETE FROM card_account_numbers",
    "DELETE FROM anomalies",
    "DELETE FROM callbacks",
    "DELETE FROM refused_accounts",
    "DELETE FROM payout_batches",
    "DELETE FROM payouts",
    "DELETE FROM payout_answers",
    "DELETE FROM queries",
    "DELETE FROM mails",
    "DELETE FROM requests",
    "DELETE FROM people",
    "DELETE FROM control",
)


# Columns that stores from before do not have.
ADDED = (("callbacks", "target", "TEXT NOT NULL DEFAULT 'cards'"),)


class Store:
    """The file and its two threads. SQL lives in the ``store.py`` of each room, as functions of a connection."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_thread = ThreadPoolExecutor(1, "store-writer")
        self._read_thread = ThreadPoolExecutor(1, "store-reader")
        self._writer = _connect(path)
        self._writer.executescript(SCHEMA)
        _add_columns(self._writer)
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only=ON")

    async def write(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Run ``work(connection, …)`` in a transaction of its own: all of it is kept, or none."""

        def transaction() -> T:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writer, *args, **kw)
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")
            return result

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, transaction)

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Run ``work(connection, …)`` on one snapshot of what is committed."""

        def snapshot() -> T:
            self._reader.execute("BEGIN")
            try:
                return work(self._reader, *args, **kw)
            finally:
                self._reader.execute("ROLLBACK")

        return await asyncio.get_running_loop().run_in_executor(self._read_thread, snapshot)

    def close(self) -> None:
        """Let the two threads finish what they began, then close the file."""
        self._read_thread.shutdown()
        self._write_thread.shutdown()
        self._reader.close()
        self._writer.close()


def wipe(connection: sqlite3.Connection) -> None:
    """Forget everything, registered people and the behaviour set by control included."""
    for statement in FORGET:
        connection.execute(statement)


def _add_columns(connection: sqlite3.Connection) -> None:
    for table, column, kind in ADDED:
        if column not in {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    # NORMAL does not sync at each commit: a killed process loses nothing, only a power cut could.
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
