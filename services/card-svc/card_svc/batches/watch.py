"""How many batches are late or overdue, for those who are called when nobody looks at lists."""

from datetime import datetime

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.batches.store import LATE, OVERDUE

late = Gauge("card_batches_late", "Card batches without numbers after three days")
overdue = Gauge("card_batches_overdue", "Card batches that the bank has not called about in time")

_COUNT = sa.text(
    f"SELECT count(*) FILTER (WHERE {LATE}), count(*) FILTER (WHERE {OVERDUE}) FROM batches b"  # noqa: S608  # ours
    " WHERE b.state IN ('submitted', 'accepted')"
)


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set both gauges as of ``now``."""
    counted = (await conn.execute(_COUNT, {"now": now})).one()
    late.set(counted[0])
    overdue.set(counted[1])
