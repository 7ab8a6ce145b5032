"""Payout batches from gathering to the bank's last answer, and what starts them."""

from datetime import date, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle

from unioncard.contracts import claims, payees
from unioncard.contracts.claims import PayoutBatchStanding, PayoutBatchState
from workflows.payout_batch_progress import PayoutBatchEnd, PayoutBatchFacts, PayoutBatchProgress
from workflows.payout_batch_view import PayoutPhase, view_of_payouts
from workflows.schedules import (
    PAYOUT_FILE_NIGHTLY,
    PAYOUTS_DAILY,
    ensure_schedules,
    fetch_payout_file,
    gather_payouts,
)
from workflows.search_attributes import NEXT_DEADLINE, OVERDUE, PHASE
from workflows_testing.card_office import Command
from workflows_testing.claims_office import BATCH_NUMBER, FILED, PAYOUTS, Claiming, ClaimsOffice
from workflows_testing.time_travel import attributes, eventually

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

Batch = WorkflowHandle[Any, Any]


def looks(claiming: Claiming) -> int:
    return len(claiming.office.of_type(claims.ShowPayoutBatch.TYPE))


async def sent(claiming: Claiming) -> Batch:
    batch = await claiming.start_batch()

    async def is_sent() -> bool:
        return (await attributes(claiming.client, batch)).get(PHASE.name) == "等待银行答复"

    await eventually(is_sent)
    return batch


async def ended(batch: Batch) -> PayoutBatchEnd:
    return PayoutBatchEnd.model_validate(await batch.result())


async def test_a_batch_from_gathering_to_the_last_answer(claiming: Claiming) -> None:
    office = claiming.office
    office.left_out, office.waiting = 1, PAYOUTS - 1
    batch = await sent(claiming)
    await claiming.answers(batch, paid=2)
    await claiming.answers(batch, paid=3, returned=1)
    assert await ended(batch) == PayoutBatchEnd(paid=3, returned=1, left_out=1)
    assert [(one.type, one.key) for one in office.asked] == [
        ("claims.payout-batch.payees.v1", f"payout-batch/{BATCH_NUMBER}/who"),
        ("card.payees.check.v1", f"payout-batch/{BATCH_NUMBER}/payees/0"),
        ("claims.payout-batch.submit.v1", f"payout-batch/{BATCH_NUMBER}/submit"),
    ]
    asked = office.of_type(payees.CheckPayees.TYPE)[0].data
    # The day of paying, in Shanghai.
    assert asked == {"batch_number": BATCH_NUMBER, "chunk": 0, "on": "2020-03-05", "member_ids": [1, 2, 3]}
    assert (await attributes(claiming.client, batch))[PHASE.name] == "已完成"


async def test_where_nobodys_card_is_paid_no_card_is_asked_about(claiming: Claiming) -> None:
    claiming.office.members = []
    batch = await sent(claiming)
    await claiming.answers(batch, paid=PAYOUTS)
    await ended(batch)
    assert claiming.office.of_type(payees.CheckPayees.TYPE) == []


async def test_a_batch_of_which_nothing_could_be_sent_is_done(claiming: Claiming) -> None:
    claiming.office.waiting, claiming.office.left_out = 0, PAYOUTS
    assert await ended(await claiming.start_batch()) == PayoutBatchEnd(paid=0, returned=0, left_out=PAYOUTS)


async def test_answers_before_the_submission_is_acknowledged_count(claiming: Claiming) -> None:
    office = claiming.office

    async def be_quick(command: Command) -> None:
        if command.type == claims.SubmitPayouts.TYPE:
            batch = claiming.client.get_workflow_handle(f"payout-batch/{BATCH_NUMBER}")
            await batch.signal("answered", args=[0, PAYOUTS, 0])

    office.before_answer = be_quick
    # The acknowledgement still says that all are waiting.
    assert await ended(await claiming.start_batch()) == PayoutBatchEnd(paid=PAYOUTS, returned=0, left_out=0)


async def test_answers_twice_and_in_the_wrong_order_count_once(claiming: Claiming) -> None:
    batch = await sent(claiming)
    for counts in ([3, 2, 0], [4, 1, 0], [3, 2, 0], [1, 3, 1], [3, 2, 0]):
        await batch.signal("answered", args=counts)
    await batch.signal("answered", args=[0, 3, 2])
    assert await ended(batch) == PayoutBatchEnd(paid=3, returned=2, left_out=0)


async def test_late_answers_show_and_lost_ones_are_found_the_next_day(claiming: Claiming) -> None:
    batch = await sent(claiming)
    at = await claiming.now()
    await claiming.go_to(at + DAY - 5 * SECOND)
    assert looks(claiming) == 0
    await claiming.go_to(at + 3 * DAY - timedelta(minutes=1))
    await eventually(lambda: looks(claiming) == 2)
    assert (await attributes(claiming.client, batch))[OVERDUE.name] is False
    assert NEXT_DEADLINE.name in await attributes(claiming.client, batch)
    await claiming.go_to(at + 3 * DAY + timedelta(minutes=1))
    await eventually(lambda: looks(claiming) == 3)

    async def late() -> bool:
        return bool((await attributes(claiming.client, batch))[OVERDUE.name])

    await eventually(late)
    claiming.office.waiting, claiming.office.paid = 0, PAYOUTS
    await claiming.go_to(at + 4 * DAY + timedelta(minutes=1))
    assert (await ended(batch)).paid == PAYOUTS
    assert (await attributes(claiming.client, batch))[OVERDUE.name] is False


