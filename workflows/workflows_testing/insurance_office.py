"""An insurance-svc for tests of workflows: answers every command at once, and remembers when it was asked what.

It judges deadlines as the service does, by the calendar that it knows: what workflows say and when changes nothing.
"""

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
from unioncard.contracts import Contract, cards, insurance
from unioncard.contracts.cards import ExclusionReason
from unioncard.contracts.insurance import Phase, PhaseTimes, PremiumState, Scheme
from workflows.business_day import BusinessDay
from workflows.commands import Asked
from workflows.enrolment_campaign import EnrolmentCampaign, campaign_id
from workflows.enrolment_campaign_view import CampaignStart
from workflows.errands import Errand
from workflows.insurance_errands import insurance_task_of
from workflows.worker import WORKFLOWS
from workflows_testing.card_office import Command
from workflows_testing.time_travel import UNVERSIONED, TimeTravel


def midnight(year: int, month: int, day: int) -> datetime:
    """00:00 in Shanghai, which is 16:00 of the day before in UTC."""
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=8)


#: Eve of the campaign for 2020: 25 October 2019 is the first day of fee splits.
EVE = midnight(2019, 10, 25)
SPLIT_ENDS = midnight(2019, 11, 1)
WINDOW_ENDS = midnight(2019, 12, 28)
SUBMISSION_ENDS = midnight(2020, 1, 1)
PAYMENT_ENDS = midnight(2020, 1, 21)
#: calendars.csv, 2020: the last days are 31 October, 27 December, 31 December and 20 January.
CENTRALIZED = [
    PhaseTimes(phase=Phase.FEE_SPLIT, opens_at=EVE, closes_at=SPLIT_ENDS),
    PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=SPLIT_ENDS, closes_at=WINDOW_ENDS),
    PhaseTimes(phase=Phase.UNION_PAYMENT, opens_at=None, closes_at=SUBMISSION_ENDS),
    PhaseTimes(phase=Phase.DISTRICT_SUBMISSION, opens_at=WINDOW_ENDS, closes_at=SUBMISSION_ENDS),
    PhaseTimes(phase=Phase.PAYMENT, opens_at=None, closes_at=PAYMENT_ENDS),
]
#: 2014: calendars.csv has the window of 1 May to 30 June; then ten days for districts, and payment to 31 July.
REGISTRATION_OPENS, REGISTRATION_ENDS = midnight(2014, 5, 1), midnight(2014, 7, 1)
REGISTRATION_SUBMISSION_ENDS = midnight(2014, 7, 11)
WINDOW_ONLY = [PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=REGISTRATION_OPENS, closes_at=REGISTRATION_ENDS)]
REGISTRATION = [
    *WINDOW_ONLY,
    PhaseTimes(phase=Phase.DISTRICT_SUBMISSION, opens_at=REGISTRATION_ENDS, closes_at=REGISTRATION_SUBMISSION_ENDS),
    PhaseTimes(phase=Phase.PAYMENT, opens_at=None, closes_at=midnight(2014, 8, 1)),
]

SUBMITTED = datetime(2019, 12, 30, 2, 0, tzinfo=UTC)
"""When the batch below is submitted: 30 December 2019, 10:00 in Shanghai."""
DUE_FEN = 1_300_000
TOTALS = insurance.CampaignTotals(
    districts=3,
    batches=2,
    batches_voided=1,
    heads=2000,
    fee_fen=5_200_000,
    subsidy_fen=2_600_000,
    district_fen=1_000_000,
    union_fen=1_600_000,
    credit_fen=100_000,
)


