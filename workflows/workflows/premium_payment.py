"""The payment of a district's batch, from its submission to write-off or void (参保批次缴费核销, domain 5)."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.insurance import (
        DetailsSent,
        NotifyPremium,
        PremiumNoticeKind,
        PremiumStanding,
        PremiumState,
        Scheme,
        SendPaymentDetails,
        VoidUnpaid,
    )
    from workflows.business_time import BusinessTime
    from workflows.campaign_calendar import last_day_of, occurrence_on
    from workflows.commands import ask
    from workflows.exclusion_check import PATCH, start_exclusion_check
    from workflows.exclusion_check_view import ExclusionStart
    from workflows.premium_payment_progress import PremiumEnd, PremiumProgress, PremiumStart
    from workflows.premium_payment_view import PaymentView, view_of_payment
    from workflows.search_attributes import NEXT_DEADLINE, OVERDUE, PHASE, UNPAID

# So often it waits and acts before its history starts anew: nobody may settle it for years.
TURNS_A_RUN = 60
_EVERY_DAY = timedelta(days=1)


@workflow.defn
class PremiumPayment:
    """Centre's review → due → reminders → voucher → write-off, or void. Facts arrive as signals.

    Nothing here decides whether a payment was in time: after the last day insurance-svc is asked to judge by its own
    clock and the bank's statements, again and again until it can.
    """

    @workflow.init
    def __init__(self, start: PremiumStart) -> None:
        self._batch = start.batch
        self._progress = start.progress or PremiumProgress()
        self._time = BusinessTime(start.segments)
        self._key = f"premium-payment/{start.batch.number}"
        self._turns_left = TURNS_A_RUN
        self._awaited: dict[str, datetime] = {}
        self._since = self._time.now()
        self._shown: PaymentView | None = None

    @workflow.run
    async def run(self, start: PremiumStart) -> PremiumEnd:
        """Returns how the batch ended; a notice or a mail that is refused does not end it."""
        showing = asyncio.create_task(self._keep_shown())
        await asyncio.gather(self._have_members_checked(start), self._see_it_through(), self._send_details())
        await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        if not self._progress.over:
            self._go_on_with_fresh_history()
        self._show()
        return PremiumEnd(
            state=self._progress.state,
            received_fen=self._progress.received_fen,
            vouchers=self._progress.vouchers,
            details_sent=self._progress.details_sent_at is not None,
            judged=self._progress.judged,
        )

    # The story

    async def _see_it_through(self) -> None:
        await self._wait_for_review()
        if self._progress.state is PremiumState.PASSED:
            await self._notify_once(PremiumNoticeKind.PASSED)
        while self._progress.state is PremiumState.PASSED and not self._ending():
            await self._see_to_payment()
        if self._progress.over:
            await self._notify_once(_LAST_WORDS[self._progress.state])

    async def _have_members_checked(self, start: PremiumStart) -> None:
        """Before the centre reviews it the population office is asked again about a campaign's members (domain 5)."""
        batch = self._batch
        if start.progress is None and batch.scheme in _CHECKED and workflow.patched(PATCH):
            await start_exclusion_check(
                ExclusionStart(
                    scheme=batch.scheme,
                    year=batch.year,
                    district_id=batch.district_id,
                    district_code=batch.district_code,
                    batch_number=batch.number,
                    asked_at=self._time.now(),
                )
            )

    async def _wait_for_review(self) -> None:
        """A review that takes longer than three days is escalated, and again every three days."""
        while not self._ending():
            late_at = self._progress.next_review_notice(self._batch)
            reviewed = await self._until(
                late_at, lambda: self._progress.state is not PremiumState.REVIEWING, summary="等待中心审核（3日）"
            )
            if reviewed:
                return
            self._progress.review_asked_at = self._time.now()
            self._progress.review_asked += 1
            await self._notify(PremiumNoticeKind.REVIEW_LATE, self._progress.review_asked)

    async def _see_to_payment(self) -> None:
        """One turn: a reminder that has come, the wait for the next, or judgement after the last day."""
        due_at = self._progress.due_at
        assert due_at is not None  # known once passed
        now = self._time.now()
        if now >= due_at:
            await self._have_it_judged(due_at)
        elif reminder := self._progress.take_reminder(self._batch, now):
            await self._notify(reminder.kind, reminder.occurrence)
        else:
            coming = next((one.at for one in self._progress.reminders() if one.at > now), due_at)
            name = "下次提醒" if coming < due_at else "缴费截止"
            await self._until(coming, lambda: self._progress.due_at != due_at, summary=name)

    async def _have_it_judged(self, due_at: datetime) -> None:
        """Void, unless it is paid. While the last day's statement is missing: again when one comes, or the next day."""
        self._progress.judged += 1
        self._progress.judge_again = False
        judged = self._progress.judged
        await self._ask_how_it_stands(
            VoidUnpaid(batch_number=self._batch.number), key=f"void/{judged}", summary="期限已过：核对是否缴足"
        )
        if self._progress.state is not PremiumState.PASSED or self._progress.due_at != due_at:
            return
        if not self._progress.paid(self._batch):
            await self._notify_once(PremiumNoticeKind.OVERDUE, occurrence_on(last_day_of(due_at)))
        await self._until(
            self._time.now() + _EVERY_DAY,
            lambda: self._progress.judge_again or self._progress.due_at != due_at,
            summary="等待最后一日对账，每日核对",
        )

    async def _send_details(self) -> None:
        """缴费明细 by e-mail, once the centre has passed the batch."""
        await workflow.wait_condition(lambda: self._progress.state in _WITH_DETAILS or self._ending())
        if self._progress.state not in _WITH_DETAILS or self._progress.details_sent_at is not None:
            return
        try:
            sent = await ask(
                SendPaymentDetails(batch_number=self._batch.number),
                key=f"{self._key}/details",
                result=DetailsSent,
                summary="发送缴费明细",
            )
        except ApplicationError as refusal:
            self._progress.trouble = f"缴费明细未能发送：{refusal.message}"
        else:
            self._progress.details_sent_at = sent.sent_at

    def _go_on_with_fresh_history(self) -> NoReturn:
        workflow.continue_as_new(PremiumStart(batch=self._batch, segments=self._time.segments, progress=self._progress))

    # News, in any order and any number of times

    @workflow.signal(description="中心审核通过或退回")
    def reviewed(self, passed: bool, due_at: datetime | None) -> None:
        """insurance.batch.reviewed.v1."""
        if passed:
            # A last day that is known already is a newer one.
            self._progress.learn_due(due_at if self._progress.due_at is None else None)
            self._progress.move(PremiumState.PASSED)
        elif self._progress.state is PremiumState.REVIEWING:
            self._progress.move(PremiumState.RETURNED)

    @workflow.signal(description="区局上传了缴费凭证")
    def voucher_uploaded(self, vouchers: int) -> None:
        """insurance.batch.voucher.v1."""
        self._progress.vouchers = max(self._progress.vouchers, vouchers)

    @workflow.signal(description="缴费期限变了")
    def due_changed(self, due_at: datetime) -> None:
        """insurance.batch.due-changed.v1."""
        self._progress.learn_due(due_at)

    @workflow.signal(description="中心已核销")
    def written_off(self) -> None:
        """insurance.batch.written-off.v1."""
        self._progress.move(PremiumState.WRITTEN_OFF)

    @workflow.signal(description="批次已作废")
    def voided(self) -> None:
        """insurance.batch.voided.v1. The reason stays with the facts."""
        self._progress.move(PremiumState.VOIDED)

    @workflow.signal(description="某日银行流水已对账")
    def statement_reconciled(self, day: date) -> None:
        """insurance.statement.reconciled.v1."""
        if self._progress.concerns(day):
            self._progress.judge_again = True

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment."""
        self._time.changed(segments)

    # Waiting and telling

    def _ending(self) -> bool:
        """The batch is over, or this run is and another takes up its state."""
        return self._progress.over or self._turns_left <= 0 or workflow.info().is_continue_as_new_suggested()

    async def _until(self, at: datetime, come: Callable[[], bool], *, summary: str) -> bool:
        self._turns_left -= 1
        self._awaited[summary] = at
        try:
            return await self._time.until(at, or_when=lambda: come() or self._progress.over, summary=summary)
        finally:
            del self._awaited[summary]

    async def _notify_once(self, kind: PremiumNoticeKind, occurrence: int = 1) -> None:
        name = f"{kind}/{occurrence}"
        if name not in self._progress.told:
            self._progress.told.append(name)
            await self._notify(kind, occurrence)

    async def _notify(self, kind: PremiumNoticeKind, occurrence: int) -> None:
        await self._ask_how_it_stands(
            NotifyPremium(batch_number=self._batch.number, kind=kind, occurrence=occurrence),
            key=f"notice/{kind}/{occurrence}",
            summary=f"通知：{_NOTICES[kind]}",
        )

    async def _ask_how_it_stands(self, command: NotifyPremium | VoidUnpaid, *, key: str, summary: str) -> None:
        """The answer says how the batch stands: that makes up for lost events. A refusal is shown and stops nothing."""
        news = self._progress.due_news
        try:
            standing = await ask(command, key=f"{self._key}/{key}", result=PremiumStanding, summary=summary)
        except ApplicationError as refusal:
            self._progress.trouble = f"{summary}：{refusal.message}"
            return
        self._progress.learn(standing, news)

    # What people see

    async def _keep_shown(self) -> None:
        """Keep details and search attributes up to date."""
        while True:
            await workflow.wait_condition(lambda: self._view() != self._shown)
            self._show()

    def _view(self) -> PaymentView:
        return view_of_payment(
            self._batch, self._progress, now=self._time.now(), since=self._since, awaited=self._awaited
        )

    def _show(self) -> None:
        before, self._shown = self._shown, self._view()
        if before is None or before.phase != self._shown.phase:
            self._since = self._time.now()
            self._shown = self._view()
        workflow.set_current_details(self._shown.details)
        changes = _changes(before, self._shown)
        if changes:
            workflow.upsert_search_attributes(changes)


#: Instant and personal enrolment know no exclusions.
_CHECKED = (Scheme.CENTRALIZED, Scheme.REGISTRATION)
_WITH_DETAILS = (PremiumState.PASSED, PremiumState.WRITTEN_OFF)
_LAST_WORDS = {
    PremiumState.WRITTEN_OFF: PremiumNoticeKind.WRITTEN_OFF,
    PremiumState.RETURNED: PremiumNoticeKind.RETURNED,
    PremiumState.VOIDED: PremiumNoticeKind.VOIDED,
}
_NOTICES = {
    PremiumNoticeKind.PASSED: "中心审核通过",
    PremiumNoticeKind.RETURNED: "中心退回",
    PremiumNoticeKind.REVIEW_LATE: "中心审核超时",
    PremiumNoticeKind.PAYMENT_REMINDER: "缴费提醒",
    PremiumNoticeKind.PAYMENT_LAST_DAY: "今天是缴费最后一日",
    PremiumNoticeKind.OVERDUE: "逾期未缴",
    PremiumNoticeKind.WRITTEN_OFF: "已核销",
    PremiumNoticeKind.VOIDED: "已作废",
}


def _changes(before: PaymentView | None, now: PaymentView) -> list[SearchAttributeUpdate[Any]]:
    """The search attributes that differ; a run begins without any deadline."""
    changes: list[SearchAttributeUpdate[Any]] = []
    if before is None or before.phase != now.phase:
        changes.append(PHASE.value_set(now.phase))
    if before is None or before.unpaid != now.unpaid:
        changes.append(UNPAID.value_set(now.unpaid))
    if before is None or before.overdue != now.overdue:
        changes.append(OVERDUE.value_set(now.overdue))
    if now.next_deadline != (before and before.next_deadline):
        due = now.next_deadline
        changes.append(NEXT_DEADLINE.value_set(due) if due else NEXT_DEADLINE.value_unset())
    return changes
