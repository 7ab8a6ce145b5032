"""Business time on a time-skipping server, and waiting for what comes to pass."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkerDeploymentVersion
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkerDeploymentConfig

from unioncard.clock_segments import Segment, business_at, real_at

#: No versioning; named all the same, since Temporal would hash all loaded code to find a name.
UNVERSIONED = WorkerDeploymentConfig(WorkerDeploymentVersion("tests", "1"), use_worker_versioning=False)

_STEP = timedelta(days=1)


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
        # In steps, since one call of the server takes at most half a minute.
        while (left := real - await self.env.get_current_time()) > timedelta(0):
            await self.env.sleep(min(left, _STEP))


async def eventually(true: Callable[[], bool | Awaitable[bool]], within: float = 60.0) -> None:
    """Poll until it is true; fails after ``within`` seconds."""
    async with asyncio.timeout(within):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)


async def attributes(client: Client, workflow: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """What is set, as it lies in the server: the SDK's view chokes on what the test server makes of an unset date."""
    fields = (await _described(client, workflow)).search_attributes.indexed_fields
    return {name: json.loads(payload.data) for name, payload in fields.items() if payload.data}


async def length(client: Client, workflow: WorkflowHandle[Any, Any]) -> int:
    """Events in its history."""
    return (await _described(client, workflow)).history_length


async def _described(client: Client, workflow: WorkflowHandle[Any, Any]) -> WorkflowExecutionInfo:
    execution = WorkflowExecution(workflow_id=workflow.id)
    request = DescribeWorkflowExecutionRequest(namespace="default", execution=execution)
    return (await client.workflow_service.describe_workflow_execution(request)).workflow_execution_info
