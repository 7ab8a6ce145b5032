"""The counter of the mail partner."""

from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from partner_sandbox.behaviour import Behaviour
from partner_sandbox.counter import Said, serve
from partner_sandbox.mail import store
from partner_sandbox.mail.models import Mail, Taken
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused, read_body
from partner_sandbox.sandbox import Sandbox

router = APIRouter(tags=["mail"])

_MAIL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Mail"}}},
    }
}


@router.post(
    "/mail/messages",
    status_code=202,
    responses={202: {"model": Taken}, 400: PROBLEM_SCHEMA, 409: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA},
    openapi_extra=_MAIL,
)
async def send(request: Request) -> Response:
    """Take a message; header ``Idempotency-Key``: the same key is one message, however often it comes."""
    key = request.headers.get("idempotency-key", "")
    raw = await request.body()
    try:
        if not 1 <= len(key) <= 200:
            raise Refused(400, "idempotency-key", "缺少 Idempotency-Key，或过长")
        mail = read_body(Mail, raw)
    except Refused as refused:
        return await serve(request, "mail", key, partial(_refuse, refused))

    async def take(sandbox: Sandbox, _: Behaviour) -> Said:
        outcome, taken_at = await sandbox.store.write(store.receive, key, mail, sandbox.now())
        if outcome == "conflict":
            raise Refused(409, "key-reused", "同一个键已用于发给别人的邮件")
        return Said(202, orjson.dumps({"key": key, "taken_at": taken_at}), outcome, len(mail.attachments))

    return await serve(request, "mail", key, take)


async def _refuse(refused: Refused, _: Sandbox, __: Behaviour) -> Said:
    raise refused
