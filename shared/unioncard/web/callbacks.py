"""What partners post to us: signed (:mod:`unioncard.signatures`), and read raw, since its bytes are what is signed."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from unioncard import signatures
from unioncard.problems import Problem

M = TypeVar("M", bound=BaseModel)


def signed_body(model: type[BaseModel]) -> dict[str, Any]:
    """For ``openapi_extra=``: the signature's header and the body's schema.

    Self-contained: a document may not refer into a schema that is not its own.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    return {
        "parameters": [
            {
                "name": signatures.HEADER,
                "in": "header",
                "required": True,
                "description": "t=<unix seconds>,v1=<hex HMAC-SHA256 of t, full stop, body>",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(schema, definitions)}},
        },
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    return {name: _inlined(one, definitions) for name, one in schema.items()}


async def read_signed(request: Request, secret: str, model: type[M]) -> M:
    """The body, once its signature is proven; a 401 or 422 problem that never quotes it."""
    body = await request.body()
    try:
        signatures.check(secret, request.headers.get(signatures.HEADER), body, datetime.now(UTC))
    except signatures.SignatureError as error:
        raise Problem(401, f"signature-{error.code}", "签名校验未通过", "请检查密钥、时钟与签名方法。") from None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fields = [
            {"field": ".".join(str(part) for part in one["loc"]), "reason": one["type"]}
            for one in error.errors(include_input=False, include_url=False, include_context=False)[:50]
        ]
        raise Problem(422, "invalid-answer", "反馈内容不符合约定", extra={"fields": fields}) from None
