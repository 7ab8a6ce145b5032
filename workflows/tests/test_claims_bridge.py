"""Events about claims on real Temporal: each counts once, and finds whom it concerns."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from temporalio.client import Client, WorkflowHandle

from unioncard.clock_segments import Segment
from unioncard.contracts import Contract, claims
from unioncard.contracts.claims import ClaimState, PayoutBatchState
from unioncard.messaging.dead_letters import Record
from workflows.bridge import Bridge
from workflows.claim_progress import ClaimEnd
from workflows.claims_errands import claims_task_of
from workflows.errands import Errand, Word
from workflows.payout_batch_progress import PayoutBatchEnd
from workflows.search_attributes import BATCH, DISTRICT, UNION
from workflows.settings import WorkflowsSettings
from workflows_testing.claims_office import FILED, PAPERS_DUE, PAYOUTS, ClaimsOffice
from workflows_testing.crossings import a_producer, counted, enveloped
from workflows_testing.time_travel import eventually


@dataclass
class Span:
    """The bridge, a worker's queue, and one claim and one batch of this test's own."""

    client: Client
    bridge: Bridge
    office: ClaimsOffice
    number: str

    async def cross(self, *events: Contract) -> None:
        """The events as one batch of messages."""
        records = [
            Record(claims.EVENTS, 0, n, self.number, enveloped(event, key=self.number))
            for n, event in enumerate(events)
        ]
        await self.bridge.process(records)

    def moved(self, state: ClaimState) -> claims.ClaimChanged:
        self.office.moves_to(state)
        return self.office.changed(self.number)

    def claim(self) -> "WorkflowHandle[object, object]":
        return self.client.get_workflow_handle(f"claim/{self.number}")

    def batch(self) -> "WorkflowHandle[object, object]":
        return self.client.get_workflow_handle(f"payout-batch/{self.number}")


@pytest.fixture
async def span(client: Client, settings: WorkflowsSettings, task_queue: str) -> AsyncIterator[Span]:
    number = f"GF{uuid.uuid4().int % 10**17:017}"
    async with a_producer(settings) as producer:
        office = ClaimsOffice([Segment(datetime.now(UTC), FILED)])
        carrier = Bridge(client, producer, lambda: office.segments, task_queue=task_queue, group=f"bridge-{number}")
        async with office.worker(client, task_queue):
            yield Span(client, carrier, office, number)


async def test_a_claim_has_one_workflow_however_often_it_is_told(span: Span) -> None:
    filed = span.office.changed(span.number)
    repeats = counted("bridge_events_total", type="claims.claim.changed.v1", outcome="repeat")
    await span.cross(filed, filed)
    await span.cross(filed)
    assert counted("bridge_events_total", type="claims.claim.changed.v1", outcome="repeat") == repeats + 2
    shown = await span.claim().describe()
    assert await shown.static_summary() == f"给付申请 {span.number} · 区局 363"
    found = shown.typed_search_attributes
    assert (found.get(BATCH), found.get(DISTRICT), found.get(UNION)) == (span.number, "363", "345")
    await eventually(lambda: span.office.state is ClaimState.INCOMPLETE)
    assert span.office.due_at == PAPERS_DUE
    withdrawn = span.moved(ClaimState.WITHDRAWN)
    await span.cross(withdrawn, withdrawn)
    assert ClaimEnd.model_validate(await span.claim().result()).state is ClaimState.WITHDRAWN
    before = (await span.claim().describe()).run_id
    await span.cross(filed, withdrawn)
    assert (await span.claim().describe()).run_id == before


async def test_of_several_that_come_together_the_newest_is_enough(span: Span) -> None:
    outdated = counted("bridge_events_total", type="claims.claim.changed.v1", outcome="outdated")
    filed = span.office.changed(span.number)
    first, second = span.moved(ClaimState.ADJUDICATING), span.moved(ClaimState.WITHDRAWN)
    await span.cross(filed, second, first)
    assert counted("bridge_events_total", type="claims.claim.changed.v1", outcome="outdated") == outdated + 2
    assert ClaimEnd.model_validate(await span.claim().result()).state is ClaimState.WITHDRAWN
    assert span.office.asked == []


async def test_a_claim_whose_first_event_is_late_starts_with_the_next(span: Span) -> None:
    filed = span.office.changed(span.number)
    await span.cross(span.moved(ClaimState.ADJUDICATING))
    await span.cross(filed)
    await span.cross(span.moved(ClaimState.WITHDRAWN))
    assert ClaimEnd.model_validate(await span.claim().result()).checks == 0


async def test_money_that_comes_back_after_the_close_is_watched_again(span: Span) -> None:
    filed = span.office.changed(span.number)
    await span.cross(filed)
    await span.cross(span.moved(ClaimState.CLOSED))
    first = await span.claim().describe()
    await span.claim().result()
    returned = span.moved(ClaimState.RETURNED)
    await span.cross(returned, returned)
    again = await span.claim().describe()
    assert again.run_id != first.run_id
    await eventually(lambda: [kind for kind, _ in span.office.notices()] == ["returned"])
    await span.cross(span.moved(ClaimState.CLOSED))
    await span.claim().result()
    # A late repeat learns that it is over.
    await span.cross(returned)
    assert ClaimEnd.model_validate(await span.claim().result()).state is ClaimState.CLOSED


async def test_a_payout_batch_is_sent_once_and_hears_its_answers(span: Span) -> None:
    opened = span.office.opened(span.number)
    await span.cross(opened, opened)
    await eventually(lambda: span.office.batch is PayoutBatchState.SENT)
    await span.cross(claims.PayoutBatchAnswered(batch_number=span.number, waiting=0, paid=PAYOUTS, returned=0))
    assert PayoutBatchEnd.model_validate(await span.batch().result()).paid == PAYOUTS
    await span.cross(opened)
    assert len(span.office.of_type(claims.SubmitPayouts.TYPE)) == 1


def test_what_events_ask_of_temporal() -> None:
    office = ClaimsOffice()
    filed = claims_task_of(office.changed(), [])
    assert isinstance(filed, Errand)
    assert (filed.workflow_id, filed.signal) == ("claim/GF36320200305000001", None)
    office.moves_to(ClaimState.INCOMPLETE, due_at=PAPERS_DUE)
    changed = claims_task_of(office.changed(), [])
    assert isinstance(changed, Errand)
    assert (changed.signal, list(changed.signal_args)) == ("changed", [office.standing()])
    # The workflow's own command did that, and its answer says so.
    assert claims_task_of(office.changed().model_copy(update={"answered": True}), []) is None
    answered = claims.PayoutBatchAnswered(batch_number="FK1", waiting=2, paid=3, returned=0)
    assert claims_task_of(answered, []) == Word("payout-batch/FK1", "answered", [2, 3, 0])
