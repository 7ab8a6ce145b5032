"""A district's part of a campaign: it is reminded, its unions are, and what it leaves behind lapses (domain 5)."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import TypedDict, TypeVar

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.insurance import (
        CloseDistrict,
        DistrictClosed,
        DistrictNoticeKind,
        DistrictStanding,
        Notified,
        NotifyDistrict,
        Scheme,
        ShowDistrict,
    )
    from workflows.business_time import BusinessTime
    from workflows.campaign_calendar import Calendar, Occasion, due, occasions
    from workflows.commands import ask
    from workflows.district_enrolment_view import (
        DistrictEnd,
        DistrictProgress,
        DistrictStart,
        DistrictView,
        view_of_district,
    )
    from workflows.exclusion_check import PATCH, start_exclusion_check
    from workflows.exclusion_check_view import ExclusionStart
    from workflows.premium_payment import PremiumPayment
    from workflows.premium_payment_progress import PremiumStart, payment_id
    from workflows.premium_payment_view import payment_attributes, premium_introduction, premium_summary
    from workflows.search_attributes import NEXT_DEADLINE, PHASE

R = TypeVar("R")

DISTRICT_OPEN = "district-open"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(days=1)

_NOTICES = {
    DistrictNoticeKind.SPLIT_MISSING: "缴费设置即将截止",
    DistrictNoticeKind.WINDOW_OPENED: "基层工会参保开放",
    DistrictNoticeKind.WINDOW_CLOSING: "基层工会参保即将截止",
    DistrictNoticeKind.SUBMISSION_OPENED: "区局提交开放",
    DistrictNoticeKind.SUBMISSION_CLOSING: "区局提交即将截止",
    DistrictNoticeKind.UNION_PAYMENT_CLOSING: "基层工会缴费即将截止",
}


class _Ids(TypedDict):
    """What every command about a district names."""

    scheme: Scheme
    coverage_year: int
    district_id: int


@workflow.defn
class DistrictEnrolment:
    """Waits through the calendar, tells the district what the day has come for, and closes its part.

    The service's own clock judges every deadline: a timer that fires early or late here changes nobody's right.
    """

    @workflow.init
    def __init__(self, start: DistrictStart) -> None:
        self._district = start.district
        self._calendar = start.calendar
        self._time = BusinessTime(start.segments)
        self._progress = DistrictProgress()
        self._glances = 0
        self._awaited: str | None = None
        self._shown: DistrictView | None = None
        self._ids: _Ids = {
            "scheme": start.district.scheme,
            "coverage_year": start.district.year,
            "district_id": start.district.id,
        }
        self._key = f"campaign/{start.district.scheme}/{start.district.year}/{start.district.id}"

    @workflow.run
    async def run(self, start: DistrictStart) -> DistrictEnd:
        """Returns what lapsed; nothing that a service refuses ends it before."""
        showing = asyncio.create_task(self._keep_shown())
        await self._look()
        while self._progress.closed is None:
            now = self._time.now()
            if self._calendar.ends_at is not None and now >= self._calendar.ends_at:
                await self._close()
            elif taken_up := self._take_up(now):
                self._progress.trouble = None
                told = (self._tell(one) for one in taken_up)
                await asyncio.gather(*told, self._look(), self._have_members_checked(taken_up))
            else:
                await self._wait(now)
        await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        self._show()
        closed = self._progress.closed
        return DistrictEnd(
            version=self._calendar.version, lists_voided=closed.lists_voided, heads_voided=closed.heads_voided
        )

    # The story

    def _take_up(self, now: datetime) -> Sequence[Occasion]:
        taken_up, passed = due(occasions(self._calendar), self._progress.done, now)
        self._progress.done += [one.name for one in passed]
        return taken_up

    async def _wait(self, now: datetime) -> None:
        """Until something is to be said, a phase begins or ends, or the calendar changes."""
        coming = [(one.at, _NOTICES[one.kind]) for one in occasions(self._calendar) if one.at > now]
        if turn := self._calendar.next_turn(now):
            coming.append((turn, "日程变换"))
        if self._calendar.ends_at is not None:
            coming.append((self._calendar.ends_at, "区局截止"))
        known = self._calendar.version
        if not coming:
            await workflow.wait_condition(lambda: self._calendar.version != known)
            return
        at, self._awaited = min(coming)
        await self._time.until(at, or_when=lambda: self._calendar.version != known, summary=self._awaited)
        self._awaited = None

    async def _tell(self, occasion: Occasion) -> None:
        """A refused notice is shown and does not stop what comes after."""
        told = await self._try(
            ask(
                NotifyDistrict(**self._ids, kind=occasion.kind, occurrence=occasion.occurrence),
                key=f"{self._key}/notice/{occasion.kind}/{occasion.occurrence}",
                result=Notified,
                summary=f"通知：{_NOTICES[occasion.kind]}",
            )
        )
        if told is not None:
            self._progress.told += told.recipients

    async def _have_members_checked(self, taken_up: Sequence[Occasion]) -> None:
        """When the union window opens the population office is asked; unions submit meanwhile, nobody waits for it."""
        opening = next((one for one in taken_up if one.kind is DistrictNoticeKind.WINDOW_OPENED), None)
        if opening is not None and workflow.patched(PATCH):
            await start_exclusion_check(
                ExclusionStart(
                    scheme=self._district.scheme,
                    year=self._district.year,
                    district_id=self._district.id,
                    district_code=self._district.code,
                    opening=opening.occurrence,
                    asked_at=self._time.now(),
                )
            )

    async def _look(self) -> None:
        """How the district stands, to be shown."""
        self._glances += 1
        standing = await self._try(
            ask(
                ShowDistrict(**self._ids),
                key=f"{self._key}/standing/{self._time.now():%Y%m%dT%H%M%S}/{self._glances}",
                result=DistrictStanding,
                summary="查询区局进度",
            )
        )
        if standing is not None:
            self._progress.standing, self._progress.stood_at = standing, self._time.now()

    async def _close(self) -> None:
        """What was not submitted lapses. The service may know better: the calendar has just been extended, or its
        clock is a little behind. Then it is asked again, when the news has come or after a while."""
        version, turn = self._calendar.version, 0
        while self._calendar.version == version:
            turn += 1
            try:
                self._progress.closed = await ask(
                    CloseDistrict(**self._ids),
                    key=f"{self._key}/close/{version}/{turn}",
                    result=DistrictClosed,
                    summary="区局截止：未提交的名单作废",
                )
                self._progress.trouble = None
                return
            except ApplicationError as refusal:
                self._progress.trouble = None if refusal.type == DISTRICT_OPEN else refusal.message
            pause = min(_FIRST_PAUSE * 4 ** min(turn - 1, 10), _LONGEST_PAUSE)
            await self._time.until(
                self._time.now() + pause, or_when=lambda: self._calendar.version != version, summary="稍后再次截止"
            )

    async def _try(self, asking: Awaitable[R]) -> R | None:
        """The answer, or None when it is refused: shown, and no reason to stop."""
        try:
            return await asking
        except ApplicationError as refusal:
            self._progress.trouble = refusal.message
            return None

    # News

    @workflow.signal(description="日程有变化")
    def calendar_changed(self, calendar: Calendar) -> None:
        """From the campaign. Of two that arrive in the wrong order the newer one is right."""
        if calendar.version > self._calendar.version:
            self._calendar = calendar

    @workflow.signal(description="区局提交了批次")
    async def batch_submitted(self, payment: PremiumStart) -> None:
        """insurance.batch.submitted.v1: the payment hangs below its district, and goes on when this has ended."""
        number = payment.batch.number
        if number in self._progress.payments:
            return
        self._progress.payments.append(number)
        try:
            await workflow.start_child_workflow(
                PremiumPayment.run,
                payment.model_copy(update={"segments": self._time.segments}),
                id=payment_id(number),
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=TypedSearchAttributes(payment_attributes(payment.batch)),
                static_summary=premium_summary(payment.batch),
                static_details=premium_introduction(payment.batch),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the payment is there already")

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment."""
        self._time.changed(segments)

    # What people see

    async def _keep_shown(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._view() != self._shown)
            self._show()

    def _view(self) -> DistrictView:
        return view_of_district(self._district, self._calendar, self._progress, self._time.now(), self._awaited)

    def _show(self) -> None:
        before, self._shown = self._shown, self._view()
        now = self._shown
        workflow.set_current_details(now.details)
        if before is None or before.phase != now.phase:
            workflow.upsert_search_attributes([PHASE.value_set(now.phase)])
        if now.next_deadline != (before and before.next_deadline):
            due_at = now.next_deadline
            change = NEXT_DEADLINE.value_set(due_at) if due_at else NEXT_DEADLINE.value_unset()
            workflow.upsert_search_attributes([change])