@dataclass
class InsuranceOffice:
    """What the stand-in knows; tests change it as the facts change."""

    segments: Sequence[Segment] = ()
    scheme: Scheme = Scheme.CENTRALIZED
    year: int = 2020
    calendar: list[PhaseTimes] = field(default_factory=lambda: list(CENTRALIZED))
    version: int = 5
    districts: int = 3
    own_ends: dict[int, datetime] = field(default_factory=dict)
    batches_open: bool = False
    state: PremiumState = PremiumState.REVIEWING
    due_at: datetime | None = None
    vouchers: int = 0
    received_fen: int = 0
    statement: bool = False
    people: list[int] = field(default_factory=list)
    retired: set[int] = field(default_factory=set)
    chunk: int = 1000
    refusals: dict[str, str] = field(default_factory=dict)
    asked: list[Command] = field(default_factory=list)
    before_answer: Callable[[Command], Awaitable[None]] | None = None

    @activity.defn(dynamic=True)
    async def answer(self, args: Sequence[RawValue]) -> dict[str, Any]:
        info = activity.info()
        asked: Asked = activity.payload_converter().from_payload(args[0].payload, Asked)
        now = business_at(self.segments, info.scheduled_time)
        command = Command(info.activity_type, asked.key, dict(asked.data), now)
        self.asked.append(command)
        if self.before_answer is not None:
            await self.before_answer(command)
        if reason := self.refusals.get(command.type):
            raise ApplicationError("名单正在处理", type=reason, non_retryable=True)
        result: dict[str, Any] = self._result(command).model_dump(mode="json")
        return result

    def _result(self, command: Command) -> Contract:
        if "exclusions" in command.type:
            return self._of_exclusions(command)
        if command.type in (
            insurance.NotifyPremium.TYPE,
            insurance.VoidUnpaid.TYPE,
            insurance.SendPaymentDetails.TYPE,
            insurance.BatchPersonal.TYPE,
        ):
            return self._of_batches(command)
        return self._of_campaigns(command)

    def _of_campaigns(self, command: Command) -> Contract:
        match command.type:
            case insurance.ListDueCampaigns.TYPE:
                return insurance.DueCampaigns(
                    campaigns=[insurance.CampaignKey(scheme=self.scheme, coverage_year=self.year)]
                )
            case insurance.OpenCampaign.TYPE:
                return insurance.OpenedCampaign(
                    phases=self.calendar,
                    version=self.version,
                    districts=[self.district(id_) for id_ in range(1, self.districts + 1)],
                )
            case insurance.ShowDistrict.TYPE:
                return standing()
            case insurance.NotifyDistrict.TYPE:
                return insurance.Notified(recipients=4)
            case insurance.CloseDistrict.TYPE:
                return self._closed(command)
            case _:
                if self.batches_open:
                    raise ApplicationError("尚有批次未办结", type="batches-open", non_retryable=True)
                return TOTALS

    def _of_batches(self, command: Command) -> Contract:
        match command.type:
            case insurance.SendPaymentDetails.TYPE:
                return insurance.DetailsSent(sent_at=command.at)
            case insurance.BatchPersonal.TYPE:
                return insurance.PersonalBatched(batches=2, heads=7)
            case insurance.VoidUnpaid.TYPE:
                self._judge(command.at)
        return insurance.PremiumStanding(
            state=self.state, due_at=self.due_at, vouchers=self.vouchers, received_fen=self.received_fen
        )

    def _of_exclusions(self, command: Command) -> Contract:
        """Insurance-svc names people by their ids, and card-svc's office knows who is retired."""
        match command.type:
            case insurance.NextExclusions.TYPE:
                begin = (command.data["after"] or (0, 0))[1]
                chunk = self.people[begin : begin + self.chunk]
                end = begin + len(chunk)
                return insurance.ExclusionChunk(
                    member_ids=chunk,
                    next=(0, end) if end < len(self.people) else None,
                    total=None if command.data["after"] else len(self.people),
                    asked_at=command.at,
                )
            case cards.CheckExclusions.TYPE:
                asked = command.data["member_ids"]
                excluded = [one for one in asked if one in self.retired]
                return cards.ExclusionsFound(
                    excluded={ExclusionReason.RETIRED: excluded} if excluded else {},
                    unknown=[one for one in asked if one < 0],
                )
            case _:
                excluded = command.data["excluded"].get(ExclusionReason.RETIRED, [])
                return insurance.ExclusionsRecorded(excluded=len(excluded), cleared=0)

    def district(self, id_: int) -> insurance.CampaignDistrict:
        return insurance.CampaignDistrict(district_id=id_, district_code=f"{id_:03}", name=f"第{id_}区局")

    def _closed(self, command: Command) -> Contract:
        id_ = command.data["district_id"]
        phases = {one.phase: one.closes_at for one in self.calendar}
        ends = self.own_ends.get(id_) or phases.get(Phase.DISTRICT_SUBMISSION) or phases[Phase.UNION_WINDOW]
        # The timer may be a moment ahead of this clock in tests: the server's time is rounded to milliseconds.
        if ends is not None and command.at < ends - timedelta(milliseconds=1):
            raise ApplicationError("区局提交尚未截止", type="district-open", non_retryable=True)
        return insurance.DistrictClosed(lists_voided=1, heads_voided=30)

    def _judge(self, now: datetime) -> None:
        over = self.due_at is not None and now >= self.due_at
        if self.state is PremiumState.PASSED and over and self.statement and self.received_fen < DUE_FEN:
            self.state = PremiumState.VOIDED

    # What was asked

    def notices(self, district_id: int | None = None) -> list[tuple[str, int]]:
        """Kind and occurrence of each notice, in the order they were asked for; of a district, or about the batch."""
        kind = insurance.NotifyPremium.TYPE if district_id is None else insurance.NotifyDistrict.TYPE
        return [
            (one.data["kind"], one.data["occurrence"])
            for one in self.asked
            if one.type == kind and one.data.get("district_id") == district_id
        ]

    def of_type(self, type_: str) -> list[Command]:
        return [one for one in self.asked if one.type == type_]

    def closings(self, district_id: int) -> list[Command]:
        return [one for one in self.of_type(insurance.CloseDistrict.TYPE) if one.data["district_id"] == district_id]

    # What happens

    def worker(self, client: Client, task_queue: str) -> Worker:
        day = BusinessDay(None)
        return Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=[self.answer, day.of, day.table],
            graceful_shutdown_timeout=timedelta(seconds=1),
            deployment_config=UNVERSIONED,
        )

    def batch(self, number: str = "CB201912300001", district_code: str = "001") -> insurance.PremiumBatchSubmitted:
        return insurance.PremiumBatchSubmitted(
            batch_number=number,
            district_id=1,
            district_code=district_code,
            scheme=self.scheme,
            coverage_year=self.year,
            heads=1000,
            due_fen=DUE_FEN,
            submitted_at=SUBMITTED,
        )

    def errand(self, number: str = "CB201912300001") -> Errand:
        errand = insurance_task_of(self.batch(number), self.segments)
        assert isinstance(errand, Errand)
        return errand

    def changed(self, phases: list[PhaseTimes], district_id: int | None = None) -> insurance.CampaignChanged:
        """The facts change; returns the event about it."""
        self.version += 1
        if district_id is None:
            self.calendar = list({one.phase: one for one in [*self.calendar, *phases]}.values())
            phases = self.calendar
        else:
            ends = next((one.closes_at for one in phases if one.phase is Phase.DISTRICT_SUBMISSION), None)
            if ends is not None:
                self.own_ends[district_id] = ends
        return insurance.CampaignChanged(
            scheme=self.scheme,
            coverage_year=self.year,
            district_id=district_id,
            phases=phases,
            version=self.version,
        )


