"""The inbox: a message that comes twice counts once, and a command that comes again gets its first answer again.

Events are known by source and id, commands by their business key. A command is ``running`` while a call to a partner
is under way, ``answered`` once its final answer is stored. The claim is part of the handler's own transaction, so a
handler that fails leaves no trace of the message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.tables import PURGE_ROWS

_CLAIM = sa.text("""
    INSERT INTO inbox (key, state, addresses)
    SELECT key, state, CASE WHEN address IS NULL THEN '{}'::text[] ELSE ARRAY[address] END
    FROM unnest(CAST(:keys AS text[]), CAST(:states AS text[]), CAST(:addresses AS text[])) AS new(key, state, address)
    ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING key
""")

# FOR UPDATE: whoever answers a running command at this moment must see the address that joins it, or we its answer.
_KNOWN = sa.text("SELECT key, state, answer FROM inbox WHERE key = ANY(:keys) ORDER BY key FOR UPDATE")

_JOIN = sa.text("""
    UPDATE inbox SET addresses = addresses || new.address
    FROM unnest(CAST(:keys AS text[]), CAST(:addresses AS text[])) AS new(key, address)
    WHERE inbox.key = new.key AND state = 'running' AND NOT new.address = ANY(addresses)
""")

_ANSWER = sa.text("""
    UPDATE inbox SET state = 'answered', answer = CAST(new.answer AS jsonb), addresses = '{}'
    FROM unnest(CAST(:keys AS text[]), CAST(:answers AS text[])) AS new(key, answer)
    WHERE inbox.key = new.key
""")

_TAKE_ADDRESSES = sa.text("SELECT addresses FROM inbox WHERE key = :key AND state = 'running' FOR UPDATE")

_FORGET = sa.text("DELETE FROM inbox WHERE key = ANY(:keys)")

_PURGE = sa.text("""
    DELETE FROM inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM inbox
        WHERE received_at < clock_timestamp() - make_interval(days => :days) AND state <> 'running' LIMIT :rows))
""")


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that wants to be counted. ``address`` is None for events."""

    key: str
    state: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the inbox remembers of a key."""

    state: str
    answer: dict[str, Any] | None


async def claim(conn: AsyncConnection, claims: Sequence[Claim]) -> set[str]:
    """Claim keys with one statement; returns those that are new. Waits for a rival transaction on the same key."""
    rows = await conn.execute(
        _CLAIM,
        {
            "keys": [c.key for c in claims],
            "states": [c.state for c in claims],
            "addresses": [c.address for c in claims],
        },
    )
    return set(rows.scalars())


async def known(conn: AsyncConnection, keys: Sequence[str]) -> dict[str, Known]:
    """What is remembered of these keys, locked until the transaction ends."""
    rows = await conn.execute(_KNOWN, {"keys": list(keys)})
    return {key: Known(state, answer) for key, state, answer in rows}


async def join(conn: AsyncConnection, addresses: Sequence[tuple[str, str]]) -> None:
    """Add addresses to commands that are running: (key, address) each."""
    if addresses:
        await conn.execute(_JOIN, {"keys": [k for k, _ in addresses], "addresses": [a for _, a in addresses]})


async def answer(conn: AsyncConnection, answers: Mapping[str, dict[str, Any]]) -> None:
    """Store final answers by key."""
    if answers:
        texts = [orjson.dumps(value).decode() for value in answers.values()]
        await conn.execute(_ANSWER, {"keys": list(answers), "answers": texts})


async def take_addresses(conn: AsyncConnection, key: str) -> list[str]:
    """Everyone who waits for a running command, locked so that nobody can join unseen; empty if it does not run."""
    found = await conn.scalar(_TAKE_ADDRESSES, {"key": key})
    return list(found or [])


async def forget(conn: AsyncConnection, keys: Sequence[str]) -> None:
    """Drop claims, so that the next try of a command is worked on anew (retryable failures are never stored)."""
    await conn.execute(_FORGET, {"keys": list(keys)})


async def purge(conn: AsyncConnection, days: int) -> int:
    """Delete up to 10,000 claims older than ``days``, which must exceed the topics' retention. Returns how many."""
    return (await conn.execute(_PURGE, {"days": days, "rows": PURGE_ROWS})).rowcount
