"""A claims-svc for tests of workflows, and what it needs of insurance-svc and card-svc: answers every command at once.

It judges last days by its own clock, as the service does: what workflows say and when changes nothing.
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
from unioncard.contracts import Contract, claims, cover, payees
from unioncard.contracts.claims import ClaimState, PayoutBatchState
from unioncard.contracts.cover import Benefit, CoverState
from workflows.business_day import BusinessDay
from workflows.claims_errands import claims_task_of
from workflows.commands import Asked
from workflows.errands import Errand
from workflows.worker import WORKFLOWS
from workflows_testing.card_office import Command
from workflows_testing.insurance_office import midnight
from workflows_testing.time_travel import UNVERSIONED, TimeTravel

#: When the claim below is filed: 5 March 2020, 10:00 in Shanghai.
FILED = datetime(2020, 3, 5, 2, 0, tzinfo=UTC)
#: The last day for missing papers is 4 April.
PAPERS_DUE = midnight(2020, 4, 5)
#: The last day to appeal is 10 June.
APPEAL_UNTIL = midnight(2020, 6, 11)
NUMBER = "GF36320200305000001"
BATCH_NUMBER = "FK202003090001"
PAYOUTS = 5

# Of two clocks that round to milliseconds one may be a moment ahead.
_ROUNDING = timedelta(milliseconds=1)


def policy(state: CoverState = CoverState.DEFINITE) -> cover.PolicyCover:
    """A member's policy of 2020."""
    return cover.PolicyCover(
        policy_id=77,
        state=state,
        coverage_year=2020,
        class_code="A",
        first_day=date(2020, 1, 1),
        last_day=date(2020, 12, 31),
        union_id=345,
        district_id=12,
        district_code="363",
        benefits=[
            cover.BenefitTerms(benefit=Benefit.CRITICAL_ILLNESS, amount_fen=1_000_000, per="event", limit_fen=None)
        ],
        file_until=date(2021, 6, 30),
    )


