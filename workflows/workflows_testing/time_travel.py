"""Business time on a time-skipping server, and waiting for what comes to pass."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkerDeploymentConfig

from unioncard.clock_segments import Segment, business_at, real_at

#: No versioning; named all the same, since Temporal would hash all loaded code to find a name.
UNVERSIONED = WorkerDeploymentConfig(WorkerDeploymentVersion("tests", "1"), use_worker_versioning=False)


@dataclass
class TimeTravel(ABC):
    """A time-skipping server."""

    env: WorkflowEnvironment

    @property
    @abstractmethod
    def segments(self) -> Sequence[Segment]:
        """The clock's table as it is now."""

    @property
    def client(self) -> Client:
        return self.env.client

    async def now(self) -> datetime:
        return business_at(self.segments, await self.env.get_current_time())

    async def go_to(self, business: datetime) -> None:
        """Skip forward to a business instant, firing the timers on the way."""
        real = real_at(self.segments, business)
        assert real is not None
        left = real - await self.env.get_current_time()
        if left > timedelta(0):
            await self.env.sleep(left)


async def eventually(true: Callable[[], bool | Awaitable[bool]], within: float = 60.0) -> None:
    """Poll until it is true; fails after ``within`` seconds."""
    async with asyncio.timeout(within):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)
