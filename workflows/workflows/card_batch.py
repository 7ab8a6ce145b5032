"""The life of a card batch, from its submission to the last card handed out (办卡批次, domain 4.4-4.6)."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.cards import (
        BatchCounts,
        Channel,
        NoticeKind,
        NotifyBatch,
        NotifyBatchResult,
        SubmitBatch,
        SubmitBatchResult,
    )
    from workflows.business_time import BusinessTime
    from workflows.card_batch_progress import CardBatchEnd, CardBatchStart, Progress
    from workflows.card_batch_view import View, view_of
    from workflows.commands import ask
    from workflows.search_attributes import LATE, NEXT_DEADLINE, OVERDUE, PHASE

# A year of reminders, then a fresh history: a batch nobody closes may be reminded of for many years.
REMINDERS_A_RUN = 12


@workflow.defn
class CardBatch:
    """Submit → numbers → the bank's call → pickup. Facts arrive as signals; the services own them.

    Three waits run side by side, since numbers may come in several answers, the call before the last number, and the
    first pickup before the call is recorded.
    """

    @workflow.init
    def __init__(self, start: CardBatchStart) -> None:
        # In init and not in run: a signal can be handled before run's first line.
        self._batch = start.batch
        self._progress = start.progress or Progress.of_new(start.batch.members)
        self._time = BusinessTime(start.segments)
        self._reminders_left = REMINDERS_A_RUN
        self._awaited: dict[str, datetime] = {}
        self._since = self._time.now()
        self._refused: str | None = None
        self._shown: View | None = None

    @workflow.run
    async def run(self, start: CardBatchStart) -> CardBatchEnd:
        """Returns how the batch ended; fails with the refusal's code when the bank will not have it."""
        showing = asyncio.create_task(self._keep_shown())
        if self._progress.deadlines is None:
            await self._submit_to_bank()
        await asyncio.gather(self._wait_for_numbers(), self._announce_numbers(), self._wait_for_pickup())
        await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        if not self._progress.over:
            self._go_on_with_fresh_history()
        self._show()
        return self._end()

    # The story

    async def _submit_to_bank(self) -> None:
        """提交办卡. Idempotent at the bank by batch number."""
        try:
            accepted = await ask(
                SubmitBatch(batch_number=self._batch.number),
                key=f"card-batch/{self._batch.number}/submit",
                result=SubmitBatchResult,
                summary="提交银行制卡",
            )
        except ApplicationError as refusal:
            self._refused = refusal.message
            self._show()
            raise
        self._progress.deadlines = accepted.deadlines

    async def _wait_for_numbers(self) -> None:
        """Three days for all numbers; after that the batch shows as late and the wait goes on (domain 4.5)."""
        assert self._progress.deadlines is not None
        due = self._progress.deadlines.numbers_due_at
        if due is None or self._progress.late:
            return
        if await self._until(due, lambda: self._progress.waiting == 0, name="卡号期限", summary="等待卡号（3日）"):
            return
        self._progress.late = True
        await self._notify(NoticeKind.NUMBERS_LATE)

    async def _announce_numbers(self) -> None:
        """The first numbers are announced; later ones of the batch find people already told."""
        await workflow.wait_condition(lambda: self._progress.issued > 0 or self._ending())
        if self._progress.issued > 0 and self._progress.announced_at is None and not self._progress.closed:
            self._progress.announced_at = self._time.now()
            await self._notify(NoticeKind.NUMBERS_GENERATED)

    async def _wait_for_pickup(self) -> None:
        """Until every card is accounted for: the bank's call, then a reminder every 30 days (domain 4.5, 4.6)."""
        if self._batch.channel is Channel.NORMAL:
            await self._wait_for_call()
        else:
            # No call on the special channel: members go to an outlet themselves once there are cards.
            await workflow.wait_condition(lambda: self._progress.announced_at is not None or self._ending())
            if self._progress.announced_at is not None:
                self._progress.count_reminders_from(self._progress.announced_at)
        while not self._ending():
            turn = self._progress.reminded + 1
            if await self._until(
                self._progress.next_reminder, lambda: False, name=f"第{turn}次提醒", summary=f"领卡提醒（第{turn}次）"
            ):
                return
            self._progress.reminded = turn
            self._reminders_left -= 1
            await self._notify(NoticeKind.PICKUP_REMINDER, occurrence=turn)

    async def _wait_for_call(self) -> None:
        """15 days for the bank's call, holidays add; no call by then is escalated."""
        assert self._progress.deadlines is not None
        due = self._progress.deadlines.call_due_at
        assert due is not None  # only the special channel has none
        called = self._progress.overdue or await self._until(
            due, lambda: self._progress.called_on is not None, name="来电期限", summary="等待银行来电（15日）"
        )
        if not called:
            self._progress.overdue = True
            await self._notify(NoticeKind.CALL_OVERDUE)
        if not self._ending():
            self._progress.count_reminders_from(due)

    def _go_on_with_fresh_history(self) -> NoReturn:
        workflow.continue_as_new(
            CardBatchStart(batch=self._batch, segments=self._time.segments, progress=self._progress)
        )

    def _end(self) -> CardBatchEnd:
        done = self._progress
        return CardBatchEnd(
            issued=done.issued,
            failed=self._batch.members - done.waiting - done.issued,
            accounted=done.accounted,
            closed=done.closed,
            late=done.late,
            overdue=done.overdue,
            reminded=done.reminded,
        )

    # News, in any order and any number of times

    @workflow.signal(description="银行答复了部分或全部会员")
    def answered(self, counts: BatchCounts) -> None:
        """card.batch.answered.v1."""
        self._progress.learn(counts)

    @workflow.signal(description="工会登记了银行来电")
    def called(self, called_on: date) -> None:
        """card.batch.called.v1."""
        self._progress.learn_call(called_on)

    @workflow.signal(description="登记了领卡")
    def picked_up(self, counts: BatchCounts) -> None:
        """card.batch.picked-up.v1."""
        self._progress.learn(counts)

    @workflow.signal(description="工作人员关闭了批次")
    def closed(self) -> None:
        """card.batch.closed.v1. The reason stays with the facts."""
        self._progress.closed = True

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment."""
        self._time.changed(segments)

    # Waiting and telling

    def _ending(self) -> bool:
        """The batch is over, or this run is and another takes up its state."""
        return self._progress.over or self._reminders_left <= 0 or workflow.info().is_continue_as_new_suggested()

    async def _until(self, due: datetime, come: Callable[[], bool], *, name: str, summary: str) -> bool:
        self._awaited[name] = due
        try:
            return await self._time.until(due, or_when=lambda: come() or self._ending(), summary=summary)
        finally:
            del self._awaited[name]

    async def _notify(self, kind: NoticeKind, occurrence: int = 1) -> None:
        """Have people told; the answer says how the batch stands, so a lost event is made up for."""
        told = await ask(
            NotifyBatch(batch_number=self._batch.number, kind=kind, occurrence=occurrence),
            key=f"card-batch/{self._batch.number}/notice/{kind}/{occurrence}",
            result=NotifyBatchResult,
            summary=_NOTICES[kind].format(occurrence),
        )
        self._progress.learn(told.counts)
        self._progress.learn_call(told.called_on)
        self._progress.closed = self._progress.closed or told.closed

    # What people see

    async def _keep_shown(self) -> None:
        """Keep details and search attributes up to date."""
        while True:
            # One update however much has changed at once: each is an event in the history.
            await workflow.wait_condition(lambda: self._view() != self._shown)
            self._show()

    def _view(self) -> View:
        return view_of(self._batch, self._progress, since=self._since, awaited=self._awaited, refused=self._refused)

    def _show(self) -> None:
        before, self._shown = self._shown, self._view()
        if before is None or before.phase != self._shown.phase:
            self._since = self._time.now()
            self._shown = self._view()
        now = self._shown
        workflow.set_current_details(now.details)
        changes = _changes(before, now)
        if changes:
            workflow.upsert_search_attributes(changes)


_NOTICES = {
    NoticeKind.NUMBERS_GENERATED: "通知：卡号已生成",
    NoticeKind.NUMBERS_LATE: "通知：卡号迟到",
    NoticeKind.CALL_OVERDUE: "通知：银行逾期未来电",
    NoticeKind.PICKUP_REMINDER: "通知：领卡提醒（第{}次）",
}


def _changes(before: View | None, now: View) -> list[SearchAttributeUpdate[Any]]:
    """The search attributes that differ; a run begins without any deadline."""
    changes: list[SearchAttributeUpdate[Any]] = []
    if before is None or before.phase != now.phase:
        changes.append(PHASE.value_set(now.phase))
    if before is None or before.late != now.late:
        changes.append(LATE.value_set(now.late))
    if before is None or before.overdue != now.overdue:
        changes.append(OVERDUE.value_set(now.overdue))
    if now.next_deadline != (before and before.next_deadline):
        due = now.next_deadline
        changes.append(NEXT_DEADLINE.value_set(due) if due else NEXT_DEADLINE.value_unset())
    return changes