def standing() -> insurance.DistrictStanding:
    return insurance.DistrictStanding(
        split_set=True,
        unions=300,
        unions_with_list=120,
        waiting=10,
        basket=100,
        returned=2,
        in_batch=8,
        heads=12000,
        batches_open=1,
        batches_written_off=2,
        batches_voided=0,
    )


@dataclass
class Campaigning(TimeTravel):
    """One time-skipping server whose business time began when the office's story begins."""

    office: InsuranceOffice
    task_queue: str

    @property
    def segments(self) -> Sequence[Segment]:
        return self.office.segments

    async def start(self) -> WorkflowHandle[Any, Any]:
        """The campaign's workflow, as the daily opening starts it."""
        return await self.client.start_workflow(
            EnrolmentCampaign.run,
            CampaignStart(scheme=self.office.scheme, year=self.office.year, segments=list(self.segments)),
            id=campaign_id(self.office.scheme, self.office.year),
            task_queue=self.task_queue,
        )

    async def start_payment(self) -> WorkflowHandle[Any, Any]:
        """The payment's workflow, as the bridge starts it."""
        errand = self.office.errand()
        return await self.client.start_workflow(
            errand.workflow,
            errand.start,
            id=errand.workflow_id,
            task_queue=self.task_queue,
            static_summary=errand.summary,
        )

    async def passed(self, payment: WorkflowHandle[Any, Any], due_at: datetime) -> None:
        """The centre passes the batch."""
        self.office.state, self.office.due_at = PremiumState.PASSED, due_at
        await payment.signal("reviewed", args=[True, due_at])

    async def reconciled(self, payment: WorkflowHandle[Any, Any], day: date) -> None:
        """The last day's statement is there."""
        self.office.statement = True
        await payment.signal("statement_reconciled", day)

    def district(self, id_: int) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"campaign/{self.office.scheme}/{self.office.year}/{id_:03}")
