"""The bridge: events of the services start and signal workflows.

The workflow's id is the business id, so an event that comes twice finds what it started. The offset is committed only
after Temporal has answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from unioncard import telemetry
from unioncard.clock_segments import Segment
from unioncard.contracts import REGISTRY, Contract, contract_of
from unioncard.contracts.cards import (
    EVENTS,
    BatchAnswered,
    BatchCalled,
    BatchClosed,
    BatchEvent,
    BatchPickedUp,
    BatchSubmitted,
    CheckRequested,
)
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.messaging.kafka import Sender
from workflows import card_batch_view, card_check_view, metrics
from workflows.card_batch import CardBatch
from workflows.card_batch_progress import Batch, CardBatchStart
from workflows.card_check import CardCheck
from workflows.card_check_view import CardCheckStart
from workflows.client import RPC_TIMEOUT
from workflows.crossing import each, set_aside, temporal_answers
from workflows.search_attributes import BATCH, DISTRICT, PHASE, UNION

GROUP = "workflows-bridge"
# What became of an event, in metrics.bridge_events.
STARTED, SIGNALLED, REPEAT, TOO_LATE = "started", "signalled", "repeat", "too late"
TOPICS = [EVENTS]

Table = Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Errand:
    """What one event asks of Temporal: a workflow that must be there, and perhaps a signal to it."""

    workflow: Callable[..., Any]
    workflow_id: str
    start: CardBatchStart | CardCheckStart
    attributes: list[SearchAttributePair[Any]]
    summary: str
    introduction: str
    signal: str | None = None
    signal_args: Sequence[Any] = field(default=())


def errand_of(event: Contract, segments: Table) -> Errand | None:
    """The errand of an event, None for one that nobody here listens to.

    Any event of a batch can start its workflow: they carry all that it needs and may come in any order.
    """
    match event:
        case CheckRequested():
            return _check(event)
        case BatchSubmitted():
            return _batch(event, segments)
        case BatchAnswered(counts=counts):
            return _batch(event, segments, "answered", [counts])
        case BatchCalled(called_on=called_on):
            return _batch(event, segments, "called", [called_on])
        case BatchPickedUp(counts=counts):
            return _batch(event, segments, "picked_up", [counts])
        case BatchClosed():
            return _batch(event, segments, "closed")
        case _:
            return None


def _check(event: CheckRequested) -> Errand:
    start = CardCheckStart.model_validate(event.model_dump())
    return Errand(
        workflow=CardCheck.run,
        workflow_id=f"card-check/{event.check_id}",
        start=start,
        attributes=[
            SearchAttributePair(DISTRICT, event.district_code),
            SearchAttributePair(UNION, str(event.union_id)),
            SearchAttributePair(PHASE, "校验中"),
        ],
        summary=card_check_view.summary(start),
        introduction=card_check_view.introduction(start),
    )


def _batch(event: BatchEvent, segments: Table, signal: str | None = None, args: Sequence[Any] = ()) -> Errand:
    batch = Batch(
        number=event.batch_number,
        union_id=event.union_id,
        district_code=event.district_code,
        channel=event.channel,
        members=event.members,
        submitted_at=event.submitted_at,
    )
    return Errand(
        workflow=CardBatch.run,
        workflow_id=f"card-batch/{event.batch_number}",
        start=CardBatchStart(batch=batch, segments=list(segments)),
        attributes=[
            SearchAttributePair(DISTRICT, event.district_code),
            SearchAttributePair(UNION, str(event.union_id)),
            SearchAttributePair(BATCH, event.batch_number),
            SearchAttributePair(PHASE, str(card_batch_view.Phase.SUBMITTING)),
        ],
        summary=card_batch_view.summary(batch),
        introduction=card_batch_view.introduction(batch),
        signal=signal,
        signal_args=args,
    )


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
        by_workflow: dict[str, list[tuple[Envelope, Errand]]] = {}
        for record in records:
            envelope = Envelope.decode(record.body)
            if envelope.type not in REGISTRY:
                # Written by a newer release: kept as a dead letter, so that it can be sent again after ours.
                raise MalformedMessage(f"unknown type {envelope.type}")
            errand = errand_of(contract_of(envelope), segments)
            if errand is not None:
                by_workflow.setdefault(errand.workflow_id, []).append((envelope, errand))
        await each(self._run_errands, list(by_workflow.values()))

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep an event that Temporal would never take."""
        await set_aside(self._producer, record, self._group, reason)

    async def _run_errands(self, errands: Sequence[tuple[Envelope, Errand]]) -> None:
        for envelope, errand in errands:
            with telemetry.span(f"bridge {envelope.type}", kind=SpanKind.CONSUMER, parent=envelope.traceparent):
                async with temporal_answers():
                    outcome = await self._run_errand(errand)
            metrics.bridge_events.labels(envelope.type, outcome).inc()

    async def _run_errand(self, errand: Errand) -> str:
        """Start, or signal with start. A late duplicate never starts a workflow that has ended."""
        signal: Mapping[str, Any] = {}
        if errand.signal:
            signal = {
                "start_signal": errand.signal,
                "start_signal_args": errand.signal_args,
                "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            }
        try:
            await self._client.start_workflow(
                errand.workflow,
                errand.start,
                id=errand.workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
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
