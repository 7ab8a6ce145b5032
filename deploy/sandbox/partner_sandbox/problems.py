"""Refusals of the partners, as problem documents (RFC 9457)."""

from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

M = TypeVar("M", bound=BaseModel)

MEDIA_TYPE = "application/problem+json"
PROBLEM_SCHEMA: dict[str, Any] = {
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    }
}


class Refused(Exception):
    """The partner refuses the request; nothing has changed."""

    def __init__(self, status: int, code: str, title: str, detail: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail

    def body(self) -> bytes:
        """The problem document."""
        document = {"type": f"urn:partner-sandbox:problem:{self.code}", "title": self.title, "status": self.status}
        return orjson.dumps(document | ({"detail": self.detail} if self.detail else {}))


def malformed(error: ValidationError | RequestValidationError) -> Refused:
    """400 that names each field and what is wrong with it, never its value."""
    errors = list(error.errors())
    lines = ["".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in e["loc"]) + f": {e['msg']}" for e in errors]
    more = f"（另有 {len(lines) - 5} 处）" if len(lines) > 5 else ""
    return Refused(400, "malformed", "请求格式有误，未作任何处理", "；".join(lines[:5]) + more)


def read_body(model: type[M], raw: bytes) -> M:
    """The body as this model, or 400.

    What pydantic takes may still be no JSON for others (``NaN``); kept bodies are read again with orjson, so both must
    agree before anything is promised.
    """
    try:
        orjson.loads(raw)
        return model.model_validate_json(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "malformed", "请求不是合法的 JSON，未作任何处理") from None
    except ValidationError as error:
        raise malformed(error) from None


async def answer_refused(_: Request, error: Exception) -> Response:
    """The problem document of a refusal."""
    if not isinstance(error, Refused):
        raise error
    return Response(error.body(), error.status, media_type=MEDIA_TYPE)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Parameters and bodies that do not fit are 400, as real partners answer them."""
    if not isinstance(error, RequestValidationError):
        raise error
    return await answer_refused(request, malformed(error))


async def answer_http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    if not isinstance(error, HTTPException):
        raise error
    response = await answer_refused(request, Refused(error.status_code, "http", str(error.detail)))
    response.headers.update(error.headers or {})
    return response
