"""How much the stack has to do at this moment: what the rehearsal clock slows down for."""

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from unioncard_cli.place import Place

if TYPE_CHECKING:
    from temporalio.client import Client

SERVICES = ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows")
#: Above one of these the clock slows down: about a second's work on two cores.
OUTBOX, LAG, TASKS = 300, 600, 100
_GAUGE = re.compile(r"^(outbox_waiting|consumer_lag)(?:\{[^}]*\})? ([0-9.e+]+)$", re.M)


@dataclass(frozen=True, slots=True)
class Load:
    """Messages not yet sent, messages not yet handled, Temporal tasks not begun."""

    outbox: int = 0
    lag: int = 0
    tasks: int = 0

    @property
    def heavy(self) -> bool:
        """Business time should pass more slowly."""
        return self.outbox > OUTBOX or self.lag > LAG or self.tasks > TASKS


async def measure(place: Place, client: "Client") -> Load:
    """Ask every process for its metrics and Temporal for its backlog. A process that is away counts as idle."""
    async with httpx.AsyncClient(timeout=5.0) as http:
        pages = await asyncio.gather(*(_page(http, place.url(name)) for name in SERVICES))
    seen = sums(pages)
    return Load(
        outbox=seen.get("outbox_waiting", 0),
        lag=seen.get("consumer_lag", 0),
        tasks=await _backlog(client),
    )


def sums(pages: list[str]) -> dict[str, int]:
    """The gauges of the pages in Prometheus' text format, added up by name."""
    seen: dict[str, int] = {}
    for page in pages:
        for name, value in _GAUGE.findall(page):
            seen[name] = seen.get(name, 0) + int(float(value))
    return seen


async def _page(http: httpx.AsyncClient, url: str) -> str:
    try:
        return (await http.get(f"{url}/metrics")).text
    except httpx.TransportError:
        return ""


async def _backlog(client: "Client") -> int:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    from workflows.client import RPC_TIMEOUT
    from workflows.settings import TASK_QUEUE

    waiting = 0
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        asked = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=kind,
            report_stats=True,
        )
        answer = await client.workflow_service.describe_task_queue(asked, timeout=RPC_TIMEOUT)
        waiting += answer.stats.approximate_backlog_count
    return waiting
