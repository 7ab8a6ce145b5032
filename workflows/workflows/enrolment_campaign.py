"""A campaign from its first day to its last write-off (参保活动, domain 5)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.insurance import (
        CampaignChanged,
        CampaignDistrict,
        CampaignTotals,
        CloseCampaign,
        OpenCampaign,
        OpenedCampaign,
        Scheme,
    )
    from workflows.business_time import BusinessTime
    from workflows.campaign_calendar import Calendars
    from workflows.commands import ask
    from workflows.district_enrolment import DistrictEnrolment
    from workflows.district_enrolment_view import (
        District,
        DistrictEnd,
        DistrictStart,
        district_summary,
        district_workflow_id,
    )
    from workflows.enrolment_campaign_view import CampaignStart, CampaignView, view_of_campaign
    from workflows.search_attributes import DISTRICT, NEXT_DEADLINE, PHASE, YEAR

BATCHES_OPEN = "batches-open"
_EVERY_DAY, _EVERY_WEEK = timedelta(days=1), timedelta(days=7)
# So long it is asked every day whether all batches are settled, then every week.
_DAYS_OF_ASKING = 60
# A district's workflow that was ended by hand is started again after so long.
_AGAIN_AFTER = timedelta(seconds=5)

DistrictHandle = workflow.ChildWorkflowHandle[DistrictEnrolment, DistrictEnd]


def campaign_id(scheme: Scheme, year: int) -> str:
    """``campaign/centralized/2020``."""
    return f"campaign/{scheme}/{year}"


@workflow.defn
class EnrolmentCampaign:
    """Opens the campaign, keeps a workflow for each district whose part is not over, and closes the campaign.

    Changes of the calendar come here and are handed on, so that a district that starts, ends or is re-opened meanwhile
    misses none.
    """

    @workflow.init
    def __init__(self, start: CampaignStart) -> None:
        self._scheme, self._year = start.scheme, start.year
        self._key = campaign_id(start.scheme, start.year)
        self._time = BusinessTime(start.segments)
        self._early_news: list[CampaignChanged] = []
        self._calendars: Calendars | None = None
        self._districts: dict[int, CampaignDistrict] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._handles: dict[int, DistrictHandle] = {}
        self._told: dict[int, int] = {}
        self._ends: dict[int, DistrictEnd] = {}
        self._trouble: str | None = None
        self._totals: CampaignTotals | None = None
        self._shown: CampaignView | None = None

    @workflow.run
    async def run(self, start: CampaignStart) -> CampaignTotals:
        """Returns what the campaign came to, when every batch is written off or void."""
        beside = [asyncio.create_task(self._keep_shown())]
        await self._open()
        beside += [asyncio.create_task(part()) for part in (self._keep_districts, self._keep_told, self._keep_time)]
        attempts = 0
        while self._totals is None:
            await workflow.wait_condition(self._at_rest)
            attempts += 1
            await self._try_to_close(attempts)
        await workflow.wait_condition(workflow.all_handlers_finished)
        for task in beside:
            task.cancel()
        self._show()
        return self._totals

    # The story

    async def _open(self) -> None:
        try:
            opened = await ask(
                OpenCampaign(scheme=self._scheme, coverage_year=self._year),
                # With the moment: a campaign that is taken up again must learn its calendar as it is then.
                key=f"{self._key}/open/{workflow.now():%Y%m%dT%H%M%S}",
                result=OpenedCampaign,
                summary="开启参保活动",
            )
        except ApplicationError as refusal:
            self._trouble = refusal.message
            self._show()
            raise
        self._districts = {one.district_id: one for one in opened.districts}
        self._calendars = Calendars.of(opened)
        for news in self._early_news:
            self._calendars.learn(news.district_id, news.phases, news.version)

    async def _keep_districts(self) -> None:
        """Every district whose part is not over has its workflow; one that is re-opened gets another."""
        while True:
            await workflow.wait_condition(lambda: bool(self._unattended()))
            for district in self._unattended():
                self._tasks[district.district_id] = asyncio.create_task(self._attend(district))

    async def _attend(self, district: CampaignDistrict) -> None:
        """One district, until its part is over. Ended by hand it begins again: its service says what is done."""
        try:
            while district.district_id not in self._ends or self._reopened(district.district_id):
                try:
                    handle = await self._start_district(district)
                    self._handles[district.district_id] = handle
                    self._ends[district.district_id] = await handle
                except (ChildWorkflowError, WorkflowAlreadyStartedError):
                    workflow.logger.warning("a district's workflow was ended from outside")
                    await workflow.sleep(_AGAIN_AFTER, summary="稍后重新开始区局流程")
                finally:
                    self._handles.pop(district.district_id, None)
        finally:
            del self._tasks[district.district_id]

    async def _start_district(self, district: CampaignDistrict) -> DistrictHandle:
        assert self._calendars is not None
        calendar = self._calendars.for_district(district.district_id)
        self._told[district.district_id] = calendar.version
        named = District(
            scheme=self._scheme,
            year=self._year,
            id=district.district_id,
            code=district.district_code,
            name=district.name,
        )
        return await workflow.start_child_workflow(
            DistrictEnrolment.run,
            DistrictStart(district=named, calendar=calendar, segments=self._time.segments),
            id=district_workflow_id(self._scheme, self._year, district.district_code),
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(YEAR, self._year), SearchAttributePair(DISTRICT, district.district_code)]
            ),
            static_summary=district_summary(named),
        )

    async def _keep_told(self) -> None:
        """Hand changes of the calendar on to the districts; several at once in one round."""
        while True:
            await workflow.wait_condition(lambda: bool(self._outdated()))
            await asyncio.gather(*(self._tell(district_id) for district_id in self._outdated()))

    async def _tell(self, district_id: int) -> None:
        assert self._calendars is not None
        calendar = self._calendars.for_district(district_id)
        self._told[district_id] = calendar.version
        handle = self._handles.get(district_id)
        if handle is None:
            return
        try:
            await handle.signal(DistrictEnrolment.calendar_changed, calendar)
        except FailureError:
            # It has ended meanwhile. What it ended with is on its way, and tells whether it must begin again.
            workflow.logger.info("a district ended before it was told of the new calendar")

    async def _keep_time(self) -> None:
        """Wake when a phase begins or ends, so that what is shown stays true."""
        assert self._calendars is not None
        while True:
            calendar = self._calendars.for_everybody()
            turn = calendar.next_turn(self._time.now())
            changed = _newer_than(self._calendars, calendar.version)
            if turn is None:
                await workflow.wait_condition(changed)
            else:
                await self._time.until(turn, or_when=changed, summary="日程变换")

    async def _try_to_close(self, attempt: int) -> None:
        """Refused while a batch is neither written off nor void; then it is asked again the next day."""
        try:
            self._totals = await ask(
                CloseCampaign(scheme=self._scheme, coverage_year=self._year),
                key=f"{self._key}/close/{self._time.now():%Y%m%dT%H%M%S}/{attempt}",
                result=CampaignTotals,
                summary="结束参保活动",
            )
            self._trouble = None
        except ApplicationError as refusal:
            self._trouble = None if refusal.type == BATCHES_OPEN else refusal.message
            pause = _EVERY_DAY if attempt < _DAYS_OF_ASKING else _EVERY_WEEK
            await self._time.until(
                self._time.now() + pause, or_when=lambda: not self._at_rest(), summary="等待批次核销，每日核对"
            )

    # What is known

    def _reopened(self, district_id: int) -> bool:
        """Whether the calendar has changed since the district's part ended, and lies ahead again."""
        assert self._calendars is not None
        calendar = self._calendars.for_district(district_id)
        newer = calendar.version > self._ends[district_id].version
        return newer and calendar.ends_at is not None and calendar.ends_at > self._time.now()

    def _unattended(self) -> list[CampaignDistrict]:
        return [
            one
            for id_, one in self._districts.items()
            if id_ not in self._tasks and (id_ not in self._ends or self._reopened(id_))
        ]

    def _outdated(self) -> list[int]:
        assert self._calendars is not None
        return [id_ for id_ in self._handles if self._calendars.for_district(id_).version > self._told[id_]]

    def _at_rest(self) -> bool:
        """No district has anything to do."""
        return not self._tasks and not self._unattended()

    # News

    @workflow.signal(description="日程有变化")
    def calendar_changed(self, change: CampaignChanged) -> None:
        """insurance.campaign.changed.v1."""
        if self._calendars is None:
            self._early_news.append(change)
        else:
            self._calendars.learn(change.district_id, change.phases, change.version)

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment; districts and payments are told by themselves."""
        self._time.changed(segments)

    # What people see

    async def _keep_shown(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._view() != self._shown)
            self._show()

    def _view(self) -> CampaignView:
        known = self._calendars
        return view_of_campaign(
            known.for_everybody() if known else None,
            self._time.now(),
            districts=len(self._districts),
            running=len(self._districts) - len(self._ends) + sum(id_ in self._ends for id_ in self._tasks),
            differing=[one.name for id_, one in self._districts.items() if known and known.differs(id_)],
            trouble=self._trouble,
            totals=self._totals,
        )

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


def _newer_than(calendars: Calendars, version: int) -> Callable[[], bool]:
    return lambda: calendars.everybody.version != version
