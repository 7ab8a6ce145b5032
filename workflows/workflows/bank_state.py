"""The nightly fetch of the bank's state (每晚取回银行结果, domain 4.5): the net under lost callbacks."""

from datetime import date

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from unioncard.contracts.cards import FetchBankState, FetchBankStateResult
    from workflows.commands import ask
    from workflows.scheduled_day import scheduled_day
    from workflows.search_attributes import PHASE


class BankStateStart(BaseModel):
    """``day`` by hand, or None on schedule: the business day of the scheduled moment."""

    day: date | None = None


@workflow.defn
class BankStateFetch:
    """Has card-svc take over one day's state file. A day may be fetched again: what is known changes nothing."""

    @workflow.run
    async def run(self, start: BankStateStart) -> FetchBankStateResult:
        """Returns what the file held."""
        day = start.day or await scheduled_day()
        workflow.upsert_search_attributes([PHASE.value_set("取回银行结果")])
        workflow.set_current_details(
            f"### 取回银行结果\n- **日期**：{day}\n- **怎么办**：无需操作，银行无法连接时自动重试。"
        )
        result = await ask(
            FetchBankState(day=day),
            # With the workflow's id, so that fetching a day again by hand really fetches.
            key=f"bank-state/{day}/{workflow.info().workflow_id}",
            result=FetchBankStateResult,
            summary=f"取回 {day} 的银行结果",
        )
        workflow.upsert_search_attributes([PHASE.value_set("已完成")])
        workflow.set_current_details(
            f"### 已完成\n- **日期**：{day}\n- **批次**：{result.batches}\n"
            f"- **结果**：{result.results}，其中新增 {result.news}，待核对 {result.set_aside}\n"
            f"- **用卡状态**：{result.lives}，其中新增 {result.life_news}，待核对 {result.lives_set_aside}"
        )
        return result