async def test_weeks_of_waiting_continue_with_a_fresh_history(claiming: Claiming) -> None:
    batch = await sent(claiming)
    await claiming.go_to(FILED + 25 * DAY)
    await eventually(lambda: looks(claiming) >= 24)
    keys = [one.key for one in claiming.office.asked]
    assert len(set(keys)) == len(keys)
    assert len(claiming.office.of_type(claims.SubmitPayouts.TYPE)) == 1
    current = claiming.client.get_workflow_handle(batch.id)
    await claiming.answers(current, paid=PAYOUTS)
    assert (await ended(current)).paid == PAYOUTS


async def test_what_the_bank_refuses_for_good_is_over(claiming: Claiming) -> None:
    """claims-svc has left all of its payouts out: they are put right one by one."""
    office = claiming.office
    office.refusals = {claims.SubmitPayouts.TYPE: "bank-refused"}
    office.batch, office.waiting, office.left_out = PayoutBatchState.DONE, 0, PAYOUTS
    batch = await claiming.start_batch()
    assert await ended(batch) == PayoutBatchEnd(paid=0, returned=0, left_out=PAYOUTS)
    assert looks(claiming) == 1


async def test_a_refusal_that_leaves_the_batch_open_is_shown_and_waited_out(claiming: Claiming) -> None:
    claiming.office.refusals = {claims.SubmitPayouts.TYPE: "bank-conflict"}
    batch = await claiming.start_batch()
    await eventually(lambda: looks(claiming) == 1)

    async def shown() -> bool:
        return bool((await attributes(claiming.client, batch))[PHASE.name] == "银行退回")

    await eventually(shown)
    await claiming.go_to(FILED + 3 * DAY + timedelta(minutes=1))
    await eventually(lambda: looks(claiming) == 4)

    async def late() -> bool:
        return bool((await attributes(claiming.client, batch))[OVERDUE.name])

    await eventually(late)
    await claiming.answers(batch, paid=PAYOUTS)
    assert (await ended(batch)).paid == PAYOUTS


def test_details_say_what_is_awaited_and_what_to_do() -> None:
    batch = PayoutBatchFacts(
        number=BATCH_NUMBER, on=date(2020, 3, 9), payouts=PAYOUTS, amount_fen=5_000_000, opened_at=FILED
    )
    progress = PayoutBatchProgress.of_new(batch)
    standing = PayoutBatchStanding(
        state=PayoutBatchState.SENT, payouts=4, amount_fen=4_000_000, waiting=2, paid=1, returned=1, left_out=1
    )
    progress.take_sent(standing, FILED)
    view = view_of_payouts(batch, progress, PayoutPhase.ANSWERS, now=FILED, since=FILED)
    assert view.details == (
        "### 等待银行答复\n"
        "- **现状**：共 5 笔 · 待答复 2 · 已到账 1 · 退回 1 · 未能提交 1\n"
        "- **自**：2020年3月5日10:00\n"
        "- **期限**：2020年3月8日10:00 前\n"
        "- **怎么办**：无需操作。退回的款项在给付申请中更正账户后重新划款。"
    )
    assert not progress.overdue(FILED + 3 * DAY - SECOND)
    assert progress.overdue(FILED + 3 * DAY)


async def test_payouts_are_gathered_in_the_morning_and_their_answers_fetched_at_night(
    client: Client, task_queue: str
) -> None:
    await ensure_schedules(client, task_queue)
    # 09:30 and 22:30 in Shanghai are 01:30 and 14:30 in UTC.
    for name, hour in ((PAYOUTS_DAILY, 1), (PAYOUT_FILE_NIGHTLY, 14)):
        found = await client.get_schedule_handle(name).describe()
        assert {(at.hour, at.minute) for at in found.info.next_action_times} == {(hour, 30)}
        assert found.schedule.policy.pause_on_failure
        assert found.schedule.policy.catchup_window == timedelta(hours=12)


async def test_a_day_is_gathered_and_fetched_by_hand(client: Client, task_queue: str) -> None:
    office = ClaimsOffice()
    day = date(2020, 3, 9)
    async with office.worker(client, task_queue):
        gathered = await gather_payouts(client, day, task_queue)
        assert (await gathered.result()).payouts == 1007
        fetched = await fetch_payout_file(client, day, task_queue)
        assert (await fetched.result()).set_aside == 1
    assert [one.data for one in office.asked] == [{"day": "2020-03-09"}] * 2
    assert [one.key.rsplit("/", 1)[0] for one in office.asked] == [
        "payouts/2020-03-09/payouts/2020-03-09",
        "payout-file/2020-03-09/payout-file/2020-03-09",
    ]
