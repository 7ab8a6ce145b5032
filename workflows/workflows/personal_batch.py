"""The nightly gathering of personal enrolments into batches for write-off (个人参保按日汇总, domain 5)."""

from datetime import date, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from unioncard.contracts.insurance import BatchPersonal, PersonalBatched
    from workflows.commands import ask
    from workflows.scheduled_day import scheduled_day
    from workflows.search_attributes import PHASE


class PersonalBatchStart(BaseModel):
    """``day`` by hand, or None on schedule: the business day before the scheduled moment."""

    day: date | None = None


@workflow.defn
class PersonalBatch:
    """Has insurance-svc gather one day. A day may be gathered again: what is in a batch stays there."""

    @workflow.run
    async def run(self, start: PersonalBatchStart) -> PersonalBatched:
        """Returns what the day came to."""
        day = start.day or await scheduled_day() - timedelta(days=1)
        workflow.upsert_search_attributes([PHASE.value_set("汇总个人参保")])
        workflow.set_current_details(f"### 汇总个人参保\n- **日期**：{day}\n- **怎么办**：无需操作。")
        result = await ask(
            BatchPersonal(day=day),
            # With the workflow's id, so that a day gathered again by hand is really looked at again.
            key=f"personal/{day}/{workflow.info().workflow_id}",
            result=PersonalBatched,
            summary=f"汇总 {day} 的个人参保",
        )
        workflow.upsert_search_attributes([PHASE.value_set("已完成")])
        workflow.set_current_details(
            f"### 已完成\n- **日期**：{day}\n- **批次**：{result.batches}\n- **人数**：{result.heads}"
        )
        return result
