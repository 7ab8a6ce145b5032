"""What a service's process does beside its messages and requests (:class:`unioncard.service.Parts`)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.database import reading
from unioncard.partner_client import PartnerClient
from unioncard.service import Context

log = structlog.get_logger()

EVERY_S = 30.0


def closing(client: PartnerClient) -> Callable[[], Awaitable[None]]:
    """Gives the client's connections back when the process ends."""

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await client.close()

    return wait


def watching(
    context: Context, measure: Callable[[AsyncConnection, datetime], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """Measures every half minute, as of the business time, until cancelled.

    For gauges that any number of processes may set: they all say the same.
    """

    async def watch() -> None:
        while True:
            try:
                async with reading(context.engine) as conn:
                    await measure(conn, context.clock.now())
            except (SQLAlchemyError, OSError) as error:
                log.warning("gauges.not_measured", error=type(error).__name__)
            await asyncio.sleep(EVERY_S)

    return watch
