"""The payment of a district's batch at its edges. 20 January 2020 is the last day of payment (domain 5)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import WorkflowHandle

from unioncard.clock_segments import Segment
from unioncard.contracts import insurance
from unioncard.contracts.insurance import PremiumNoticeKind, PremiumStanding, PremiumState, Scheme
from workflows.errands import Announcement, Errand, Word
from workflows.insurance_errands import insurance_task_of
from workflows.premium_payment_progress import PremiumBatch, PremiumEnd, PremiumProgress
from workflows.premium_payment_view import PaymentPhase, payment_phase, view_of_payment
from workflows.search_attributes import NEXT_DEADLINE, OVERDUE, PHASE, UNPAID
from workflows_testing.insurance_office import DUE_FEN, PAYMENT_ENDS, SUBMITTED, Campaigning, InsuranceOffice, midnight
from workflows_testing.time_travel import attributes, eventually

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LAST_DAY = date(2020, 1, 20)
PASSED = (PremiumNoticeKind.PASSED, 1)
REMINDED = [(PremiumNoticeKind.PAYMENT_REMINDER, day) for day in (20200113, 20200117, 20200119)]
LAST_CALL = (PremiumNoticeKind.PAYMENT_LAST_DAY, 20200120)
OVERDUE_NOTICE = (PremiumNoticeKind.OVERDUE, 20200120)
WRITTEN_OFF = (PremiumNoticeKind.WRITTEN_OFF, 1)
VOIDED = (PremiumNoticeKind.VOIDED, 1)

Payment = WorkflowHandle[Any, Any]


@pytest.fixture
async def paying(campaigning: Campaigning) -> Campaigning:
    """Business time is the batch's submission."""
    campaigning.office.segments = [Segment(await campaigning.env.get_current_time(), SUBMITTED)]
    return campaigning


async def told(paying: Campaigning, *notices: tuple[str, int]) -> None:
    """Wait until exactly these notices were asked for, in this order."""
    await eventually(lambda: len(paying.office.notices()) >= len(notices))
    assert paying.office.notices() == list(notices)


async def passed(paying: Campaigning) -> Payment:
    payment = await paying.start_payment()
    await paying.passed(payment, PAYMENT_ENDS)
    await told(paying, PASSED)
    return payment


async def ended(payment: Payment) -> PremiumEnd:
    return PremiumEnd.model_validate(await payment.result())


def judgements(paying: Campaigning) -> int:
    return len(paying.office.of_type(insurance.VoidUnpaid.TYPE))


async def written_off(paying: Campaigning, payment: Payment) -> None:
    paying.office.state, paying.office.received_fen = PremiumState.WRITTEN_OFF, DUE_FEN
    await payment.signal("written_off")


