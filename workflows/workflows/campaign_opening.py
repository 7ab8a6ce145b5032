"""What starts campaigns: once a day it asks which should be running, and starts those that are not."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from unioncard.clock_segments import Segment, business_at
    from unioncard.contracts.insurance import CampaignKey, DueCampaigns, ListDueCampaigns
    from workflows.business_day import BusinessDay
    from workflows.commands import ask
    from workflows.enrolment_campaign import EnrolmentCampaign, campaign_id
    from workflows.enrolment_campaign_view import CampaignStart, introduction, summary
    from workflows.search_attributes import PHASE, YEAR


class CampaignsStarted(BaseModel):
    """The campaigns that should be running, and how many of them had to be started."""

    due: list[CampaignKey]
    started: int


@workflow.defn
class CampaignOpening:
    """Starts ``campaign/<scheme>/<year>`` for each campaign whose first day has come.

    The calendar in insurance-svc decides, and by its own clock. A campaign that runs already stays as it is; one that
    was ended by hand, though its service says that it is open, is taken up again the next day.
    """

    @workflow.run
    async def run(self) -> CampaignsStarted:
        """Returns what was due and what was started."""
        segments = await workflow.execute_activity_method(
            BusinessDay.table, start_to_close_timeout=timedelta(seconds=10), summary="业务时钟"
        )
        # The workflow's id tells two questions of the same moment apart.
        key = f"campaigns-due/{workflow.now():%Y%m%dT%H%M%S}/{workflow.info().workflow_id}"
        asked_for = business_at(segments, workflow.now())
        answer = await ask(
            ListDueCampaigns(asked_for=asked_for), key=key, result=DueCampaigns, summary="查询应开启的参保活动"
        )
        started = 0
        for campaign in answer.campaigns:
            started += await self._start(campaign, segments)
        workflow.set_current_details(
            f"### 已完成\n- **应在进行**：{len(answer.campaigns)} 个活动\n- **本次开启**：{started} 个\n"
            "- **怎么办**：无需操作。"
        )
        return CampaignsStarted(due=answer.campaigns, started=started)

    async def _start(self, campaign: CampaignKey, segments: list[Segment]) -> int:
        try:
            await workflow.start_child_workflow(
                EnrolmentCampaign.run,
                CampaignStart(scheme=campaign.scheme, year=campaign.coverage_year, segments=segments),
                id=campaign_id(campaign.scheme, campaign.coverage_year),
                # It goes on for months after this has ended.
                parent_close_policy=ParentClosePolicy.ABANDON,
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(YEAR, campaign.coverage_year), SearchAttributePair(PHASE, "开启")]
                ),
                static_summary=summary(campaign.scheme, campaign.coverage_year),
                static_details=introduction(campaign.scheme, campaign.coverage_year),
            )
        except WorkflowAlreadyStartedError:
            return 0
        return 1
