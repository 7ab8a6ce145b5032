"""The bank's callback."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError

from card_svc.bank import store
from card_svc.bank.models import Answer, Filed
from card_svc.service import TheService
from unioncard import signatures
from unioncard.messaging import inbox
from unioncard.problems import Problem
from unioncard.web.app import problem_responses

router = APIRouter(prefix="/partners/bank", tags=["银行回调"])


def _answer_schema() -> dict[str, Any]:
    """The schema of the body, self-contained: a document may not refer into a schema that is not its own."""
    schema = Answer.model_json_schema()
    schema["properties"]["results"]["items"] = schema.pop("$defs")["Result"]
    return schema


# The body is read raw, since its bytes are what is signed.
_OPENAPI: dict[str, Any] = {
    "parameters": [
        {
            "name": signatures.HEADER,
            "in": "header",
            "required": True,
            "description": "t=<unix seconds>,v1=<hex HMAC-SHA256 of t, full stop, body>",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {"required": True, "content": {"application/json": {"schema": _answer_schema()}}},
}


@router.post("/answers", openapi_extra=_OPENAPI, responses=problem_responses(401))
async def take_answer(request: Request, service: TheService) -> Filed:
    """银行反馈一个批次的办卡结果：可重复、可乱序、可分次；无法归档的结果留待核对，不作为错误返回。"""
    body = await request.body()
    secret = service.context.keys.partner_secret("bank")
    try:
        signatures.check(secret, request.headers.get(signatures.HEADER), body, datetime.now(UTC))
    except signatures.SignatureError as error:
        raise Problem(401, f"signature-{error.code}", "签名校验未通过", "请检查密钥、时钟与签名方法。") from None
    try:
        answer = Answer.model_validate_json(body)
    except ValidationError as error:
        fields = [
            {"field": ".".join(str(part) for part in one["loc"]), "reason": one["type"]}
            for one in error.errors(include_input=False, include_url=False, include_context=False)[:50]
        ]
        raise Problem(422, "invalid-answer", "反馈内容不符合约定", extra={"fields": fields}) from None
    async with service.context.work.begin("partner:bank") as tx:
        if await inbox.claim(tx.conn, [inbox.Claim(f"bank-answer/{answer.answer_id}", "done")]):
            return await store.file_answers(tx, service.personal, [answer])
    count = len(answer.results)
    return Filed(results=count, news=0, repeats=count, set_aside=0)