@dataclass
class ClaimsOffice:
    """What the stand-in knows; tests change it as the facts change."""

    segments: Sequence[Segment] = ()
    state: ClaimState = ClaimState.FILED
    version: int = 1
    due_at: datetime | None = None
    appeal_until: datetime | None = None
    missing: int = 3
    district_stamp: bool = False
    lapses: bool = True
    policies: list[cover.PolicyCover] = field(default_factory=lambda: [policy()])
    members: list[int] = field(default_factory=lambda: [1, 2, 3])
    batch: PayoutBatchState = PayoutBatchState.GATHERED
    waiting: int = PAYOUTS
    paid: int = 0
    returned: int = 0
    left_out: int = 0
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
            raise ApplicationError("无法办理", type=reason, non_retryable=True)
        result: dict[str, Any] = self._result(command).model_dump(mode="json")
        return result

    def _result(self, command: Command) -> Contract:
        match command.type:
            case cover.CheckCover.TYPE:
                return cover.CoverFound(policies=self.policies)
            case claims.AssessClaim.TYPE:
                self._assess(cover.CoverFound.model_validate(command.data["cover"]))
            case claims.LapseClaim.TYPE:
                self._judge(command.at)
            case claims.NotifyClaim.TYPE:
                pass
            case _:
                return self._of_payouts(command)
        return self.standing()

    def _assess(self, found: cover.CoverFound) -> None:
        if not found.policies:
            self.moves_to(ClaimState.REFUSED, appeal_until=APPEAL_UNTIL)
        elif self.state is ClaimState.FILED:
            self.moves_to(ClaimState.INCOMPLETE, due_at=PAPERS_DUE)
        elif self.state is ClaimState.PROVISIONAL and found.policies[0].state is CoverState.DEFINITE:
            self.moves_to(ClaimState.ADJUDICATING)

    def _judge(self, now: datetime) -> None:
        now += _ROUNDING
        if not self.lapses:
            return
        if self.state is ClaimState.INCOMPLETE and self.due_at is not None and now >= self.due_at:
            self.moves_to(ClaimState.LAPSED)
        elif self.state in (ClaimState.PAID, ClaimState.REFUSED) and self.appeal_until and now >= self.appeal_until:
            self.moves_to(ClaimState.CLOSED)

    def _of_payouts(self, command: Command) -> Contract:
        match command.type:
            case claims.GatherPayouts.TYPE:
                return claims.PayoutsGathered(batches=2, payouts=1007)
            case claims.FetchPayoutFile.TYPE:
                return claims.PayoutFileFetched(answers=40, news=5, set_aside=1)
            case claims.ShowPayees.TYPE:
                return claims.PayeeChunk(member_ids=self.members, state=self.batch)
            case payees.CheckPayees.TYPE:
                return payees.PayeesChecked(payable=len(command.data["member_ids"]) - 1, unpayable=1)
            case claims.SubmitPayouts.TYPE:
                self.batch = PayoutBatchState.SENT if self.waiting else PayoutBatchState.DONE
        return claims.PayoutBatchStanding(
            state=self.batch,
            payouts=PAYOUTS,
            amount_fen=5_000_000,
            waiting=self.waiting,
            paid=self.paid,
            returned=self.returned,
            left_out=self.left_out,
        )

    # The facts

    def moves_to(
        self, state: ClaimState, *, due_at: datetime | None = None, appeal_until: datetime | None = None
    ) -> None:
        """The claim changes."""
        self.state, self.version = state, self.version + 1
        self.due_at, self.appeal_until = due_at, appeal_until

    def standing(self) -> claims.ClaimStanding:
        return claims.ClaimStanding(
            version=self.version,
            state=self.state,
            due_at=self.due_at,
            appeal_until=self.appeal_until,
            missing=self.missing,
            district_stamp=self.district_stamp,
        )

    def changed(self, number: str = NUMBER) -> claims.ClaimChanged:
        """The event that tells of the claim as it is."""
        return claims.ClaimChanged(
            claim_number=number,
            member_id=1,
            union_id=345,
            district_id=12,
            district_code="363",
            benefit=Benefit.CRITICAL_ILLNESS,
            first_day=date(2020, 3, 1),
            last_day=date(2020, 3, 1),
            filed_at=FILED,
            **self.standing().model_dump(),
        )

    def errand(self, number: str = NUMBER) -> Errand:
        errand = claims_task_of(self.changed(number), self.segments)
        assert isinstance(errand, Errand)
        return errand

    def opened(self, number: str = BATCH_NUMBER) -> claims.PayoutBatchOpened:
        return claims.PayoutBatchOpened(
            batch_number=number, on=date(2020, 3, 9), payouts=PAYOUTS, amount_fen=5_000_000, opened_at=FILED
        )

    # What was asked

    def of_type(self, type_: str) -> list[Command]:
        return [one for one in self.asked if one.type == type_]

    def notices(self) -> list[tuple[str, int]]:
        """Kind and occurrence of each notice, in the order they were asked for."""
        return [(one.data["kind"], one.data["occurrence"]) for one in self.of_type(claims.NotifyClaim.TYPE)]

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


@dataclass
class Claiming(TimeTravel):
    """One time-skipping server whose business time began when the claim was filed."""

    office: ClaimsOffice
    task_queue: str

    @property
    def segments(self) -> Sequence[Segment]:
        return self.office.segments

    async def start(self) -> WorkflowHandle[Any, Any]:
        """The claim's workflow, as the bridge starts it."""
        return await self._start(self.office.errand())

    async def start_batch(self) -> WorkflowHandle[Any, Any]:
        """The batch's workflow, as the bridge starts it."""
        errand = claims_task_of(self.office.opened(), self.segments)
        assert isinstance(errand, Errand)
        return await self._start(errand)

    async def _start(self, errand: Errand) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            errand.workflow,
            errand.start,
            id=errand.workflow_id,
            task_queue=self.task_queue,
            static_summary=errand.summary,
        )

    async def moves(self, claim: WorkflowHandle[Any, Any], state: ClaimState, **times: datetime) -> None:
        """The claim changes, and the event about it comes to the workflow."""
        self.office.moves_to(state, **times)
        await claim.signal("changed", self.office.standing())

    async def answers(self, batch: WorkflowHandle[Any, Any], paid: int, returned: int = 0) -> None:
        """The bank answers, and the event about it comes to the workflow."""
        office = self.office
        office.paid, office.returned = paid, returned
        office.waiting = PAYOUTS - office.left_out - paid - returned
        await batch.signal("answered", args=[office.waiting, paid, returned])
