"""The bank's back office: answers each batch when its time has come. What was pending at a crash is answered later."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable

import structlog

from partner_sandbox import metrics
from partner_sandbox.bank import store
from partner_sandbox.sandbox import Sandbox

log = structlog.get_logger()

NextDue = Callable[[sqlite3.Connection], tuple[str, float] | None]
Answering = Callable[[Sandbox, str], Awaitable[None]]


async def answer_batches(sandbox: Sandbox) -> None:
    """Answer card batches for ever."""
    await answer_due(sandbox, sandbox.batch_accepted, store.next_due, _answer)


async def answer_due(sandbox: Sandbox, accepted: asyncio.Event, next_due: NextDue, answer: Answering) -> None:
    """Answer what is due for ever, one transaction each; ``accepted`` rings when there is more to wait for."""
    while True:
        accepted.clear()
        try:
            wait = await _answer_next(sandbox, next_due, answer)
        except Exception as error:
            # Whatever it was (a full disk, say): the loop must not end while the counter still accepts batches.
            log.error("bank.answer_failed", error=type(error).__name__)
            wait = 1.0
        if wait is None or wait > 0:
            try:
                async with asyncio.timeout(wait):
                    await accepted.wait()
            except TimeoutError:
                continue


async def _answer_next(sandbox: Sandbox, next_due: NextDue, answer: Answering) -> float | None:
    """Answer the batch that is due, if any: seconds until there may be more to do, None when nothing is pending."""
    due = await sandbox.store.read(next_due)
    if due is None:
        return None
    batch_number, due_at = due
    wait = due_at - time.time()
    if wait > 0:
        return wait
    await answer(sandbox, batch_number)
    return 0


async def _answer(sandbox: Sandbox, batch_number: str) -> None:
    answered = await sandbox.store.write(store.answer, batch_number, sandbox.now(), time.time())
    if answered is not None:
        metrics.MEMBERS.labels("issued").inc(answered.issued)
        metrics.MEMBERS.labels("failed").inc(answered.failed)
        metrics.DOUBLE_ISSUES.inc(answered.double_issues)
        log.info("bank.answered", batch=batch_number, issued=answered.issued, failed=answered.failed)
        if answered.callbacks:
            sandbox.callback_ready.set()
