"""The program put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from partner_sandbox import metrics, problems
from partner_sandbox.bank import api as bank
from partner_sandbox.bank import life_api as lives
from partner_sandbox.bank import store as bank_store
from partner_sandbox.bank.answers import answer_batches
from partner_sandbox.bank.callbacks import Postman
from partner_sandbox.bank.models import Batch
from partner_sandbox.control import api as control
from partner_sandbox.mail import api as mail
from partner_sandbox.mail.models import Mail
from partner_sandbox.memory import api as memory
from partner_sandbox.offices import api as offices
from partner_sandbox.offices.models import Question
from partner_sandbox.payouts import api as payouts
from partner_sandbox.payouts.answers import answer_payouts
from partner_sandbox.payouts.models import PayoutBatch
from partner_sandbox.sandbox import Sandbox, TheSandbox
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from unioncard.clock import FileClock, WallClock
from unioncard.keys import Keys


def create_app(settings: Settings, keys: Keys) -> FastAPI:
    """The sandbox as an ASGI application; while it runs, so do the bank's back office and its postman."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        clock = FileClock(settings.clock_segments) if settings.clock_segments else WallClock()
        store = Store(settings.sandbox_store)
        sandbox = Sandbox(settings, store, clock, keys.partner_secret("bank"), settings.sandbox_behaviour)
        await sandbox.recall_behaviour()
        app.state.sandbox = sandbox
        parts = (answer_batches(sandbox), answer_payouts(sandbox), Postman(sandbox).run())
        loops = [asyncio.create_task(part) for part in parts]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            store.close()

    app = FastAPI(title="Partner sandbox", version="1", lifespan=lifespan)
    for room in (bank, lives, payouts, offices, mail, memory, control):
        app.include_router(room.router)
    app.add_exception_handler(problems.Refused, problems.answer_refused)
    app.add_exception_handler(RequestValidationError, problems.answer_invalid)
    app.add_exception_handler(HTTPException, problems.answer_http)

    @app.get("/healthz", tags=["operations"])
    async def healthz(sandbox: TheSandbox) -> dict[str, str]:
        """200 as long as the store answers."""
        await sandbox.store.read(bank_store.next_due)
        return {"status": "ok"}

    @app.get("/metrics", tags=["operations"], response_class=Response)
    async def prometheus(sandbox: TheSandbox) -> Response:
        """Prometheus metrics."""
        answers, callbacks = await sandbox.store.read(bank_store.pending_counts)
        metrics.ANSWERS_PENDING.set(answers)
        metrics.CALLBACKS_PENDING.set(callbacks)
        return Response(generate_latest(metrics.REGISTRY), headers={"content-type": CONTENT_TYPE_LATEST})

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the bodies that are read raw and so unknown to FastAPI."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    _, schemas = models_json_schema(
        [(Batch, "validation"), (Question, "validation"), (Mail, "validation"), (PayoutBatch, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    document["components"]["schemas"] |= schemas["$defs"]
    for path in document["paths"].values():
        for operation in path.values():
            # FastAPI takes for granted that what does not fit is answered with 422; here it is 400.
            if operation["responses"].pop("422", None):
                operation["responses"]["400"] = {"description": "Malformed", **problems.PROBLEM_SCHEMA}
    return document
