"""The FastAPI application of a service: problems, health, metrics, traces and size limits."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
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
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unioncard import telemetry
from unioncard.messaging.consumer import is_infrastructure
from unioncard.problems import PROBLEM_JSON, Problem, ProblemDocument

log = structlog.get_logger()

MAX_BODY_BYTES = 20 * 1024 * 1024

_TITLES = {
    404: ("not-found", "没有这个地址"),
    405: ("method-not-allowed", "此地址不支持该请求方法"),
    413: ("body-too-large", "上传内容过大"),
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
        title=title, description=description, version="1", lifespan=lifespan, responses=problem_responses(400, 422)
    )
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _database_error)
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
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=PROBLEM_JSON)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error, request.url.path)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(str(part) for part in one["loc"][1:]), "in": str(one["loc"][0]), "reason": one["msg"]}
        for one in error.errors()[:50]
    ]
    # The values are left out on purpose: they may be personal and would end in somebody's log.
    detail = "；".join(f"{one['field'] or one['in']}：{one['reason']}" for one in fields[:5])
    problem = Problem(422, "invalid-request", "请求内容不符合要求，请按提示修改", detail, extra={"fields": fields})
    return problem_response(problem, request.url.path)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, title = _TITLES.get(error.status_code, ("http-error", "请求未能完成"))
    headers = dict(error.headers or {})
    return problem_response(Problem(error.status_code, code, title, headers=headers), request.url.path)


async def _database_error(request: Request, error: Exception) -> Response:
    if not is_infrastructure(error):
        raise error
    log.error("http.database_unavailable", error=type(error).__name__, route=request.url.path)
    problem = Problem(503, "unavailable", "系统繁忙，请稍后重试", "本次操作没有生效。", headers={"Retry-After": "2"})
    return problem_response(problem, request.url.path)


class Observed:
    """Around every request: a size limit, a span that continues the caller's, and the duration by route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            problem = Problem(413, "body-too-large", "上传内容过大", "请求不得超过 20 MB。")
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with telemetry.span(
            f"{scope['method']} {scope['path']}", kind=SpanKind.SERVER, parent=headers.get("traceparent")
        ) as span:
            try:
                await self._app(scope, _limited(receive), observed_send)
            finally:
                route = getattr(scope.get("route"), "path", "unknown")
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.response.status_code", status)
                seconds = time.perf_counter() - started
                telemetry.http_seconds.labels(scope["method"], route, str(status)).observe(seconds)


def _limited(receive: Receive) -> Receive:
    """Bodies without a length are counted as they come."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise Problem(413, "body-too-large", "上传内容过大", "请求不得超过 20 MB。")
        return message

    return counting
