"""What must be seen without opening a list: batches overdue, money unmatched, books that do not agree."""

from datetime import datetime

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.dates import shanghai_date

overdue = Gauge("premium_batches_overdue", "Premium batches past their last day, neither written off nor void")
unsettled = Gauge("statement_rows_unsettled", "Rows of bank statements that a person has to settle")
trial_balance = Gauge("ledger_trial_balance_fen", "All debits less all credits; anything but zero is a fault")

_COUNT = sa.text("""
    SELECT (SELECT count(*) FROM batches WHERE state = 'passed' AND due_on < :today),
           (SELECT count(*) FROM statement_lines WHERE outcome <> 'exact' AND settlement IS NULL),
           (SELECT coalesce(sum(amount_fen), 0) FROM ledger)
""")


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set the gauges as of ``now``."""
    counted = (await conn.execute(_COUNT, {"today": shanghai_date(now)})).one()
    for gauge, value in zip((overdue, unsettled, trial_balance), counted, strict=True):
        gauge.set(float(value))
