"""The bridge: events of the services start and signal workflows.

The workflow's id is the business id, so an event that comes twice finds what it started. The offset is committed only
after Temporal has answered.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from unioncard import telemetry
from unioncard.contracts import REGISTRY, Contract, cards, claims, contract_of, insurance
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.messaging.kafka import Sender
from workflows import metrics
from workflows.card_errands import errand_of
from workflows.claims_errands import claims_task_of
from workflows.client import RPC_TIMEOUT
from workflows.crossing import each, set_aside, temporal_answers
from workflows.errands import Announcement, Errand, Table, Task, Word, outdated
from workflows.insurance_errands import insurance_task_of

GROUP = "workflows-bridge"
# What became of an event, in metrics.bridge_events.
STARTED, SIGNALLED, REPEAT, TOO_LATE, OUTDATED = "started", "signalled", "repeat", "too late", "outdated"
TOPICS = [cards.EVENTS, insurance.EVENTS, claims.EVENTS]


def task_of(event: Contract, segments: Table) -> Task | None:
    """What an event asks for, None for one that nobody here listens to."""
    return errand_of(event, segments) or insurance_task_of(event, segments) or claims_task_of(event, segments)


class Bridge:
    """Carries events to Temporal: those of one workflow in the order they came, those of different ones at once."""

    def __init__(
        self,
        client: Client,
        producer: Sender,
        segments: Callable[[], Table],
        *,
        task_queue: str,
        group: str = GROUP,
    ) -> None:
        self._client = client
        self._producer = producer
        self._segments = segments
        self._task_queue = task_queue
        self._group = group

    async def process(self, records: Sequence[Record]) -> None:
        """See :class:`~unioncard.messaging.consumer.Processor`."""
        segments = self._segments()
        in_order: dict[str, list[tuple[Envelope, Task]]] = {}
        for record in records:
            envelope = Envelope.decode(record.body)
            if envelope.type not in REGISTRY:
                # Written by a newer release: kept as a dead letter, so that it can be sent again after ours.
                raise MalformedMessage(f"unknown type {envelope.type}")
            task = task_of(contract_of(envelope), segments)
            if task is not None:
                name = task.name if isinstance(task, Announcement) else task.workflow_id
                in_order.setdefault(name, []).append((envelope, task))
        await each(self._run_all, list(in_order.values()))

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep an event that Temporal would never take."""
        await set_aside(self._producer, record, self._group, reason)

    async def _run_all(self, tasks: Sequence[tuple[Envelope, Task]]) -> None:
        all_of_them = [task for _, task in tasks]
        for envelope, task in tasks:
            if outdated(task, all_of_them):
                metrics.bridge_events.labels(envelope.type, OUTDATED).inc()
                continue
            with telemetry.span(f"bridge {envelope.type}", kind=SpanKind.CONSUMER, parent=envelope.traceparent):
                async with temporal_answers():
                    outcome = await self._run(task)
            metrics.bridge_events.labels(envelope.type, outcome).inc()

    async def _run(self, task: Task) -> str:
        match task:
            case Word():
                return SIGNALLED if await self._signal(task.workflow_id, task.signal, task.args) else TOO_LATE
            case Announcement():
                return await self._announce(task)
            case Errand(parent_id=str(parent)) if await self._signal(parent, task.parent_signal, [task.start]):
                return SIGNALLED
            case Errand():
                return await self._start(task)

    async def _signal(self, workflow_id: str, signal: str, args: Sequence[Any]) -> bool:
        """False when no such workflow runs. That the namespace is right was checked at start."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(signal, args=args, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _announce(self, task: Announcement) -> str:
        """Whoever is not listed yet asks by itself the next day."""
        found = [one.id async for one in self._client.list_workflows(task.query, rpc_timeout=RPC_TIMEOUT)]
        for workflow_id in found:
            await self._signal(workflow_id, task.signal, task.args)
        return SIGNALLED if found else TOO_LATE

    async def _start(self, errand: Errand) -> str:
        """Start, or signal with start. A late duplicate starts nothing that has ended, unless that is wanted."""
        signal: Mapping[str, Any] = {}
        if errand.signal:
            signal = {
                "start_signal": errand.signal,
                "start_signal_args": errand.signal_args,
                "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            }
        once, again = WorkflowIDReusePolicy.REJECT_DUPLICATE, WorkflowIDReusePolicy.ALLOW_DUPLICATE
        try:
            await self._client.start_workflow(
                errand.workflow,
                errand.start,
                id=errand.workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=again if errand.again else once,
                search_attributes=TypedSearchAttributes(errand.attributes),
                static_summary=errand.summary,
                static_details=errand.introduction,
                rpc_timeout=RPC_TIMEOUT,
                **signal,
            )
        except WorkflowAlreadyStartedError:
            # A start finds the workflow running or ended, a signal finds it ended.
            return TOO_LATE if errand.signal else REPEAT
        return SIGNALLED if errand.signal else STARTED
