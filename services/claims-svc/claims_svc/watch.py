"""What must be seen without opening a list: payouts that wait for people or for the bank, books that do not agree."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

# The bank answers within a day; its nightly file comes after that.
LATE_AFTER = timedelta(days=3)

late = Gauge("payout_batches_late", "Payout batches not done three days after they were gathered")
to_put_right = Gauge("payouts_to_put_right", "Claims whose money came back or could not be sent")
set_aside = Gauge("payout_answers_set_aside", "Answers of the bank that fit no payout, in the last thirty days")
trial_balance = Gauge("claims_ledger_trial_balance_fen", "All debits less all credits; anything but zero is a fault")

_COUNT = sa.text("""
    SELECT (SELECT count(*) FROM payout_batches WHERE state <> 'done' AND opened_at < :late),
           (SELECT count(*) FROM claims WHERE state = 'returned'),
           (SELECT count(*) FROM payout_set_aside WHERE received_at > clock_timestamp() - interval '30 days'),
           (SELECT coalesce(sum(amount_fen), 0) FROM ledger)
""")


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set the gauges as of ``now``."""
    counted = (await conn.execute(_COUNT, {"late": now - LATE_AFTER})).one()
    for gauge, value in zip((late, to_put_right, set_aside, trial_balance), counted, strict=True):
        gauge.set(float(value))
