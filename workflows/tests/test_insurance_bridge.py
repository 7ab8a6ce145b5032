"""Events about insurance on real Temporal: each counts once, and finds whom it concerns."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from unioncard.clock_segments import Segment
from unioncard.contracts import Contract, insurance
from unioncard.contracts.insurance import PremiumState
from unioncard.messaging.dead_letters import Record
from workflows.bridge import Bridge
from workflows.enrolment_campaign import EnrolmentCampaign
from workflows.enrolment_campaign_view import CampaignStart
from workflows.premium_payment_progress import PremiumEnd
from workflows.search_attributes import BATCH, DISTRICT, YEAR
from workflows.settings import WorkflowsSettings
from workflows_testing.crossings import a_producer, counted, enveloped
from workflows_testing.insurance_office import PAYMENT_ENDS, SUBMITTED, InsuranceOffice
from workflows_testing.time_travel import eventually


@dataclass
class Span:
    """The bridge, a worker's queue, and one batch of a year of this test's own."""

    client: Client
    bridge: Bridge
    office: InsuranceOffice
    task_queue: str
    number: str

    async def cross(self, *events: Contract) -> None:
        """The events as one batch of messages."""
        await self.bridge.process(
            [
                Record(insurance.EVENTS, 0, n, self.number, enveloped(event, key=self.number))
                for n, event in enumerate(events)
            ]
        )

    def submitted(self) -> insurance.PremiumBatchSubmitted:
        return self.office.batch(self.number)

    def passed(self) -> insurance.PremiumBatchReviewed:
        self.office.state, self.office.due_at = PremiumState.PASSED, PAYMENT_ENDS
        return insurance.PremiumBatchReviewed(**self.submitted().model_dump(), passed=True, due_at=PAYMENT_ENDS)

    def written_off(self) -> insurance.PremiumBatchWrittenOff:
        self.office.state = PremiumState.WRITTEN_OFF
        return insurance.PremiumBatchWrittenOff(**self.submitted().model_dump())

    def payment(self) -> "WorkflowHandle[object, object]":
        return self.client.get_workflow_handle(f"premium-payment/{self.number}")


@pytest.fixture
async def span(client: Client, settings: WorkflowsSettings, task_queue: str) -> AsyncIterator[Span]:
    number = f"CB{uuid.uuid4().int % 10**12:012}"
    async with a_producer(settings) as producer:
        # The rehearsal clock stands at the submission, so that no deadline has passed whenever this runs.
        office = InsuranceOffice(
            [Segment(datetime.now(UTC), SUBMITTED)], year=3000 + uuid.uuid4().int % 10**8, districts=1
        )
        carrier = Bridge(client, producer, lambda: office.segments, task_queue=task_queue, group=f"bridge-{number}")
        async with office.worker(client, task_queue):
            yield Span(client, carrier, office, task_queue, number)


async def test_a_submission_outside_of_a_campaign_starts_one_payment(span: Span) -> None:
    await span.cross(span.submitted(), span.submitted())
    await span.cross(span.submitted())
    shown = await span.payment().describe()
    assert shown.parent_id is None
    assert await shown.static_summary() == f"参保批次 {span.number} · 1000人 · 应缴 13,000.00 元"
    found = shown.typed_search_attributes
    assert (found.get(BATCH), found.get(DISTRICT), found.get(YEAR)) == (span.number, "001", span.office.year)
    await span.cross(span.passed(), span.written_off(), span.passed())
    end = PremiumEnd.model_validate(await span.payment().result())
    assert (end.state, end.details_sent) == (PremiumState.WRITTEN_OFF, True)
    before = await span.payment().describe()
    await span.cross(span.submitted(), span.written_off())
    assert (await span.payment().describe()).run_id == before.run_id


async def test_in_a_campaign_the_payment_hangs_below_its_district(span: Span) -> None:
    campaign = await span.client.start_workflow(
        EnrolmentCampaign.run,
        CampaignStart(scheme=span.office.scheme, year=span.office.year, segments=list(span.office.segments)),
        id=f"campaign/{span.office.scheme}/{span.office.year}",
        task_queue=span.task_queue,
    )
    await eventually(lambda: len(span.office.of_type(insurance.ShowDistrict.TYPE)) >= 1)
    await span.cross(span.submitted(), span.submitted())
    await eventually(lambda: _is_there(span))
    assert (await span.payment().describe()).parent_id == f"{campaign.id}/001"
    changes = counted("bridge_events_total", type="insurance.campaign.changed.v1", outcome="signalled")
    await span.cross(span.office.changed(list(span.office.calendar)))
    assert counted("bridge_events_total", type="insurance.campaign.changed.v1", outcome="signalled") == changes + 1
    # The payment outlives what it hangs below.
    await campaign.terminate("end of the test")
    await span.cross(span.passed(), span.written_off())
    assert PremiumEnd.model_validate(await span.payment().result()).state is PremiumState.WRITTEN_OFF


async def test_a_changed_calendar_starts_no_campaign(span: Span) -> None:
    too_late = counted("bridge_events_total", type="insurance.campaign.changed.v1", outcome="too late")
    await span.cross(span.office.changed(list(span.office.calendar)))
    assert counted("bridge_events_total", type="insurance.campaign.changed.v1", outcome="too late") == too_late + 1
    with pytest.raises(RPCError) as missing:
        await span.client.get_workflow_handle(f"campaign/{span.office.scheme}/{span.office.year}").describe()
    assert missing.value.status is RPCStatusCode.NOT_FOUND


async def test_a_reconciled_statement_reaches_whoever_waits_for_it(span: Span) -> None:
    span.office.segments = [Segment(datetime.now(UTC), PAYMENT_ENDS + timedelta(hours=1))]
    await span.cross(span.passed())
    await eventually(lambda: ("overdue", 20200120) in span.office.notices())
    span.office.statement = True

    async def judged() -> bool:
        # Visibility follows a moment later, so it is announced until somebody hears it.
        await span.cross(insurance.StatementReconciled(day=date(2020, 1, 20)))
        return span.office.state is PremiumState.VOIDED

    await eventually(judged)
    assert PremiumEnd.model_validate(await span.payment().result()).state is PremiumState.VOIDED


async def _is_there(span: Span) -> bool:
    try:
        await span.payment().describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
