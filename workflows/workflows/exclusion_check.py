"""Whom the population office excludes from centralized lists (人口办核查, domain 5): asked beside a campaign.

Asked when the union window opens, of a district's members, and when a batch lies before the centre, of its members.
"""

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from unioncard.contracts.cards import CheckExclusions, ExclusionsFound
    from unioncard.contracts.insurance import (
        ExclusionChunk,
        ExclusionsRecorded,
        NextExclusions,
        RecordExclusions,
    )
    from workflows.commands import ask
    from workflows.exclusion_check_view import (
        ExclusionEnd,
        ExclusionProgress,
        ExclusionStart,
        exclusion_attributes,
        exclusion_details,
        exclusion_introduction,
        exclusion_phase,
        exclusion_summary,
    )
    from workflows.search_attributes import PHASE

#: So many chunks before its history starts anew: 100,000 members, some 3 MB of ids.
CHUNKS_A_RUN = 100

#: Marks that campaigns and payments started before this release have no such check.
PATCH = "exclusion-check"


async def start_exclusion_check(start: ExclusionStart) -> None:
    """Start it below the calling workflow, which neither waits for it nor takes it along when it ends."""
    try:
        await workflow.start_child_workflow(
            ExclusionCheck.run,
            start,
            id=start.workflow_id,
            parent_close_policy=ParentClosePolicy.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=TypedSearchAttributes(exclusion_attributes(start)),
            static_summary=exclusion_summary(start),
            static_details=exclusion_introduction(start),
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("the check is there already")


@workflow.defn
class ExclusionCheck:
    """insurance-svc names the members, card-svc asks the office about them, insurance-svc writes down what it said."""

    @workflow.init
    def __init__(self, start: ExclusionStart) -> None:
        self._start = start
        self._progress = start.progress or ExclusionProgress()

    @workflow.run
    async def run(self, start: ExclusionStart) -> ExclusionEnd:
        """Returns what was found; fails with the refusal's code when a chunk is refused."""
        self._show()
        chunks = 0
        while not self._progress.over:
            if chunks == CHUNKS_A_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start.model_copy(update={"progress": self._progress}))
            try:
                await self._check_next()
            except ApplicationError as refusal:
                self._progress.refused = refusal.message
                self._show()
                raise
            chunks += 1
            workflow.set_current_details(exclusion_details(self._start, self._progress))
        self._show()
        return ExclusionEnd(**self._progress.model_dump(include={"checked", "excluded", "cleared", "unknown"}))

    async def _check_next(self) -> None:
        """One chunk. Its keys say where it begins, so that a run that is reset finds the answers it had."""
        progress, batch = self._progress, self._start.batch_number
        cursor = "-".join(str(part) for part in progress.after or (0, 0))
        chunk = await ask(
            NextExclusions(district_id=self._start.district_id, batch_number=batch, after=progress.after),
            key=f"{self._start.workflow_id}/next/{cursor}",
            result=ExclusionChunk,
            summary="取下一组会员",
        )
        if chunk.total is not None:
            progress.total = chunk.total
        found = await self._ask_the_office(chunk, cursor)
        unknown = frozenset(found.unknown)
        asked = [one for one in chunk.member_ids if one not in unknown]
        recorded = await ask(
            RecordExclusions(
                coverage_year=self._start.year,
                district_id=self._start.district_id,
                batch_number=batch,
                asked_at=chunk.asked_at,
                asked=asked,
                excluded=found.excluded,
                last=chunk.next is None,
            ),
            key=f"{self._start.workflow_id}/record/{cursor}",
            result=ExclusionsRecorded,
            summary="登记核查结果",
        )
        progress.add(recorded, asked=len(asked), unknown=len(found.unknown))
        progress.after, progress.over = chunk.next, chunk.next is None

    async def _ask_the_office(self, chunk: ExclusionChunk, cursor: str) -> ExclusionsFound:
        if not chunk.member_ids:
            return ExclusionsFound(excluded={}, unknown=[])
        return await ask(
            CheckExclusions(check_id=self._start.workflow_id, member_ids=chunk.member_ids),
            key=f"{self._start.workflow_id}/office/{cursor}",
            result=ExclusionsFound,
            summary=f"向人口办核查 {len(chunk.member_ids)} 人",
        )

    def _show(self) -> None:
        workflow.set_current_details(exclusion_details(self._start, self._progress))
        workflow.upsert_search_attributes([PHASE.value_set(exclusion_phase(self._progress))])
