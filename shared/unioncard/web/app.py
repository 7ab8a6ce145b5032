"""The FastAPI application of a service: problems, health, metrics, traces and size limits."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unioncard import telemetry
from unioncard.messaging.consumer import is_infrastructure
from unioncard.problems import PROBLEM_JSON, Problem, ProblemDocument
from unioncard.unit_of_work import RECEIVED_AT
from unioncard.web.reasons import reason_of

log = structlog.get_logger()

MAX_BODY_BYTES = 20 * 1024 * 1024

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_TITLES = {
    404: ("not-found", "没有这个地址"),
    405: ("method-not-allowed", "此地址不支持该请求方法"),
    413: ("body-too-large", "上传内容过大：请求不得超过 20 MB"),
    400: ("malformed-request", "请求格式不正确"),
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of routers, so that the OpenAPI document names every refusal."""
    names = {
        400: "请求格式不正确",
        401: "未登录",
        403: "无权限",
        404: "未找到",
        409: "状态不允许",
        413: "过大",
        422: "内容有误",
        429: "尝试过于频繁",
        503: "暂不可用",
    }
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {"model": ProblemDocument, "description": names[status], "content": {PROBLEM_JSON: schema}}
        for status in statuses
    }


def make_app(
    title: str,
    description: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    ready: Callable[[], bool] = lambda: True,
) -> FastAPI:
    """An application with everything that is not its own business. Routers are added by the service."""
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        responses=problem_responses(400, 422),
        # FastAPI's own spans hold the query string, in which people search for names and document numbers.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _database_error)
    app.add_exception_handler(ClientDisconnect, _caller_gone)
    app.add_middleware(Observed)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        return JSONResponse({"service": title, "ready": ready()}, status_code=200 if ready() else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


def problem_response(problem: Problem, instance: str) -> JSONResponse:
    """A problem as an HTTP response."""
    body = problem.document(instance).model_dump(exclude_none=True)
    return ProblemResponse(body, problem.status, headers=problem.headers)


class ProblemResponse(JSONResponse):
    """JSON that survives what callers send: half a surrogate pair in a field's name is shown as ``?``."""

    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _too_large(instance: str) -> JSONResponse:
    code, title = _TITLES[413]
    return problem_response(Problem(413, code, title), instance)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error, request.url.path)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": _field_of(one), "in": str(one["loc"][0]), "reason": reason_of(one)} for one in error.errors()[:50]
    ]
    # The values are left out on purpose: they may be personal and would end in somebody's log.
    detail = "；".join(f"{one['field'] or one['in']}：{one['reason']}" for one in fields[:5])
    problem = Problem(422, "invalid-request", "请求内容不符合要求，请按提示修改", detail, extra={"fields": fields})
    return problem_response(problem, request.url.path)


def _field_of(error: Mapping[str, Any]) -> str:
    """Its path in the request; of a body that is no JSON pydantic tells the place of the fault instead."""
    return "" if error["type"] == "json_invalid" else ".".join(str(part) for part in error["loc"][1:])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, title = _TITLES.get(error.status_code, ("http-error", "请求未能完成"))
    headers = dict(error.headers or {})
    return problem_response(Problem(error.status_code, code, title, headers=headers), request.url.path)


async def _database_error(request: Request, error: Exception) -> Response:
    if not is_infrastructure(error):
        raise error
    log.error("http.database_unavailable", error=type(error).__name__, route=request.url.path)
    # Not "had no effect": the connection may have broken after the commit and before its answer.
    detail = "不能确定本次操作是否生效，请重试；同一请求重发不会重复办理。"
    problem = Problem(503, "unavailable", "系统繁忙，请稍后重试", detail, headers={"Retry-After": "2"})
    return problem_response(problem, request.url.path)


async def _caller_gone(request: Request, error: Exception) -> Response:
    """Who hangs up before the whole request is here hears no answer; it is his own doing and no error of ours."""
    return Response(status_code=499)


class Observed:
    """Around every request: when it came, a size limit, a span that continues the caller's, the duration by route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status = 0
        started = time.perf_counter()
        before = RECEIVED_AT.set(None)

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with telemetry.span(
            f"{scope['method']} {scope['path']}", kind=SpanKind.SERVER, parent=headers.get("traceparent")
        ) as span:
            try:
                RECEIVED_AT.set(_business_time(scope))
                if _too_long(headers.get("content-length")):
                    await _too_large(scope["path"])(scope, receive, observed_send)
                else:
                    await self._app(scope, _limited(receive), observed_send)
            except Exception as error:
                # Not left to the server, whose log would hold the error's text and with it what somebody sent.
                log.exception("http.broke", route=_route(scope))
                if status:
                    raise ConnectionAbortedError("the answer broke off") from None
                span.record_exception(RuntimeError(telemetry.kind_and_place(error)))
                problem = Problem(
                    500, "internal", "系统出现意外错误", "本次操作没有生效；请稍后重试，仍不行请联系管理员。"
                )
                await problem_response(problem, scope["path"])(scope, receive, observed_send)
            finally:
                RECEIVED_AT.reset(before)
                route = _route(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                span.update_name(f"{method} {route}")
                span.set_attribute("http.response.status_code", status)
                seconds = time.perf_counter() - started
                telemetry.http_seconds.labels(method, route, str(status)).observe(seconds)


def _business_time(scope: Scope) -> datetime | None:
    """Now, by the clock of the service; None where there is none yet."""
    context = getattr(scope["app"].state, "context", None)
    return context.clock.now() if context is not None else None


def _route(scope: Scope) -> str:
    """The route's pattern: paths hold ids, and as a label each would be a time series of its own."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def _too_long(length: str | None) -> bool:
    return length is not None and length.isascii() and length.isdigit() and int(length[:20]) > MAX_BODY_BYTES


def _limited(receive: Receive) -> Receive:
    """Bodies without a length are counted as they come."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            # FastAPI makes a 400 of any other error that comes while it reads the body.
            raise HTTPException(413)
        return message

    return counting