async def test_a_batch_from_submission_to_write_off(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(midnight(2020, 1, 14))
    await told(paying, PASSED, REMINDED[0])
    paying.office.vouchers = 1
    await payment.signal("voucher_uploaded", 1)
    await paying.go_to(midnight(2020, 1, 20))
    await told(paying, PASSED, REMINDED[0])  # with a voucher nobody is reminded
    await written_off(paying, payment)
    end = await ended(payment)
    assert end == PremiumEnd(
        state=PremiumState.WRITTEN_OFF, received_fen=DUE_FEN, vouchers=1, details_sent=True, judged=0
    )
    assert paying.office.notices() == [PASSED, REMINDED[0], WRITTEN_OFF]
    assert [one.key for one in paying.office.of_type(insurance.SendPaymentDetails.TYPE)] == [
        "premium-payment/CB201912300001/details"
    ]


async def test_a_review_that_takes_three_days_is_escalated(paying: Campaigning) -> None:
    payment = await paying.start_payment()
    late = SUBMITTED + 3 * DAY
    await paying.go_to(late - SECOND)
    assert paying.office.notices() == []
    await paying.go_to(late + SECOND)
    await told(paying, (PremiumNoticeKind.REVIEW_LATE, 1))
    await paying.go_to(late + 3 * DAY + SECOND)
    await told(paying, (PremiumNoticeKind.REVIEW_LATE, 1), (PremiumNoticeKind.REVIEW_LATE, 2))
    paying.office.state = PremiumState.RETURNED
    await payment.signal("reviewed", args=[False, None])
    end = await ended(payment)
    assert (end.state, end.details_sent) == (PremiumState.RETURNED, False)
    assert paying.office.notices()[-1] == (PremiumNoticeKind.RETURNED, 1)


async def test_unpaid_is_void_once_the_last_days_statement_is_there(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(PAYMENT_ENDS - SECOND)
    await told(paying, PASSED, *REMINDED, LAST_CALL)
    assert judgements(paying) == 0
    await paying.go_to(PAYMENT_ENDS + SECOND)
    await told(paying, PASSED, *REMINDED, LAST_CALL, OVERDUE_NOTICE)
    judged = paying.office.of_type(insurance.VoidUnpaid.TYPE)[0]
    assert PAYMENT_ENDS <= judged.at < PAYMENT_ENDS + SECOND
    shown = await attributes(paying.client, payment)
    assert (shown[PHASE.name], shown[OVERDUE.name], shown[UNPAID.name]) == ("等待对账", True, True)
    await payment.signal("statement_reconciled", LAST_DAY - DAY)  # of another day: nothing to judge by
    assert judgements(paying) == 1
    await paying.reconciled(payment, LAST_DAY)
    assert (await ended(payment)).state is PremiumState.VOIDED
    assert judgements(paying) == 2
    assert paying.office.notices() == [PASSED, *REMINDED, LAST_CALL, OVERDUE_NOTICE, VOIDED]


async def test_a_statement_whose_event_is_lost_is_found_the_next_day(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(PAYMENT_ENDS + SECOND)
    await eventually(lambda: OVERDUE_NOTICE in paying.office.notices())
    paying.office.statement = True
    await paying.go_to(PAYMENT_ENDS + DAY + 2 * SECOND)
    end = await ended(payment)
    assert (end.state, end.judged) == (PremiumState.VOIDED, 2)


async def test_paid_in_time_and_not_written_off_yet_is_not_void(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(midnight(2020, 1, 18))
    paying.office.received_fen, paying.office.statement = DUE_FEN, True
    await paying.go_to(PAYMENT_ENDS + 3 * DAY)
    assert judgements(paying) >= 3
    # The answer to the reminder of the 19th tells of the money: no last call, and nobody is overdue.
    assert paying.office.notices() == [PASSED, *REMINDED]
    shown = await attributes(paying.client, payment)
    assert (shown[PHASE.name], shown[UNPAID.name]) == ("等待核销", False)
    await written_off(paying, payment)
    assert (await ended(payment)).state is PremiumState.WRITTEN_OFF


async def test_an_extension_moves_the_last_day_and_its_reminders(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(PAYMENT_ENDS - SECOND)
    later = midnight(2020, 1, 26)
    paying.office.due_at = later
    for _ in range(2):
        await payment.signal("due_changed", later)
    await paying.go_to(later - SECOND)
    assert judgements(paying) == 0
    # The last day is the 25th: 7 days ahead was the 18th, which the reminder of the 22nd passes over.
    assert paying.office.notices()[5:] == [
        (PremiumNoticeKind.PAYMENT_REMINDER, 20200118),
        (PremiumNoticeKind.PAYMENT_REMINDER, 20200122),
        (PremiumNoticeKind.PAYMENT_REMINDER, 20200124),
        (PremiumNoticeKind.PAYMENT_LAST_DAY, 20200125),
    ]
    await paying.go_to(later + SECOND)
    await eventually(lambda: judgements(paying) == 1)
    assert await paying.now() >= later


async def test_an_extension_while_the_timer_fires_is_learned_from_the_answer(paying: Campaigning) -> None:
    """The service has extended and its event is still on the way: judgement says so, and the new day is waited for."""
    payment = await passed(paying)
    await paying.go_to(PAYMENT_ENDS - SECOND)
    later = midnight(2020, 1, 26)
    paying.office.due_at, paying.office.statement = later, True
    await paying.go_to(PAYMENT_ENDS + SECOND)
    await eventually(lambda: judgements(paying) == 1)
    await paying.go_to(later - SECOND)
    assert judgements(paying) == 1
    await payment.signal("due_changed", later)
    await paying.go_to(later + SECOND)
    assert (await ended(payment)).state is PremiumState.VOIDED


async def test_an_early_last_day_is_judged_early(paying: Campaigning) -> None:
    payment = await passed(paying)
    sooner = midnight(2020, 1, 6)
    paying.office.due_at, paying.office.statement = sooner, True
    await payment.signal("due_changed", sooner)
    await paying.go_to(sooner + SECOND)
    assert (await ended(payment)).state is PremiumState.VOIDED
    assert sooner <= paying.office.of_type(insurance.VoidUnpaid.TYPE)[0].at < sooner + SECOND


async def test_news_in_any_order_and_twice_count_once(paying: Campaigning) -> None:
    payment = await paying.start_payment()
    paying.office.state, paying.office.due_at = PremiumState.WRITTEN_OFF, PAYMENT_ENDS
    for _ in range(2):
        await payment.signal("written_off")
        await payment.signal("voucher_uploaded", 2)
        await payment.signal("voucher_uploaded", 1)
        await payment.signal("reviewed", args=[True, PAYMENT_ENDS])
    end = await ended(payment)
    assert (end.state, end.vouchers, end.details_sent) == (PremiumState.WRITTEN_OFF, 2, True)
    assert paying.office.notices().count(WRITTEN_OFF) == 1


async def test_a_lost_review_is_learned_from_the_escalation(paying: Campaigning) -> None:
    await paying.start_payment()
    paying.office.state, paying.office.due_at = PremiumState.PASSED, PAYMENT_ENDS
    await paying.go_to(SUBMITTED + 3 * DAY + SECOND)
    await told(paying, (PremiumNoticeKind.REVIEW_LATE, 1), PASSED)


async def test_refusals_are_shown_and_stop_nothing(paying: Campaigning) -> None:
    paying.office.refusals = {insurance.SendPaymentDetails.TYPE: "no-address"}
    payment = await passed(paying)
    paying.office.statement = True
    await paying.go_to(PAYMENT_ENDS + SECOND)
    end = await ended(payment)
    assert (end.state, end.details_sent) == (PremiumState.VOIDED, False)


async def test_months_without_a_statement_continue_with_a_fresh_history(paying: Campaigning) -> None:
    payment = await passed(paying)
    await paying.go_to(PAYMENT_ENDS + 70 * DAY)
    current = paying.client.get_workflow_handle(payment.id)
    assert judgements(paying) >= 70
    assert paying.office.notices().count(OVERDUE_NOTICE) == 1
    assert len(paying.office.of_type(insurance.NextExclusions.TYPE)) == 1
    keys = [one.key for one in paying.office.asked]
    assert len(set(keys)) == len(keys)
    await paying.reconciled(current, LAST_DAY)
    assert (await ended(current)).state is PremiumState.VOIDED


async def test_people_see_what_is_awaited(paying: Campaigning) -> None:
    payment = await paying.start_payment()
    await paying.go_to(SUBMITTED + timedelta(hours=1))
    assert (await attributes(paying.client, payment))[PHASE.name] == "中心审核"
    await paying.passed(payment, PAYMENT_ENDS)
    await told(paying, PASSED)
    await paying.go_to(SUBMITTED + timedelta(hours=2))
    shown = await attributes(paying.client, payment)
    assert (shown[PHASE.name], shown[UNPAID.name], shown[OVERDUE.name]) == ("等待缴费", True, False)
    assert datetime.fromisoformat(shown[NEXT_DEADLINE.name]) == PAYMENT_ENDS
    await written_off(paying, payment)
    await payment.result()
    ended_with = await attributes(paying.client, payment)
    assert (ended_with[PHASE.name], ended_with[UNPAID.name]) == ("已核销", False)
    assert NEXT_DEADLINE.name not in ended_with


BATCH = PremiumBatch(
    number="CB201912300001",
    district_id=1,
    district_code="036",
    scheme=Scheme.CENTRALIZED,
    year=2020,
    heads=1000,
    due_fen=DUE_FEN,
    submitted_at=SUBMITTED,
)


def test_details_say_what_is_awaited_since_when_until_when_and_what_to_do() -> None:
    progress = PremiumProgress(state=PremiumState.PASSED, due_at=PAYMENT_ENDS, received_fen=100_000)
    view = view_of_payment(
        BATCH, progress, now=SUBMITTED, since=SUBMITTED, awaited={"下次提醒": datetime(2020, 1, 13, 1, tzinfo=UTC)}
    )
    assert view.details == (
        "### 等待缴费\n"
        "- **现状**：1000 人 · 应缴 13,000.00 元 · 到账 1,000.00 元 · 凭证 0 份\n"
        "- **自**：2019年12月30日10:00\n"
        "- **缴费期限**：2020年1月20日24:00 前\n"
        "- **下次提醒**：2020年1月13日09:00\n"
        "- **怎么办**：请区局在期限内足额转账，并上传缴费凭证。"
    )
    assert (view.unpaid, view.overdue, view.next_deadline) == (True, False, PAYMENT_ENDS)


@pytest.mark.parametrize(
    ("state", "vouchers", "received", "now", "phase"),
    [
        (PremiumState.REVIEWING, 0, 0, SUBMITTED, PaymentPhase.REVIEW),
        (PremiumState.PASSED, 0, 0, SUBMITTED, PaymentPhase.PAYMENT),
        (PremiumState.PASSED, 1, 0, SUBMITTED, PaymentPhase.WRITE_OFF),
        (PremiumState.PASSED, 0, DUE_FEN, SUBMITTED, PaymentPhase.WRITE_OFF),
        (PremiumState.PASSED, 1, DUE_FEN - 1, PAYMENT_ENDS, PaymentPhase.JUDGEMENT),
        (PremiumState.PASSED, 1, 0, PAYMENT_ENDS - SECOND, PaymentPhase.WRITE_OFF),
        (PremiumState.WRITTEN_OFF, 0, 0, SUBMITTED, PaymentPhase.WRITTEN_OFF),
        (PremiumState.RETURNED, 0, 0, SUBMITTED, PaymentPhase.RETURNED),
        (PremiumState.VOIDED, 0, 0, PAYMENT_ENDS, PaymentPhase.VOIDED),
    ],
)
def test_the_phase_follows_from_what_is_known(
    state: PremiumState, vouchers: int, received: int, now: datetime, phase: PaymentPhase
) -> None:
    progress = PremiumProgress(state=state, vouchers=vouchers, received_fen=received, due_at=PAYMENT_ENDS)
    assert payment_phase(BATCH, progress, now) is phase


STATES = [PremiumState.REVIEWING, PremiumState.PASSED, PremiumState.WRITTEN_OFF]


@given(st.permutations(STATES), st.lists(st.sampled_from(STATES)))
def test_the_state_only_moves_forward(order: list[PremiumState], repeats: list[PremiumState]) -> None:
    progress = PremiumProgress()
    for state in [*order, *repeats]:
        progress.move(state)
    assert progress.state is PremiumState.WRITTEN_OFF


def test_an_answer_older_than_the_news_does_not_move_the_last_day_back() -> None:
    progress = PremiumProgress(state=PremiumState.PASSED, due_at=PAYMENT_ENDS)
    asked_with = progress.due_news
    progress.learn_due(PAYMENT_ENDS + 5 * DAY)
    progress.learn(
        PremiumStanding(state=PremiumState.PASSED, due_at=PAYMENT_ENDS, vouchers=0, received_fen=0), asked_with
    )
    assert progress.due_at == PAYMENT_ENDS + 5 * DAY


def test_what_events_ask_of_temporal() -> None:
    office = InsuranceOffice()
    event = office.batch()
    errand = insurance_task_of(event, [])
    assert isinstance(errand, Errand)
    assert (errand.workflow_id, errand.signal, errand.parent_id) == (
        "premium-payment/CB201912300001",
        None,
        "campaign/centralized/2020/001",
    )
    common = event.model_dump()
    reviewed = insurance_task_of(insurance.PremiumBatchReviewed(**common, passed=True, due_at=PAYMENT_ENDS), [])
    assert isinstance(reviewed, Errand)
    assert (reviewed.signal, reviewed.signal_args, reviewed.parent_id) == ("reviewed", [True, PAYMENT_ENDS], None)
    changed = insurance_task_of(office.changed([]), [])
    assert isinstance(changed, Word)
    assert (changed.workflow_id, changed.signal) == ("campaign/centralized/2020", "calendar_changed")
    statement = insurance_task_of(insurance.StatementReconciled(day=LAST_DAY), [])
    assert isinstance(statement, Announcement)
    assert statement.args == [LAST_DAY]
