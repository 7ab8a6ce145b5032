"""``Idempotency-Key``: a POST that comes twice, even at once, makes one thing and gets one answer."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Principal
from unioncard.problems import Problem
from unioncard.tables import PURGE_ROWS
from unioncard.unit_of_work import Transaction

# In one order, so that two sets of keys never wait for each other.
_CLAIM = sa.text("""
    INSERT INTO idempotency_keys (account_id, operation, key, fingerprint)
    SELECT * FROM unnest(CAST(:accounts AS bigint[]), CAST(:operations AS text[]), CAST(:keys AS text[]),
                         CAST(:fingerprints AS text[])) AS new(account_id, operation, key, fingerprint)
    ORDER BY account_id, operation, key
    ON CONFLICT DO NOTHING
    RETURNING account_id, operation, key
""")
_FIND = sa.text("""
    SELECT fingerprint, status, answer FROM idempotency_keys
    WHERE account_id = :account AND operation = :operation AND key = :key
""")
_STORE = sa.text("""
    UPDATE idempotency_keys k SET status = :status, answer = CAST(new.answer AS jsonb)
    FROM unnest(CAST(:accounts AS bigint[]), CAST(:operations AS text[]), CAST(:keys AS text[]),
                CAST(:answers AS text[])) AS new(account_id, operation, key, answer)
    WHERE (k.account_id, k.operation, k.key) = (new.account_id, new.operation, new.key)
""")
_PURGE = sa.text("""
    DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM idempotency_keys
        WHERE created_at < clock_timestamp() - make_interval(days => :days) LIMIT :rows))
""")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key and what it is bound to (method and path)."""

    key: str
    operation: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose key it is, what it is bound to, and the hash of the request's content."""

    account_id: int
    operation: str
    key: str
    fingerprint: str

    @property
    def id(self) -> tuple[int, str, str]:
        """What makes the key one."""
        return self.account_id, self.operation, self.key


# A coroutine, as every dependency: any other takes a turn in a thread, which costs as much as a statement.
async def _request_key(
    request: Request,
    idempotency_key: Annotated[
        str,
        Header(
            min_length=8,
            max_length=100,
            pattern=r"^[A-Za-z0-9._:-]+$",
            description="由调用方生成的唯一值；同一请求重发时保持不变",
        ),
    ],
) -> RequestKey:
    return RequestKey(idempotency_key, f"{request.method} {request.url.path}")


IdempotencyKey = Annotated[RequestKey, Depends(_request_key)]


async def once(
    tx: Transaction,
    principal: Principal,
    key: RequestKey,
    content: bytes | BaseModel,
    make: Callable[[], Awaitable[BaseModel]],
    *,
    status: int = 201,
) -> Response:
    """Run ``make`` once for this key, in this transaction, and give its answer to every repeat.

    Two at once: the second waits on the first's row until that transaction ends. The same key with other content is
    refused (422 ``idempotency-key-reused``). A refusal (a raised problem) rolls back and stores nothing.
    """
    claim = claim_of(principal, key, content)
    if not await claim_all(tx.conn, [claim]):
        known = await answered(tx.conn, claim)
        assert known is not None  # whoever took the key has committed, or this one would have it
        return known
    (response,) = await store_all(tx.conn, [claim], [await make()], status)
    return response


async def answered(conn: AsyncConnection, claim: Claim) -> Response | None:
    """The answer that a request with this key was given, None if there was none.

    For an endpoint that looks at the state of things before its transaction, as one does that takes files: whoever
    repeats a request is told what came of it, not that it cannot be done any more. Raises as :func:`once`.
    """
    values = {"account": claim.account_id, "operation": claim.operation, "key": claim.key}
    found = (await conn.execute(_FIND, values)).one_or_none()
    if found is None:
        return None
    if found.fingerprint != claim.fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "同一个幂等键不能用于不同的内容",
            "请为新的请求生成新的 Idempotency-Key。",
        )
    return JSONResponse(found.answer, found.status, headers={"Idempotent-Replay": "true"})


def claim_of(principal: Principal, key: RequestKey, content: bytes | BaseModel) -> Claim:
    """A request as its key knows it."""
    body = content if isinstance(content, bytes) else content.model_dump_json().encode()
    return Claim(principal.account_id, key.operation, key.key, hashlib.sha256(body).hexdigest())


async def claim_all(conn: AsyncConnection, claims: Sequence[Claim]) -> set[tuple[int, str, str]]:
    """Take the keys of these requests until the transaction ends, with one statement; ``id`` of those that are new.

    A key that somebody else takes at the moment is waited for.
    """
    values = {
        "accounts": [one.account_id for one in claims],
        "operations": [one.operation for one in claims],
        "keys": [one.key for one in claims],
        "fingerprints": [one.fingerprint for one in claims],
    }
    return {(row.account_id, row.operation, row.key) for row in await conn.execute(_CLAIM, values)}


async def store_all(
    conn: AsyncConnection, claims: Sequence[Claim], answers: Sequence[BaseModel], status: int
) -> list[Response]:
    """Keep the answers of requests whose keys were new, with one statement; the answers as responses."""
    values = {
        "accounts": [one.account_id for one in claims],
        "operations": [one.operation for one in claims],
        "keys": [one.key for one in claims],
        "answers": [one.model_dump_json() for one in answers],
        "status": status,
    }
    await conn.execute(_STORE, values)
    return [JSONResponse(one.model_dump(mode="json"), status) for one in answers]


async def purge(conn: AsyncConnection, days: int) -> int:
    """Forget up to 10,000 keys older than ``days``; returns how many. Nobody repeats a request after that long."""
    return (await conn.execute(_PURGE, {"days": days, "rows": PURGE_ROWS})).rowcount
