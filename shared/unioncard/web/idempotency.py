"""``Idempotency-Key``: a POST that comes twice, even at once, makes one thing and gets one answer."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Principal
from unioncard.problems import Problem
from unioncard.tables import PURGE_ROWS
from unioncard.unit_of_work import Transaction

_CLAIM = sa.text("""
    INSERT INTO idempotency_keys (account_id, operation, key, fingerprint)
    VALUES (:account, :operation, :key, :fingerprint) ON CONFLICT DO NOTHING
""")
_FIND = sa.text("""
    SELECT fingerprint, status, answer FROM idempotency_keys
    WHERE account_id = :account AND operation = :operation AND key = :key
""")
_STORE = sa.text("""
    UPDATE idempotency_keys SET status = :status, answer = CAST(:answer AS jsonb)
    WHERE account_id = :account AND operation = :operation AND key = :key
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
    body = content if isinstance(content, bytes) else content.model_dump_json().encode()
    values: dict[str, Any] = {
        "account": principal.account_id,
        "operation": key.operation,
        "key": key.key,
        "fingerprint": hashlib.sha256(body).hexdigest(),
    }
    if (await tx.conn.execute(_CLAIM, values)).rowcount == 0:
        found = (await tx.conn.execute(_FIND, values)).one()
        if found.fingerprint != values["fingerprint"]:
            raise Problem(
                422,
                "idempotency-key-reused",
                "同一个幂等键不能用于不同的内容",
                "请为新的请求生成新的 Idempotency-Key。",
            )
        return JSONResponse(found.answer, found.status, headers={"Idempotent-Replay": "true"})
    answer = await make()
    await tx.conn.execute(_STORE, values | {"status": status, "answer": answer.model_dump_json()})
    return JSONResponse(answer.model_dump(mode="json"), status)


async def purge(conn: AsyncConnection, days: int) -> int:
    """Forget up to 10,000 keys older than ``days``; returns how many. Nobody repeats a request after that long."""
    return (await conn.execute(_PURGE, {"days": days, "rows": PURGE_ROWS})).rowcount
