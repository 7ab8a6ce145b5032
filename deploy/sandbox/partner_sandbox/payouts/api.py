"""The bank's counter for payouts: signed batches in, payout file out."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from partner_sandbox.behaviour import Behaviour
from partner_sandbox.counter import Said, serve
from partner_sandbox.payouts import store
from partner_sandbox.payouts.models import PayoutBatch, PayoutFilePage, PayoutsAccepted
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused, read_body
from partner_sandbox.sandbox import Sandbox
from unioncard import signatures

router = APIRouter(prefix="/bank/payouts", tags=["bank payouts"])


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "description": description, "schema": {"type": "string"}}


# The body is read raw: its bytes are what is signed, and what a repeat is compared with.
_BATCH_BODY: dict[str, Any] = {
    "parameters": [
        _header("Idempotency-Key", "the batch number"),
        _header(signatures.HEADER, "t=<unix seconds>,v1=<hex HMAC-SHA256 of t, full stop, body>"),
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PayoutBatch"}}},
    },
}


@router.post(
    "",
    status_code=202,
    responses={
        202: {"model": PayoutsAccepted},
        400: PROBLEM_SCHEMA,
        401: PROBLEM_SCHEMA,
        409: PROBLEM_SCHEMA,
        500: PROBLEM_SCHEMA,
    },
    openapi_extra=_BATCH_BODY,
)
async def submit(request: Request) -> Response:
    """Take a payout batch (划款批次) in. The same again gets the same answer; another under its number gets 409."""
    key = request.headers.get("idempotency-key", "")
    signature = request.headers.get(signatures.HEADER)
    raw = await request.body()
    traceparent = request.headers.get("traceparent")

    async def accept(sandbox: Sandbox, behaviour: Behaviour) -> Said:
        batch = _read(sandbox, raw, key, signature)
        due_at = time.time() + behaviour.bank.answer_delay_ms / 1000
        outcome, accepted_at = await sandbox.store.write(
            store.receive, batch, raw, traceparent, behaviour, sandbox.now(), due_at
        )
        if outcome == "conflict":
            raise Refused(
                409, "conflict", "划款批次号或划款号已被另一笔数据使用", "同一编号再次提交时内容必须完全相同。"
            )
        sandbox.payouts_accepted.set()
        accepted = PayoutsAccepted.model_validate(
            {
                "batch_number": batch.batch_number,
                "accepted_at": accepted_at,
                "count": batch.count,
                "total_fen": batch.total_fen,
            }
        )
        return Said(202, accepted.model_dump_json().encode(), outcome, batch.count)

    return await serve(request, "bank", key, accept)


@router.get("/file", responses={200: {"model": PayoutFilePage}, 400: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA})
async def payout_file(
    request: Request,
    day: Annotated[date | None, Query(alias="date", description="answered until the end of this Shanghai day")] = None,
    since: Annotated[date | None, Query(description="answered on this Shanghai day or later")] = None,
    cursor: Annotated[int, Field(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Field(ge=1, le=100, description="answers a page")] = 10,
) -> Response:
    """The nightly payout file (划款回单文件): all answers, whatever callbacks were lost."""

    async def tell(sandbox: Sandbox, _: Behaviour) -> Said:
        until = day or sandbox.now().date() + timedelta(days=1)
        entries, following = await sandbox.store.read(
            store.file_page, until.isoformat(), since.isoformat() if since else "", cursor, limit
        )
        page = {
            "date": until,
            "batches": [orjson.Fragment(entry) for entry in entries],
            "next_cursor": str(following) if following else None,
        }
        return Said(200, orjson.dumps(page), items=len(entries))

    return await serve(request, "bank", f"payouts/{day or ''}/{cursor}", tell)


def _read(sandbox: Sandbox, raw: bytes, key: str, signature: str | None) -> PayoutBatch:
    try:
        signatures.check(sandbox.bank_secret, signature, raw, datetime.now(UTC))
    except signatures.SignatureError as error:
        raise Refused(401, f"signature-{error.code}", "签名校验未通过，未作任何处理") from None
    batch = read_body(PayoutBatch, raw)
    if key != batch.batch_number:
        raise Refused(400, "idempotency-key", "请求头 Idempotency-Key 必须等于划款批次号")
    total = sum(one.amount_fen for one in batch.payouts)
    if (batch.count, batch.total_fen) != (len(batch.payouts), total):
        raise Refused(400, "control-totals", "笔数或合计金额与明细不符，未作任何处理")
    return batch
