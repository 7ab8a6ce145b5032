"""The life of a payout batch, from its gathering to the bank's last answer (划款批次, domain 6)."""

import asyncio
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.claims import (
        PayeeChunk,
        PayoutBatchStanding,
        ShowPayees,
        ShowPayoutBatch,
        SubmitPayouts,
    )
    from unioncard.contracts.payees import CheckPayees, PayeesChecked
    from unioncard.dates import shanghai_date
    from workflows.business_time import BusinessTime
    from workflows.commands import ask
    from workflows.payout_batch_progress import (
        PayoutBatchEnd,
        PayoutBatchProgress,
        PayoutBatchStart,
        payout_batch_id,
    )
    from workflows.payout_batch_view import PayoutPhase, PayoutView, view_of_payouts
    from workflows.search_attributes import NEXT_DEADLINE, OVERDUE, PHASE

#: So many days of waiting before its history starts anew.
LOOKS_A_RUN = 10


@workflow.defn
class PayoutBatch:
    """Whose cards → can money arrive → to the bank, once → its answers. Facts arrive as signals.

    Numbers of cards go from card-svc to claims-svc by an event of their own; here are only ids and counts.
    """

    @workflow.init
    def __init__(self, start: PayoutBatchStart) -> None:
        self._batch = start.batch
        self._progress = start.progress or PayoutBatchProgress.of_new(start.batch)
        self._time = BusinessTime(start.segments)
        self._key = payout_batch_id(start.batch.number)
        self._phase = PayoutPhase.PAYEES
        if start.progress is not None:
            self._phase = PayoutPhase.REFUSED if start.progress.refused else PayoutPhase.ANSWERS
        self._looks_left = LOOKS_A_RUN
        self._since = self._time.now()
        self._shown: PayoutView | None = None

    @workflow.run
    async def run(self, start: PayoutBatchStart) -> PayoutBatchEnd:
        """Returns how the batch ended. A refusal does not end it: answers may come all the same, or staff act."""
        showing = asyncio.create_task(self._keep_shown())
        if self._progress.asked_at is None:
            try:
                await self._send()
            except ApplicationError as refusal:
                self._progress.take_refused(refusal.message, self._time.now())
                self._enter(PayoutPhase.REFUSED)
        await self._wait_for_answers()
        await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        self._enter(PayoutPhase.DONE)
        self._show()
        done = self._progress
        return PayoutBatchEnd(paid=done.paid, returned=done.returned, left_out=done.left_out)

    # The story

    async def _send(self) -> None:
        number = self._batch.number
        who = await ask(
            ShowPayees(batch_number=number), key=f"{self._key}/who", result=PayeeChunk, summary="查收款会员"
        )
        if who.member_ids:
            checked = await ask(
                # At the moment of paying, whenever the batch was gathered.
                CheckPayees(
                    batch_number=number,
                    chunk=0,
                    on=shanghai_date(self._time.now()),
                    member_ids=who.member_ids,
                ),
                key=f"{self._key}/payees/0",
                result=PayeesChecked,
                summary=f"核对 {len(who.member_ids)} 人的收款账户",
            )
            self._progress.unpayable = checked.unpayable
        self._enter(PayoutPhase.SENDING)
        sent = await ask(
            SubmitPayouts(batch_number=number),
            key=f"{self._key}/submit",
            result=PayoutBatchStanding,
            summary="提交银行划款",
        )
        self._progress.take_sent(sent, self._time.now())
        self._enter(PayoutPhase.ANSWERS)

    async def _wait_for_answers(self) -> None:
        """Every day the service is asked how the batch stands, so that no lost event keeps it waiting."""
        while not self._progress.over:
            if self._looks_left <= 0 or workflow.info().is_continue_as_new_suggested():
                self._go_on_with_fresh_history()
            answered = await self._time.until(
                self._progress.next_look(), or_when=lambda: self._progress.over, summary="等待银行答复（每日核对）"
            )
            if not answered:
                self._looks_left -= 1
                await self._look()

    async def _look(self) -> None:
        self._progress.looks += 1
        self._progress.looked_at = self._time.now()
        try:
            standing = await ask(
                ShowPayoutBatch(batch_number=self._batch.number),
                key=f"{self._key}/standing/{self._progress.looks}",
                result=PayoutBatchStanding,
                summary="核对批次进度",
            )
        except ApplicationError as refusal:
            self._progress.trouble = refusal.message
        else:
            self._progress.learn_standing(standing)

    def _go_on_with_fresh_history(self) -> NoReturn:
        self._show()
        workflow.continue_as_new(
            PayoutBatchStart(batch=self._batch, segments=self._time.segments, progress=self._progress)
        )

    # News, in any order and any number of times

    @workflow.signal(description="银行答复了部分或全部款项")
    def answered(self, waiting: int, paid: int, returned: int) -> None:
        """claims.payout-batch.answered.v1."""
        self._progress.learn(waiting, paid, returned)

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment."""
        self._time.changed(segments)

    # What people see

    def _enter(self, phase: PayoutPhase) -> None:
        self._phase, self._since = phase, self._time.now()

    async def _keep_shown(self) -> None:
        """Keep details and search attributes up to date."""
        while True:
            await workflow.wait_condition(lambda: self._view() != self._shown)
            self._show()

    def _view(self) -> PayoutView:
        return view_of_payouts(self._batch, self._progress, self._phase, now=self._time.now(), since=self._since)

    def _show(self) -> None:
        before, self._shown = self._shown, self._view()
        workflow.set_current_details(self._shown.details)
        changes = _changes(before, self._shown)
        if changes:
            workflow.upsert_search_attributes(changes)


def _changes(before: PayoutView | None, now: PayoutView) -> list[SearchAttributeUpdate[Any]]:
    """The search attributes that differ; a run begins without any deadline."""
    changes: list[SearchAttributeUpdate[Any]] = []
    if before is None or before.phase != now.phase:
        changes.append(PHASE.value_set(now.phase))
    if before is None or before.overdue != now.overdue:
        changes.append(OVERDUE.value_set(now.overdue))
    if now.next_deadline != (before and before.next_deadline):
        due = now.next_deadline
        changes.append(NEXT_DEADLINE.value_set(due) if due else NEXT_DEADLINE.value_unset())
    return changes
