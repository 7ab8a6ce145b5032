"""What a batch remembers is the same whatever order the news come in."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.contracts.cards import BatchCounts, BatchDeadlines, Channel
from workflows.card_batch_progress import Batch, Progress
from workflows.card_batch_view import Phase, moment, phase_of, view_of
from workflows_testing.card_office import CALL_DUE, MEMBERS, SUBMITTED, counts

BATCH = Batch(
    number="cbc036202609211000",
    union_id=345,
    district_code="036",
    channel=Channel.NORMAL,
    members=MEMBERS,
    submitted_at=SUBMITTED,
)
DEADLINES = BatchDeadlines(numbers_due_at=None, call_due_at=CALL_DUE, call_due_provisional=False)

# The life of one batch as its events tell it: five answers and pickups, each the whole truth of its moment.
LIFE = [
    counts(),
    counts(issued=4, failed=1),
    counts(issued=4, failed=1, collected=2),
    counts(issued=8, failed=2, collected=2, in_person=1),
    counts(issued=8, failed=2, collected=8),  # the one left to the member has collected it
]
CALLS = [date(2026, 9, 30), date(2026, 10, 1)]


def learned(news: list[BatchCounts | date]) -> Progress:
    progress = Progress.of_new(MEMBERS)
    for one in news:
        if isinstance(one, BatchCounts):
            progress.learn(one)
        else:
            progress.learn_call(one)
    return progress


@given(st.permutations([*LIFE, *CALLS]), st.lists(st.sampled_from([*LIFE, *CALLS])))
def test_order_and_repetition_change_nothing(
    order: list[BatchCounts | date], repeats: list[BatchCounts | date]
) -> None:
    assert learned([*order, *repeats]) == Progress(waiting=0, issued=8, accounted=8, called_on=date(2026, 9, 30))


@given(st.lists(st.sampled_from(LIFE)))
def test_nothing_goes_back(news: list[BatchCounts]) -> None:
    progress = Progress.of_new(MEMBERS)
    for one in news:
        before = progress.model_copy()
        progress.learn(one)
        assert progress.waiting <= before.waiting
        assert progress.issued >= before.issued
        assert progress.accounted >= before.accounted


def test_a_card_left_to_its_member_is_accounted_for() -> None:
    assert learned([counts(issued=9, failed=1, collected=8, in_person=1)]).complete
    assert not learned([counts(issued=9, failed=1, collected=8)]).complete
    assert not learned([counts(issued=8, failed=1, collected=8)]).complete  # one member has no answer yet


@pytest.mark.parametrize(
    ("progress", "phase"),
    [
        (Progress(waiting=10), Phase.SUBMITTING),
        (Progress(waiting=10, deadlines=DEADLINES), Phase.NUMBERS),
        (Progress(waiting=6, issued=4, deadlines=DEADLINES), Phase.CALL),
        (Progress(waiting=6, issued=4, deadlines=DEADLINES, called_on=CALLS[0]), Phase.PICKUP),
        (Progress(waiting=0, issued=9, accounted=9, deadlines=DEADLINES), Phase.DONE),
        (Progress(waiting=0, issued=0, deadlines=DEADLINES), Phase.DONE),
        (Progress(waiting=10, closed=True), Phase.CLOSED),
    ],
)
def test_the_phase_follows_from_what_is_known(progress: Progress, phase: Phase) -> None:
    assert phase_of(BATCH, progress) is phase


def test_details_say_what_is_awaited_since_when_until_when_and_what_to_do() -> None:
    progress = Progress(waiting=1, issued=8, accounted=3, deadlines=DEADLINES, late=True, overdue=True)
    view = view_of(BATCH, progress, since=SUBMITTED, awaited={"来电期限": CALL_DUE})
    assert view.details == (
        "### 等待银行来电\n"
        "- **现状**：共 10 人 · 待银行答复 1 · 已出卡 8 · 失败 1 · 待领卡 5\n"
        "- **自**：2026年9月21日10:00\n"
        "- **来电期限**：2026年10月10日24:00 前\n"
        "- **卡号迟到**：3日已过，仍有会员没有结果\n"
        "- **逾期**：银行未在期限内来电\n"
        "- **怎么办**：请联系银行确认领卡时间，并在批次中登记来电；确实无法领取的，可注明原因关闭批次。"
    )
    assert (view.late, view.overdue, view.next_deadline) == (True, True, CALL_DUE)


def test_midnight_belongs_to_the_day_that_ends() -> None:
    assert moment(datetime(2026, 9, 24, 16, 0, tzinfo=UTC)) == "2026年9月24日24:00"
    assert moment(datetime(2026, 9, 24, 16, 1, tzinfo=UTC)) == "2026年9月25日00:01"
