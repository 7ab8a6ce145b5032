"""The waits of a card batch, at their edges. Deadlines are worked out by hand in card_office.py (domain 4.5)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from unioncard.clock_segments import Segment
from unioncard.contracts.cards import Channel, NoticeKind
from workflows.card_batch_progress import CardBatchEnd
from workflows.search_attributes import LATE, NEXT_DEADLINE, OVERDUE, PHASE
from workflows_testing.card_office import CALL_DUE, MEMBERS, NUMBERS_DUE, Season, counts
from workflows_testing.time_travel import attributes, eventually

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
TOLD_LATE = (NoticeKind.NUMBERS_LATE, 1)
TOLD_NUMBERS = (NoticeKind.NUMBERS_GENERATED, 1)
TOLD_OVERDUE = (NoticeKind.CALL_OVERDUE, 1)

ALL_ISSUED = counts(issued=9, failed=1)
ALL_COLLECTED = counts(issued=9, failed=1, collected=8, in_person=1)

Batch = WorkflowHandle[Any, CardBatchEnd]


def told_reminder(occurrence: int) -> tuple[str, int]:
    return (NoticeKind.PICKUP_REMINDER, occurrence)


async def told(season: Season, *notices: tuple[str, int]) -> None:
    """Wait until exactly these notices were asked for, in this order."""
    await eventually(lambda: len(season.office.notices()) >= len(notices))
    assert season.office.notices() == list(notices)


async def test_a_batch_from_submission_to_the_last_card(season: Season) -> None:
    batch = await season.start()
    await season.go_to(datetime(2026, 9, 23, 2, 0, tzinfo=UTC))
    await season.answer(batch, "answered", ALL_ISSUED)
    await told(season, TOLD_NUMBERS)
    await season.go_to(datetime(2026, 10, 8, 2, 0, tzinfo=UTC))
    await batch.signal("called", date(2026, 10, 8))
    await season.answer(batch, "picked_up", ALL_COLLECTED)
    end: CardBatchEnd = CardBatchEnd.model_validate(await batch.result())
    assert end == CardBatchEnd(issued=9, failed=1, accounted=9, closed=False, late=False, overdue=False, reminded=0)
    assert season.office.notices() == [TOLD_NUMBERS]
    assert [one.key for one in season.office.asked] == [
        "card-batch/cbc036202609211000/submit",
        "card-batch/cbc036202609211000/notice/numbers_generated/1",
    ]


async def test_numbers_a_second_before_the_deadline_are_not_late(season: Season) -> None:
    batch = await season.start()
    await season.go_to(NUMBERS_DUE - SECOND)
    await season.answer(batch, "answered", ALL_ISSUED)
    await told(season, TOLD_NUMBERS)
    await season.go_to(NUMBERS_DUE + DAY)
    assert season.office.notices() == [TOLD_NUMBERS]


async def test_a_second_after_the_deadline_the_batch_is_late_and_waits_on(season: Season) -> None:
    batch = await season.start()
    await season.go_to(NUMBERS_DUE + SECOND)
    await told(season, TOLD_LATE)
    late_at = season.office.asked_at(NoticeKind.NUMBERS_LATE)
    assert NUMBERS_DUE <= late_at < NUMBERS_DUE + SECOND
    await eventually(lambda: _is(season, batch, LATE.name, True))
    await season.answer(batch, "answered", ALL_ISSUED)
    await told(season, TOLD_LATE, TOLD_NUMBERS)
    await eventually(lambda: _is(season, batch, LATE.name, False))


async def test_half_an_answer_is_announced_and_the_rest_still_becomes_late(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", counts(issued=4))
    await told(season, TOLD_NUMBERS)
    await season.go_to(NUMBERS_DUE + SECOND)
    await told(season, TOLD_NUMBERS, TOLD_LATE)
    await season.answer(batch, "answered", ALL_ISSUED)
    await season.go_to(NUMBERS_DUE + DAY)
    assert season.office.notices() == [TOLD_NUMBERS, TOLD_LATE]  # the second answer is not announced again


async def test_when_every_card_failed_there_is_nothing_to_announce(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", counts(failed=MEMBERS))
    end = CardBatchEnd.model_validate(await batch.result())
    assert (end.issued, end.failed, end.reminded) == (0, 10, 0)
    assert season.office.notices() == []


async def test_a_call_a_second_before_its_deadline_is_in_time(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", ALL_ISSUED)
    await season.go_to(CALL_DUE - SECOND)
    await batch.signal("called", date(2026, 10, 10))
    await season.go_to(CALL_DUE + DAY)
    assert season.office.notices() == [TOLD_NUMBERS]


async def test_no_call_by_the_deadline_is_escalated_then_reminders_follow(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", ALL_ISSUED)
    await told(season, TOLD_NUMBERS)
    await season.go_to(CALL_DUE + SECOND)
    await told(season, TOLD_NUMBERS, TOLD_OVERDUE)
    assert CALL_DUE <= season.office.asked_at(NoticeKind.CALL_OVERDUE) < CALL_DUE + SECOND
    await eventually(lambda: _is(season, batch, OVERDUE.name, True))
    # 30 days after 11 October 00:00 is 10 November 00:00; the second is another 30 on.
    first, second = datetime(2026, 11, 9, 16, tzinfo=UTC), datetime(2026, 12, 9, 16, tzinfo=UTC)
    await season.go_to(first - SECOND)
    assert season.office.notices() == [TOLD_NUMBERS, TOLD_OVERDUE]
    await season.go_to(first + SECOND)
    await told(season, TOLD_NUMBERS, TOLD_OVERDUE, told_reminder(1))
    assert first <= season.office.asked_at(NoticeKind.PICKUP_REMINDER) < first + SECOND
    await season.go_to(second + SECOND)
    await told(season, TOLD_NUMBERS, TOLD_OVERDUE, told_reminder(1), told_reminder(2))
    await season.answer(batch, "picked_up", ALL_COLLECTED)
    end = CardBatchEnd.model_validate(await batch.result())
    assert (end.overdue, end.reminded) == (True, 2)


async def test_reminders_count_from_the_day_of_the_call(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", ALL_ISSUED)
    await batch.signal("called", date(2026, 9, 30))
    due = datetime(2026, 10, 29, 16, tzinfo=UTC)  # 00:00 of 30 October in Shanghai: 30 days after 30 September
    await season.go_to(due - SECOND)
    assert season.office.notices() == [TOLD_NUMBERS]
    await season.go_to(due + SECOND)
    await told(season, TOLD_NUMBERS, told_reminder(1))


async def test_on_the_special_channel_no_call_is_awaited(season: Season) -> None:
    season.office.channel = Channel.SPECIAL
    batch = await season.start()
    await season.go_to(CALL_DUE + DAY)
    assert season.office.notices() == []
    await season.answer(batch, "answered", ALL_ISSUED)
    await told(season, TOLD_NUMBERS)
    announced = season.office.asked_at(NoticeKind.NUMBERS_GENERATED)
    await season.go_to(announced + 30 * DAY - SECOND)
    assert season.office.notices() == [TOLD_NUMBERS]
    await season.go_to(announced + 30 * DAY + SECOND)
    await told(season, TOLD_NUMBERS, told_reminder(1))


async def test_closing_ends_the_wait_at_once(season: Season) -> None:
    batch = await season.start()
    await season.go_to(NUMBERS_DUE - DAY)
    await batch.signal("closed")
    end = CardBatchEnd.model_validate(await batch.result())
    assert (end.closed, end.issued, end.failed) == (True, 0, 0)
    assert season.office.notices() == []


async def test_news_before_the_bank_has_the_batch_is_kept(season: Season) -> None:
    """Signals can come while the command to the bank still runs, and in any order."""
    office = season.office
    batch = await season.start()
    await season.answer(batch, "picked_up", ALL_COLLECTED)
    await batch.signal("called", date(2026, 9, 22))
    await batch.signal("answered", counts(issued=3))  # an older answer comes last
    end = CardBatchEnd.model_validate(await batch.result())
    assert (end.issued, end.failed, end.accounted) == (9, 1, 9)
    assert office.notices() == [TOLD_NUMBERS]


async def test_a_signal_that_comes_twice_counts_once(season: Season) -> None:
    batch = await season.start()
    for _ in range(3):
        await season.answer(batch, "answered", ALL_ISSUED)
        await batch.signal("called", date(2026, 9, 30))
    await told(season, TOLD_NUMBERS)
    await season.go_to(CALL_DUE + DAY)
    assert season.office.notices() == [TOLD_NUMBERS]


async def test_a_lost_event_is_made_up_for_by_the_answer_to_a_notice(season: Season) -> None:
    await season.start()
    season.office.counts = ALL_ISSUED  # the event about it never comes
    season.office.called_on = date(2026, 9, 24)
    await season.go_to(NUMBERS_DUE + SECOND)
    await told(season, TOLD_LATE, TOLD_NUMBERS)
    await season.go_to(CALL_DUE + DAY)
    assert season.office.notices() == [TOLD_LATE, TOLD_NUMBERS]


async def test_a_refusal_fails_the_workflow_with_its_code(season: Season) -> None:
    season.office.refusal = "batch-incomplete"
    batch = await season.start()
    with pytest.raises(WorkflowFailureError) as failure:
        await batch.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "batch-incomplete"
    assert (await attributes(season.client, batch))[PHASE.name] == "银行退回"


async def test_a_clock_that_jumps_fires_the_timers_it_passed(season: Season) -> None:
    batch = await season.start()
    await eventually(lambda: len(season.office.asked) == 1)
    real = await season.env.get_current_time()
    jump = [*season.office.segments, Segment(real, NUMBERS_DUE - SECOND)]
    season.office.segments = jump
    await batch.signal("clock_changed", jump)
    assert season.office.notices() == []
    await season.go_to(NUMBERS_DUE + SECOND)
    await told(season, TOLD_LATE)
    assert await season.env.get_current_time() - real < timedelta(seconds=10)


async def test_a_clock_that_stands_still_holds_the_timers_until_it_runs_again(season: Season) -> None:
    batch = await season.start()
    await eventually(lambda: len(season.office.asked) == 1)
    real = await season.env.get_current_time()
    halted = [*season.office.segments, Segment(real, NUMBERS_DUE - timedelta(hours=1), speed=0)]
    season.office.segments = halted
    await batch.signal("clock_changed", halted)
    await season.env.sleep(30 * DAY)
    assert season.office.notices() == []
    again = await season.env.get_current_time()
    running = [*halted, Segment(again, NUMBERS_DUE - timedelta(hours=1), speed=3600)]
    season.office.segments = running
    await batch.signal("clock_changed", running)
    await batch.signal("clock_changed", halted)  # an older table that comes late changes nothing
    await season.env.sleep(timedelta(seconds=2))
    await told(season, TOLD_LATE)


async def test_years_of_reminders_continue_with_a_fresh_history(season: Season) -> None:
    batch = await season.start()
    await season.answer(batch, "answered", counts(issued=9, failed=1, collected=5))
    await batch.signal("called", date(2026, 9, 30))
    await season.go_to(datetime(2026, 9, 30, tzinfo=UTC) + 30 * 14 * DAY)
    await eventually(lambda: told_reminder(14) in season.office.notices())
    assert season.office.notices() == [TOLD_NUMBERS, *(told_reminder(n) for n in range(1, 15))]
    current = season.client.get_workflow_handle(batch.id)
    assert (await current.describe()).run_id != batch.result_run_id
    await season.answer(current, "picked_up", ALL_COLLECTED)
    end = CardBatchEnd.model_validate(await batch.result())
    assert (end.issued, end.accounted, end.reminded) == (9, 9, 14)


async def test_people_see_what_is_awaited(season: Season) -> None:
    batch = await season.start()
    await eventually(lambda: _is(season, batch, PHASE.name, "等待卡号"))
    assert datetime.fromisoformat((await attributes(season.client, batch))[NEXT_DEADLINE.name]) == NUMBERS_DUE
    await season.answer(batch, "answered", counts(issued=9, failed=1, collected=2))
    await eventually(lambda: _is(season, batch, PHASE.name, "等待银行来电"))
    await batch.signal("called", date(2026, 9, 30))
    await eventually(lambda: _is(season, batch, PHASE.name, "等待领卡"))
    shown = await attributes(season.client, batch)
    assert (shown[LATE.name], shown[OVERDUE.name]) == (False, False)
    assert datetime.fromisoformat(shown[NEXT_DEADLINE.name]) == datetime(2026, 10, 29, 16, tzinfo=UTC)
    await season.answer(batch, "picked_up", ALL_COLLECTED)
    await batch.result()
    ended = await attributes(season.client, batch)
    assert ended[PHASE.name] == "已完成"
    assert NEXT_DEADLINE.name not in ended


async def _is(season: Season, batch: Batch, name: str, value: object) -> bool:
    return bool((await attributes(season.client, batch)).get(name) == value)
