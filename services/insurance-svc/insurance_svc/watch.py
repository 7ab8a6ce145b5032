"""What must be seen without opening a list: batches overdue, money unmatched, books that do not agree."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import sqlalchemy as sa
import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.service import Context

log = structlog.get_logger()

overdue = Gauge("premium_batches_overdue", "Premium batches past their last day, neither written off nor void")
unsettled = Gauge("statement_rows_unsettled", "Rows of bank statements that a person has to settle")
trial_balance = Gauge("ledger_trial_balance_fen", "All debits less all credits; anything but zero is a fault")

EVERY_S = 30.0
_COUNT = sa.text("""
    SELECT (SELECT count(*) FROM batches WHERE state = 'passed' AND due_on < :today),
           (SELECT count(*) FROM statement_lines WHERE outcome <> 'exact' AND settlement IS NULL),
           (SELECT coalesce(sum(amount_fen), 0) FROM ledger)
""")


def watching(context: Context) -> Callable[[], Awaitable[None]]:
    """Counts every half minute, until cancelled. Any number of processes may: they all say the same."""

    async def watch() -> None:
        while True:
            try:
                async with reading(context.engine) as conn:
                    await measure(conn, context.clock.now())
            except (SQLAlchemyError, OSError) as error:
                log.warning("insurance.not_counted", error=type(error).__name__)
            await asyncio.sleep(EVERY_S)

    return watch


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set the gauges as of ``now``."""
    counted = (await conn.execute(_COUNT, {"today": shanghai_date(now)})).one()
    for gauge, value in zip((overdue, unsettled, trial_balance), counted, strict=True):
        gauge.set(float(value))
