"""The bank's back office: answers each batch when its time has come. What was pending at a crash is answered later."""

import asyncio
import time

import structlog

from partner_sandbox import metrics
from partner_sandbox.bank import store
from partner_sandbox.sandbox import Sandbox

log = structlog.get_logger()


async def answer_batches(sandbox: Sandbox) -> None:
    """Answer batches for ever, one transaction each."""
    while True:
        sandbox.batch_accepted.clear()
        try:
            wait = await _answer_next(sandbox)
        except Exception as error:
            # Whatever it was (a full disk, say): the loop must not end while the counter still accepts batches.
            log.error("bank.answer_failed", error=type(error).__name__)
            wait = 1.0
        if wait is None or wait > 0:
            try:
                async with asyncio.timeout(wait):
                    await sandbox.batch_accepted.wait()
            except TimeoutError:
                continue


async def _answer_next(sandbox: Sandbox) -> float | None:
    """Answer the batch that is due, if any: seconds until there may be more to do, None when nothing is pending."""
    due = await sandbox.store.read(store.next_due)
    if due is None:
        return None
    batch_number, due_at = due
    wait = due_at - time.time()
    if wait > 0:
        return wait
    answered = await sandbox.store.write(store.answer, batch_number, sandbox.now(), time.time())
    if answered is not None:
        metrics.MEMBERS.labels("issued").inc(answered.issued)
        metrics.MEMBERS.labels("failed").inc(answered.failed)
        metrics.DOUBLE_ISSUES.inc(answered.double_issues)
        log.info("bank.answered", batch=batch_number, issued=answered.issued, failed=answered.failed)
        if answered.callbacks:
            sandbox.callback_ready.set()
    return 0
