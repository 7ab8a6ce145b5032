"""How many batches are late or overdue, for those who are called when nobody looks at lists."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import sqlalchemy as sa
import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.batches.store import LATE, OVERDUE
from unioncard.database import reading
from unioncard.service import Context

log = structlog.get_logger()

late = Gauge("card_batches_late", "Card batches without numbers after three days")
overdue = Gauge("card_batches_overdue", "Card batches that the bank has not called about in time")

EVERY_S = 30.0
_COUNT = sa.text(
    f"SELECT count(*) FILTER (WHERE {LATE}), count(*) FILTER (WHERE {OVERDUE}) FROM batches b"  # noqa: S608  # ours
    " WHERE b.state IN ('submitted', 'accepted')"
)


def watching(context: Context) -> Callable[[], Awaitable[None]]:
    """Counts every half minute, until cancelled. Any number of processes may: they all say the same."""

    async def watch() -> None:
        while True:
            try:
                async with reading(context.engine) as conn:
                    await measure(conn, context.clock.now())
            except (SQLAlchemyError, OSError) as error:
                log.warning("batches.not_counted", error=type(error).__name__)
            await asyncio.sleep(EVERY_S)

    return watch


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set both gauges as of ``now``."""
    counted = (await conn.execute(_COUNT, {"now": now})).one()
    late.set(counted[0])
    overdue.set(counted[1])
