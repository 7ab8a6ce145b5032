"""Workflows that ask one command each, for the tests of commands."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from unioncard.contracts.cards import CheckChunk, CheckChunkResult
    from workflows.commands import Asked, ask


@workflow.defn
class Asker:
    """Asks for one chunk of a check."""

    @workflow.run
    async def run(self, key: str, patience_s: float) -> CheckChunkResult:
        return await ask(
            CheckChunk(check_id=key, chunk=0),
            key=key,
            result=CheckChunkResult,
            summary="校验第 1/1 组",
            answer_within=timedelta(seconds=patience_s),
        )


@workflow.defn
class AskerOfNothing:
    """Asks for a command that does not exist."""

    @workflow.run
    async def run(self, key: str) -> None:
        await workflow.execute_activity(
            "card.nothing.v1", Asked(key=key, data={}), start_to_close_timeout=timedelta(seconds=30)
        )
