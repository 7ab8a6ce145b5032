"""The bank's cashier: pays each batch when its time has come."""

import time

import structlog

from partner_sandbox import metrics
from partner_sandbox.bank.answers import answer_due
from partner_sandbox.payouts import store
from partner_sandbox.sandbox import Sandbox

log = structlog.get_logger()


async def answer_payouts(sandbox: Sandbox) -> None:
    """Answer payout batches for ever."""
    await answer_due(sandbox, sandbox.payouts_accepted, store.next_due, _answer)


async def _answer(sandbox: Sandbox, batch_number: str) -> None:
    answered = await sandbox.store.write(store.answer, batch_number, sandbox.now(), time.time())
    if answered is not None:
        metrics.PAYOUTS.labels("paid").inc(answered.paid)
        metrics.PAYOUTS.labels("returned").inc(answered.returned)
        log.info("bank.paid", batch=batch_number, paid=answered.paid, returned=answered.returned)
        sandbox.callback_ready.set()
