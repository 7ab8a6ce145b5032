"""The bridge on real Temporal: each event counts once, whenever and however often it comes."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from unioncard.clock_segments import Segment
from unioncard.contracts import Contract, cards
from unioncard.messaging.consumer import Consumer, Unavailable
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import MalformedMessage
from unioncard.messaging.kafka import Sender
from workflows import bridge
from workflows.bridge import Bridge
from workflows.crossing import temporal_answers
from workflows.search_attributes import BATCH, DISTRICT, UNION
from workflows.settings import WorkflowsSettings
from workflows_testing.card_office import MEMBERS, SUBMITTED, CardOffice, counts
from workflows_testing.crossings import a_producer, counted, enveloped, running
from workflows_testing.time_travel import eventually

ALL_FAILED = counts(failed=MEMBERS)


@dataclass
class Span:
    """The bridge, a worker's queue and one batch of this test's own."""

    client: Client
    producer: Sender
    bridge: Bridge
    office: CardOffice
    task_queue: str
    number: str

    async def cross(self, *events: Contract) -> None:
        """The events as one batch of messages."""
        await self.bridge.process(
            [
                Record(cards.EVENTS, 0, n, self.number, enveloped(event, key=self.number))
                for n, event in enumerate(events)
            ]
        )

    def submitted(self) -> cards.BatchSubmitted:
        return self.office.submitted(self.number)

    def answered(self, so_far: cards.BatchCounts) -> cards.BatchAnswered:
        return cards.BatchAnswered(**self.submitted().model_dump(), counts=so_far, answered_at=SUBMITTED)

    def closed(self) -> cards.BatchClosed:
        return cards.BatchClosed(**self.submitted().model_dump(), reason="遗失")

    def workflow(self) -> "WorkflowHandle[object, object]":
        return self.client.get_workflow_handle(f"card-batch/{self.number}")


@pytest.fixture
async def span(client: Client, settings: WorkflowsSettings, task_queue: str) -> AsyncIterator[Span]:
    number = f"cbc036{uuid.uuid4().int % 10**12:012}"
    async with a_producer(settings) as producer:
        # The rehearsal clock stands at the submission, so that no deadline has passed whenever this runs.
        office = CardOffice([Segment(datetime.now(UTC), SUBMITTED)])
        carrier = Bridge(client, producer, lambda: office.segments, task_queue=task_queue, group=f"bridge-{number}")
        async with office.worker(client, task_queue):
            yield Span(client, producer, carrier, office, task_queue, number)


async def test_a_submission_that_comes_twice_starts_one_workflow(span: Span) -> None:
    repeats = counted("bridge_events_total", type="card.batch.submitted.v1", outcome="repeat")
    await span.cross(span.submitted(), span.submitted())
    await span.cross(span.submitted())
    assert counted("bridge_events_total", type="card.batch.submitted.v1", outcome="repeat") == repeats + 2
    await eventually(lambda: len(span.office.asked) == 1)
    shown = await span.workflow().describe()
    assert await shown.static_summary() == f"办卡批次 {span.number} · 10人 · 普通通道"
    assert (await shown.static_details() or "").startswith("基层工会 345（区局 036）于 2026年9月21日10:00 提交")
    found = shown.typed_search_attributes
    assert (found.get(DISTRICT), found.get(UNION), found.get(BATCH)) == ("036", "345", span.number)


async def test_any_event_starts_the_workflow_and_none_is_lost(span: Span) -> None:
    span.office.counts = ALL_FAILED
    await span.cross(span.answered(ALL_FAILED), span.submitted())
    await span.workflow().result()
    assert [one.key for one in span.office.asked] == [f"card-batch/{span.number}/submit"]


async def test_a_late_event_does_not_start_an_ended_workflow_again(span: Span) -> None:
    await span.cross(span.submitted(), span.answered(ALL_FAILED))
    await span.workflow().result()
    before = await span.workflow().describe()
    too_late = counted("bridge_events_total", type="card.batch.answered.v1", outcome="too late")
    repeats = counted("bridge_events_total", type="card.batch.submitted.v1", outcome="repeat")
    await span.cross(span.answered(ALL_FAILED), span.submitted())
    after = await span.workflow().describe()
    assert (after.run_id, after.status) == (before.run_id, WorkflowExecutionStatus.COMPLETED)
    assert counted("bridge_events_total", type="card.batch.answered.v1", outcome="too late") == too_late + 1
    assert counted("bridge_events_total", type="card.batch.submitted.v1", outcome="repeat") == repeats + 1


async def test_events_of_one_batch_keep_their_order_beside_many_others(span: Span) -> None:
    numbers = [f"{span.number}{n:02}" for n in range(40)]
    submitted = [span.office.submitted(number) for number in numbers]
    closed = [cards.BatchClosed(**one.model_dump(), reason="停办") for one in submitted]
    await span.cross(*submitted, *closed)
    for number in numbers:
        handle = span.client.get_workflow_handle(f"card-batch/{number}")
        assert (await handle.result())["closed"] is True


async def test_a_check_starts_and_counts_its_chunks(span: Span) -> None:
    check_id = f"check-{uuid.uuid4()}"
    event = cards.CheckRequested(
        check_id=check_id,
        union_id=345,
        district_code="036",
        channel=cards.Channel.NORMAL,
        total=1000,
        chunks=10,
        requested_at=SUBMITTED,
    )
    await span.cross(event, event)
    handle = span.client.get_workflow_handle(f"card-check/{check_id}")
    assert await handle.result() == {"passed": 970, "not_passed": 20, "gone": 10}
    assert sorted(one.key for one in span.office.asked) == sorted(f"card-check/{check_id}/{n}" for n in range(10))
    shown = await handle.describe()
    assert await shown.static_summary() == f"系统校验 {check_id} · 1000人 · 普通通道"


async def test_events_nobody_here_listens_to_are_passed_over(span: Span) -> None:
    await span.cross(cards.CardsChanged(union_id=345, cards=[]), span.submitted())
    await eventually(lambda: len(span.office.asked) == 1)


async def test_an_event_of_a_newer_release_is_not_dropped(span: Span) -> None:
    body = enveloped(span.submitted(), key=span.number).replace(b"card.batch.submitted.v1", b"card.batch.submitted.v9")
    with pytest.raises(MalformedMessage, match=r"unknown type card\.batch\.submitted\.v9"):
        await span.bridge.process([Record(cards.EVENTS, 0, 0, span.number, body)])


async def test_events_cross_from_kafka(span: Span, settings: WorkflowsSettings) -> None:
    group = f"bridge-{span.number}"
    consumer = Consumer(settings, client="test", group=group, topics=bridge.TOPICS, processor=span.bridge)
    for event in (span.submitted(), span.answered(ALL_FAILED), span.submitted()):
        await span.producer.send_and_wait(event.TOPIC, enveloped(event, key=span.number), key=span.number.encode())
    async with running(consumer.run):
        await eventually(lambda: _is_there(span))
        await span.workflow().result()


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (RPCStatusCode.UNAVAILABLE, Unavailable),
        (RPCStatusCode.DEADLINE_EXCEEDED, Unavailable),
        (RPCStatusCode.NOT_FOUND, Unavailable),  # the namespace is gone: not the event's fault
        (RPCStatusCode.PERMISSION_DENIED, Unavailable),
        (RPCStatusCode.INVALID_ARGUMENT, MalformedMessage),
    ],
)
async def test_what_temporals_refusals_mean(status: RPCStatusCode, becomes: type[Exception]) -> None:
    with pytest.raises(becomes):
        async with temporal_answers():
            raise RPCError("no", status, b"")


async def _is_there(span: Span) -> bool:
    try:
        await span.workflow().describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
