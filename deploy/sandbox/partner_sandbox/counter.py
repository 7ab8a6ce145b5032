"""The counter at which partners are asked: each request is remembered, and meets the faults that are set for it."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from partner_sandbox import metrics, problems
from partner_sandbox.behaviour import HEADER, Behaviour, Fault, Partner, chance, fault_of
from partner_sandbox.memory import store as memory
from partner_sandbox.problems import Refused
from partner_sandbox.sandbox import Sandbox, sandbox_of

# Zero seconds of lingering: closing the socket sends RST instead of FIN, as a crashed partner or firewall would.
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Said:
    """A partner's answer, and what the memory keeps of it."""

    status: int
    body: bytes
    outcome: memory.Outcome = "ok"
    items: int = 0
    media_type: str = "application/json"


Work = Callable[[Sandbox, Behaviour], Awaitable[Said]]


class ResettableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with its connection within reach of the request that must break it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


async def serve(request: Request, partner: Partner, key: str, work: Work) -> Response:
    """Remember the request, misbehave as set, and do the work.

    ``key`` is the request's business key: the same request draws anew each time it comes again, so that a rate below
    1 lets a patient caller through. An error does none of the work, a time-out all of it.
    """
    started = time.perf_counter()
    sandbox = sandbox_of(request)
    visit = await sandbox.store.write(memory.open_request, _remembered(request, partner, key, sandbox.now()))
    fault: Fault | None = None
    try:
        behaviour = behaviour_for(request, sandbox)
        faults = behaviour.faults(partner)
        fault = fault_of(faults, behaviour.seed, partner, key, visit.attempt)
        await asyncio.sleep(faults.delay_ms / 1000)
        before_work = chance(behaviour.seed, "half-way", partner, key, visit.attempt) < 0.5
        if fault == "error":
            said = _refused(Refused(500, "internal", "系统繁忙，请稍后再试"), "fault")
        elif fault == "reset" and before_work:
            said = Said(0, b"", "fault")
        else:
            said = await work(sandbox, behaviour)
    except Refused as refused:
        said = _refused(refused, _OUTCOMES.get(refused.status, "malformed"))
    await sandbox.store.write(memory.close_request, visit.id, said.outcome, fault, said.status, said.items)
    metrics.REQUESTS.labels(partner, said.outcome, fault or "").inc()
    if fault == "timeout":
        await asyncio.sleep(faults.timeout_ms / 1000)
    elif fault == "reset":
        await _reset(request)
    metrics.REQUEST_SECONDS.labels(partner).observe(time.perf_counter() - started)
    return Response(said.body, said.status or 500, media_type=said.media_type)


def behaviour_for(request: Request, sandbox: Sandbox) -> Behaviour:
    """The behaviour in force, changed by the request's own header if it has one."""
    header = request.headers.get(HEADER)
    if header is None:
        return sandbox.behaviour
    try:
        patch = orjson.loads(header)
        if not isinstance(patch, dict):
            raise Refused(400, "behaviour", f"{HEADER} 必须是 JSON 对象")
        return sandbox.behaviour.changed(patch)
    except orjson.JSONDecodeError:
        raise Refused(400, "behaviour", f"{HEADER} 不是合法的 JSON") from None
    except ValidationError as error:
        raise problems.malformed(error) from None


_OUTCOMES: dict[int, memory.Outcome] = {404: "unknown", 409: "conflict"}


def _refused(refused: Refused, outcome: memory.Outcome) -> Said:
    return Said(refused.status, refused.body(), outcome, media_type=problems.MEDIA_TYPE)


def _remembered(request: Request, partner: Partner, key: str, moment: datetime) -> memory.Request:
    traceparent = request.headers.get("traceparent")
    return memory.Request(partner, request.method, request.url.path, key, traceparent, moment.isoformat())


async def _reset(request: Request) -> None:
    transport: asyncio.Transport = request.state.transport
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    # Let the loop notice, so that nothing is written to a connection that is gone.
    await asyncio.sleep(0.01)
