"""Delivers the bank's answers to the platform: signed, again and again until it takes them or says it never will."""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import httpx
import structlog

from partner_sandbox import metrics
from partner_sandbox.bank import store
from partner_sandbox.sandbox import Sandbox
from unioncard import signatures

log = structlog.get_logger()

# What the bank calls back, by the target of a callback: (whose URL in the settings, path).
TARGETS = {
    "cards": ("card_url", "/partners/bank/answers"),
    "lives": ("card_url", "/partners/bank/card-lives"),
    "payouts": ("claims_url", "/partners/bank/payout-answers"),
}
AT_ONCE = 8
# Refusals that speak of the moment, not of the message.
PASSING = {408, 425, 429}


class Postman:
    """Delivers callbacks, a bounded number at a time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._urls = {
            target: getattr(sandbox.settings, service).rstrip("/") + path for target, (service, path) in TARGETS.items()
        }

    async def run(self) -> None:
        """Deliver for ever. What was not acknowledged before a crash is delivered again after it."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                while True:
                    self._sandbox.callback_ready.clear()
                    try:
                        wait = await self._start_due(client)
                    except Exception as error:
                        # As in the back office: the postman must not stop while answers are still made.
                        log.error("bank.callbacks_unreadable", error=type(error).__name__)
                        wait = 1.0
                    try:
                        async with asyncio.timeout(wait):
                            await self._sandbox.callback_ready.wait()
                    except TimeoutError:
                        continue
            finally:
                for task in self._under_way.values():
                    task.cancel()

    async def _start_due(self, client: httpx.AsyncClient) -> float | None:
        """Start what is due and may start; seconds until the next is due, None when nothing is planned."""
        now = time.time()
        # Also those that end while the table is read: it may show them as they were before.
        busy = set(self._under_way)
        due, later = await self._sandbox.store.read(store.due_callbacks, now, AT_ONCE + len(busy))
        for id_ in due:
            if id_ not in busy and len(self._under_way) < AT_ONCE:
                task = asyncio.create_task(self._deliver(client, id_))
                self._under_way[id_] = task
                task.add_done_callback(partial(self._finished, id_))
        return max(0.0, later - now) if later is not None else None

    def _finished(self, id_: int, task: asyncio.Task[None]) -> None:
        del self._under_way[id_]
        self._sandbox.callback_ready.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("bank.callback_failed", error=type(error).__name__)

    async def _deliver(self, client: httpx.AsyncClient, id_: int) -> None:
        callback = await self._sandbox.store.read(store.callback, id_)
        if callback is None:
            return
        behaviour = self._sandbox.behaviour.callback
        headers = {
            "Content-Type": "application/json",
            signatures.HEADER: signatures.sign(self._sandbox.bank_secret, callback.body, datetime.now(UTC)),
        }
        if callback.traceparent:
            headers["traceparent"] = callback.traceparent
        status: int | None = None
        error: str | None = None
        try:
            response = await client.post(
                self._urls[callback.target], content=callback.body, headers=headers, timeout=behaviour.timeout_ms / 1000
            )
            status = response.status_code
        except httpx.HTTPError as failure:
            error = type(failure).__name__
        state = _judge(status, last=callback.tries + 1 >= behaviour.tries)
        wait_ms = min(behaviour.backoff_ms * 2 ** min(callback.tries, 20), behaviour.backoff_max_ms)
        due_at = time.time() + wait_ms / 1000
        await self._sandbox.store.write(store.settle_callback, id_, state, status, error, due_at)
        metrics.CALLBACKS.labels(state).inc()
        if state != "acknowledged":
            log.warning("bank.callback", callback=id_, state=state, status=status, error=error)


def _judge(status: int | None, *, last: bool) -> Literal["pending", "acknowledged", "refused", "given_up"]:
    if status is not None and 200 <= status < 300:
        return "acknowledged"
    if status is not None and 400 <= status < 500 and status not in PASSING:
        return "refused"
    return "given_up" if last else "pending"
