"""A card-svc for tests of workflows: answers every command at once, and remembers when it was asked what."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from unioncard.clock_segments import Segment, business_at
from unioncard.contracts import Contract, cards
from workflows.business_day import BusinessDay
from workflows.card_errands import errand_of
from workflows.commands import Asked
from workflows.errands import Errand
from workflows.worker import WORKFLOWS
from workflows_testing.time_travel import UNVERSIONED, TimeTravel

#: When the batch below is submitted: Monday 21 September 2026, 10:00 in Shanghai.
SUBMITTED = datetime(2026, 9, 21, 2, 0, tzinfo=UTC)
#: 21, 22, 23, 24 September are in; 00:00 of the 25th is the first instant too late.
NUMBERS_DUE = datetime(2026, 9, 24, 16, 0, tzinfo=UTC)
#: 15 days after the 21st is 6 October; within them lie Mid-Autumn (25 September) and 1 to 3 October: four more.
CALL_DUE = datetime(2026, 10, 10, 16, 0, tzinfo=UTC)
MEMBERS = 10


def counts(issued: int = 0, failed: int = 0, collected: int = 0, in_person: int = 0) -> cards.BatchCounts:
    return cards.BatchCounts(
        waiting=MEMBERS - issued - failed,
        issued=issued,
        failed=failed,
        collected=collected,
        in_person=in_person,
        unaccounted=issued - collected - in_person,
    )


@dataclass(frozen=True)
class Command:
    """One command as it arrived. ``at`` is business time."""

    type: str
    key: str
    data: dict[str, Any]
    at: datetime


@dataclass
class CardOffice:
    """What the stand-in knows; tests change it as the facts change."""

    segments: Sequence[Segment] = ()
    channel: cards.Channel = cards.Channel.NORMAL
    counts: cards.BatchCounts = field(default_factory=counts)
    called_on: date | None = None
    closed: bool = False
    refusal: str | None = None
    asked: list[Command] = field(default_factory=list)
    slow: Callable[[Command], Awaitable[None]] | None = None

    @activity.defn(dynamic=True)
    async def answer(self, args: Sequence[RawValue]) -> dict[str, Any]:
        info = activity.info()
        asked: Asked = activity.payload_converter().from_payload(args[0].payload, Asked)
        now = business_at(self.segments, info.scheduled_time)
        command = Command(info.activity_type, asked.key, dict(asked.data), now)
        self.asked.append(command)
        if self.slow is not None:
            await self.slow(command)
        if self.refusal:
            raise ApplicationError("批次中有会员资料不全", type=self.refusal, non_retryable=True)
        return self._result(command)

    def _result(self, command: Command) -> dict[str, Any]:
        match command.type:
            case cards.SubmitBatch.TYPE:
                normal = self.channel is cards.Channel.NORMAL
                deadlines = cards.BatchDeadlines(
                    numbers_due_at=NUMBERS_DUE if normal else None,
                    call_due_at=CALL_DUE if normal else None,
                    call_due_provisional=False,
                )
                answer: Contract = cards.SubmitBatchResult(accepted_at=command.at, deadlines=deadlines)
            case cards.NotifyBatch.TYPE:
                answer = cards.NotifyBatchResult(
                    recipients=2, counts=self.counts, called_on=self.called_on, closed=self.closed
                )
            case cards.CheckChunk.TYPE:
                answer = cards.CheckChunkResult(passed=97, not_passed=2, gone=1)
            case _:
                answer = cards.FetchBankStateResult(batches=3, results=40, news=5, set_aside=1)
        result: dict[str, Any] = answer.model_dump(mode="json")
        return result

    def notices(self) -> list[tuple[str, int]]:
        """Kind and occurrence of each notice, in the order they were asked for."""
        return [(one.data["kind"], one.data["occurrence"]) for one in self.asked if one.type == cards.NotifyBatch.TYPE]

    def asked_at(self, kind: cards.NoticeKind, occurrence: int = 1) -> datetime:
        """When the notice was asked for, in business time."""
        wanted = (kind, occurrence)
        return next(
            one.at
            for one in self.asked
            if one.type == cards.NotifyBatch.TYPE and (one.data["kind"], one.data["occurrence"]) == wanted
        )

    def worker(self, client: Client, task_queue: str) -> Worker:
        return Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=[self.answer, BusinessDay(None).of, BusinessDay(None).table],
            graceful_shutdown_timeout=timedelta(seconds=1),
            deployment_config=UNVERSIONED,
        )

    def submitted(self, number: str = "cbc036202609211000") -> cards.BatchSubmitted:
        return cards.BatchSubmitted(
            batch_number=number,
            union_id=345,
            district_code="036",
            channel=self.channel,
            members=MEMBERS,
            submitted_at=SUBMITTED,
        )

    def errand(self, number: str = "cbc036202609211000") -> Errand:
        errand = errand_of(self.submitted(number), self.segments)
        assert errand is not None
        return errand

    async def start_batch(self, client: Client, task_queue: str) -> WorkflowHandle[Any, Any]:
        """The batch's workflow, as the bridge starts it."""
        errand = self.errand()
        return await client.start_workflow(
            errand.workflow, errand.start, id=errand.workflow_id, task_queue=task_queue, static_summary=errand.summary
        )


@dataclass
class Season(TimeTravel):
    """One time-skipping server whose business time began at 21 September 2026, 10:00 in Shanghai."""

    office: CardOffice
    task_queue: str

    @property
    def segments(self) -> Sequence[Segment]:
        return self.office.segments

    async def start(self) -> WorkflowHandle[Any, Any]:
        return await self.office.start_batch(self.client, self.task_queue)

    async def answer(self, batch: WorkflowHandle[Any, Any], signal: str, counts: cards.BatchCounts) -> None:
        """The facts change, and the event about it comes to the workflow."""
        self.office.counts = counts
        await batch.signal(signal, counts)
