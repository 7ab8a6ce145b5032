"""The nightly fetch of the bank's payout file (每晚取回划款结果, domain 6): the net under lost callbacks."""

from datetime import date

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from unioncard.contracts.claims import FetchPayoutFile, PayoutFileFetched
    from workflows.commands import ask
    from workflows.scheduled_day import scheduled_day
    from workflows.search_attributes import PHASE


class PayoutFileStart(BaseModel):
    """``day`` by hand, or None on schedule: the business day of the scheduled moment."""

    day: date | None = None


@workflow.defn
class PayoutFile:
    """Has claims-svc take over one day's file. A day may be fetched again: what is known changes nothing."""

    @workflow.run
    async def run(self, start: PayoutFileStart) -> PayoutFileFetched:
        """Returns what the file held."""
        day = start.day or await scheduled_day()
        workflow.upsert_search_attributes([PHASE.value_set("取回划款结果")])
        workflow.set_current_details(
            f"### 取回划款结果\n- **日期**：{day}\n- **怎么办**：无需操作，银行无法连接时自动重试。"
        )
        result = await ask(
            FetchPayoutFile(day=day),
            # With the workflow's id, so that fetching a day again by hand really fetches.
            key=f"payout-file/{day}/{workflow.info().workflow_id}",
            result=PayoutFileFetched,
            summary=f"取回 {day} 的划款结果",
        )
        workflow.upsert_search_attributes([PHASE.value_set("已完成")])
        workflow.set_current_details(
            f"### 已完成\n- **日期**：{day}\n- **答复**：{result.answers}，其中新增 {result.news}，"
            f"待核对 {result.set_aside}"
        )
        return result
