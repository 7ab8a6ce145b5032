"""The bank's counter: batches in, state file out."""

import time
from datetime import date, timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from partner_sandbox.bank import store
from partner_sandbox.bank.models import Accepted, Batch, BatchState, StatePage
from partner_sandbox.behaviour import Behaviour
from partner_sandbox.counter import Said, serve
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused, read_body
from partner_sandbox.sandbox import Sandbox

router = APIRouter(prefix="/bank", tags=["bank"])

# The body is read raw: its bytes are what a repeat is compared with.
_BATCH_BODY = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "the batch number",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
    },
}


@router.post(
    "/batches",
    status_code=202,
    responses={202: {"model": Accepted}, 400: PROBLEM_SCHEMA, 409: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA},
    openapi_extra=_BATCH_BODY,
)
async def submit(request: Request) -> Response:
    """Take a card batch (办卡批次) in. The same batch again gets the same answer; another under its number gets 409."""
    key = request.headers.get("idempotency-key", "")
    raw = await request.body()
    traceparent = request.headers.get("traceparent")

    async def accept(sandbox: Sandbox, behaviour: Behaviour) -> Said:
        batch = _read(raw, key)
        due_at = time.time() + behaviour.bank.answer_delay_ms / 1000
        outcome, accepted_at, members = await sandbox.store.write(
            store.receive, batch, raw, traceparent, behaviour, sandbox.now(), due_at
        )
        if outcome == "conflict":
            raise Refused(409, "conflict", "批次号已被另一批数据使用", "同一批次号再次提交时内容必须完全相同。")
        sandbox.batch_accepted.set()
        accepted = Accepted.model_validate(
            {"batch_number": batch.batch_number, "accepted_at": accepted_at, "received": members}
        )
        return Said(202, accepted.model_dump_json().encode(), outcome, members)

    return await serve(request, "bank", key, accept)


@router.get("/state", responses={200: {"model": StatePage}, 400: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA})
async def state(
    request: Request,
    day: Annotated[date | None, Query(alias="date", description="answered until the end of this Shanghai day")] = None,
    since: Annotated[date | None, Query(description="answered on this Shanghai day or later")] = None,
    cursor: Annotated[int, Field(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Field(ge=1, le=100, description="batches a page")] = 10,
) -> Response:
    """The nightly state file (每日状态文件): all batches whose outcomes are known, whatever callbacks were lost."""

    async def tell(sandbox: Sandbox, _: Behaviour) -> Said:
        # Without a day nothing is held back, also what is answered this very moment around midnight.
        until = day or sandbox.now().date() + timedelta(days=1)
        entries, following = await sandbox.store.read(
            store.state_page, until.isoformat(), since.isoformat() if since else "", cursor, limit
        )
        page = {
            "date": until,
            "batches": [orjson.Fragment(entry) for entry in entries],
            "next_cursor": str(following) if following else None,
        }
        return Said(200, orjson.dumps(page), items=len(entries))

    return await serve(request, "bank", f"state/{day or ''}/{cursor}", tell)


@router.get(
    "/state/batches/{batch_number}",
    responses={200: {"model": BatchState}, 404: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA},
)
async def batch_state(request: Request, batch_number: str) -> Response:
    """What the bank knows of one batch; 404 for one it never accepted."""

    async def tell(sandbox: Sandbox, _: Behaviour) -> Said:
        body = await sandbox.store.read(store.state_of, batch_number)
        if body is None:
            raise Refused(404, "unknown-batch", "本行没有收到过这个批次", "请核对批次号；如未提交成功请重新提交。")
        return Said(200, body, items=1)

    return await serve(request, "bank", f"state/{batch_number}", tell)


def _read(raw: bytes, key: str) -> Batch:
    batch = read_body(Batch, raw)
    if key != batch.batch_number:
        raise Refused(400, "idempotency-key", "请求头 Idempotency-Key 必须等于批次号")
    return batch
