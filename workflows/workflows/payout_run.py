"""The daily gathering of payouts into batches (每日汇总划款, domain 6)."""

from datetime import date

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from unioncard.contracts.claims import GatherPayouts, PayoutsGathered
    from workflows.commands import ask
    from workflows.scheduled_day import scheduled_day
    from workflows.search_attributes import PHASE


class PayoutRunStart(BaseModel):
    """``day`` by hand, or None on schedule: the business day of the scheduled moment."""

    day: date | None = None


@workflow.defn
class PayoutRun:
    """Has claims-svc gather what is ready; each batch then has a workflow of its own. A day may be gathered again."""

    @workflow.run
    async def run(self, start: PayoutRunStart) -> PayoutsGathered:
        """Returns what was gathered."""
        day = start.day or await scheduled_day()
        workflow.upsert_search_attributes([PHASE.value_set("汇总划款")])
        workflow.set_current_details(f"### 汇总划款\n- **日期**：{day}\n- **怎么办**：无需操作。")
        result = await ask(
            GatherPayouts(day=day),
            # With the workflow's id, so that a day gathered again by hand is really looked at again.
            key=f"payouts/{day}/{workflow.info().workflow_id}",
            result=PayoutsGathered,
            summary=f"汇总 {day} 的划款",
        )
        workflow.upsert_search_attributes([PHASE.value_set("已完成")])
        workflow.set_current_details(
            f"### 已完成\n- **日期**：{day}\n- **批次**：{result.batches}\n- **笔数**：{result.payouts}"
        )
        return result
