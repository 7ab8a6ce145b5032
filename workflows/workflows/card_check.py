"""The system check of to-do records (系统校验, domain 4.3): many chunks, a few at a time, progress to be seen."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from unioncard.contracts.cards import CheckChunk, CheckChunkResult
    from workflows.card_check_view import CardCheckEnd, CardCheckStart, Tally, details
    from workflows.commands import ask
    from workflows.search_attributes import PHASE

# So many chunks are with the offices at once; more would only queue up at theirs.
PARALLEL = 4


@workflow.defn
class CardCheck:
    """Asks for each chunk of a check; the results per member stay with card-svc."""

    @workflow.init
    def __init__(self, start: CardCheckStart) -> None:
        self._start = start
        self._tally = Tally()

    @workflow.run
    async def run(self, start: CardCheckStart) -> CardCheckEnd:
        """Returns members by outcome; fails with the refusal's code when a chunk is refused."""
        self._show("校验中")
        gate = asyncio.Semaphore(PARALLEL)
        try:
            await asyncio.gather(*(self._check(chunk, gate) for chunk in range(start.chunks)))
        except ApplicationError as refusal:
            self._tally.refused = refusal.message
            self._show("校验中止")
            raise
        self._show("已完成")
        return CardCheckEnd(passed=self._tally.passed, not_passed=self._tally.not_passed, gone=self._tally.gone)

    async def _check(self, chunk: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            result = await ask(
                CheckChunk(check_id=self._start.check_id, chunk=chunk),
                key=f"card-check/{self._start.check_id}/{chunk}",
                result=CheckChunkResult,
                summary=f"校验第 {chunk + 1}/{self._start.chunks} 组",
            )
        self._tally.add(result)
        workflow.set_current_details(details(self._start, self._tally))

    def _show(self, phase: str) -> None:
        workflow.set_current_details(details(self._start, self._tally))
        workflow.upsert_search_attributes([PHASE.value_set(phase)])
