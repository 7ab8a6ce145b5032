"""Rules without a database; expected values by hand from the operators' documents."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_svc.bank.rules import Known, Verdict, judge
from card_svc.batches import rules
from card_svc.batches.rules import BatchState, Milestones, papers
from card_svc.cards.rules import STEPS, Obstacle, channel_for, obstacle
from card_svc.checks.rules import chunks_of, reason_against
from card_svc.todo.rules import CheckState, expired, hindrance
from unioncard.contracts.cards import CardState, Channel
from unioncard.holidays import Calendar, seed_rows

CALENDAR = Calendar(seed_rows())


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("kind", "state", "number", "card", "expected"),
    [
        ("employed", "normal", "3630000001", CardState.NONE, None),
        ("employed", "normal", "3630000001", CardState.FAILED, None),
        # domain 4.1, Decision: not those already to-do
        ("employed", "normal", "3630000001", CardState.TO_DO, Obstacle.TO_DO),
        ("employed", "normal", "3630000001", CardState.IN_BATCH, Obstacle.IN_BATCH),
        ("employed", "normal", "3630000001", CardState.ISSUED, Obstacle.ISSUED),
        # M24: no number yet; H19: only normal members; M24: the others apply for themselves
        ("employed", "normal", None, CardState.NONE, Obstacle.NO_NUMBER),
        ("employed", "in_transfer", "3630000001", CardState.NONE, Obstacle.NOT_NORMAL),
        ("employed", "pending", None, CardState.NONE, Obstacle.NOT_NORMAL),
        ("flexible", "normal", "3630000001", CardState.NONE, Obstacle.NOT_EMPLOYED),
        ("outside", "normal", "3630000001", CardState.NONE, Obstacle.NOT_EMPLOYED),
    ],
)
def test_who_can_be_added(
    kind: str, state: str, number: str | None, card: CardState, expected: Obstacle | None
) -> None:
    assert obstacle(kind, state, number, card) == expected


def test_the_channel_a_record_takes_by_itself() -> None:
    assert channel_for("resident_identity_card", None) is Channel.NORMAL
    assert channel_for("passport", None) is Channel.SPECIAL
    # H19: the bank's answer sends rare characters and long names to the special channel
    assert channel_for("resident_identity_card", "NAME_NOT_GBK") is Channel.SPECIAL
    assert channel_for("resident_identity_card", "NAME_TOO_LONG") is Channel.SPECIAL
    assert channel_for("resident_identity_card", "MOBILE_IN_USE") is Channel.NORMAL


def test_only_a_cancelled_card_leaves_issued_and_only_the_bank_leaves_in_batch() -> None:
    assert STEPS[CardState.ISSUED] == {CardState.NONE}
    assert STEPS[CardState.IN_BATCH] == {CardState.ISSUED, CardState.FAILED}
    assert set(STEPS) == set(CardState)


@pytest.mark.parametrize(
    ("population", "social_security", "passes"),
    [
        ("in_service", "none", True),
        ("unknown", "none", True),
        ("retired", "none", False),
        ("in_service", "retired", False),
        ("in_service", "unemployment_benefit", False),
        ("deceased", "none", False),
        ("never heard of", "nor this", True),
    ],
)
def test_whom_the_offices_speak_against(population: str, social_security: str, passes: bool) -> None:
    assert (reason_against(population, social_security) is None) == passes


def test_chunks_of_two_hundred() -> None:
    assert [chunks_of(n) for n in (0, 1, 200, 201, 1000)] == [0, 1, 1, 2, 5]


@pytest.mark.parametrize(
    ("channel", "state", "complete", "ready"),
    [
        (Channel.NORMAL, CheckState.PASSED, False, True),
        (Channel.SPECIAL, CheckState.PASSED, True, True),
        (Channel.SPECIAL, CheckState.PASSED, False, False),
        (Channel.NORMAL, CheckState.UNCHECKED, True, False),
        (Channel.NORMAL, CheckState.CHECKING, True, False),
        (Channel.NORMAL, CheckState.NOT_PASSED, True, False),
    ],
)
def test_what_holds_a_submission_up(channel: Channel, state: CheckState, complete: bool, ready: bool) -> None:
    assert (hindrance(channel, state, complete) is None) == ready


def test_a_document_is_good_on_its_last_day() -> None:
    assert not expired(date(2024, 4, 29), date(2024, 4, 29))
    assert expired(date(2024, 4, 28), date(2024, 4, 29))


def test_batch_numbers() -> None:
    # 23:30 UTC on the 28th is 07:30 on the 29th in Shanghai
    stem = rules.number_stem("363", datetime.fromisoformat("2024-04-28T23:30:59+00:00"))
    assert stem == "cbc363202404290730"
    assert [rules.batch_number(stem, n) for n in (0, 1, 99)] == [stem, stem + "01", stem + "99"]
    with pytest.raises(ValueError, match="100 numbers"):
        rules.batch_number(stem, 100)


@given(st.integers(min_value=0, max_value=50_000))
def test_batches_hold_everyone_and_at_most_a_thousand(total: int) -> None:
    sizes = rules.sizes(total)
    assert sum(sizes) == total
    assert all(0 < size <= 1000 for size in sizes)
    assert len(sizes) == -(-total // 1000)


def test_deadlines_on_the_normal_channel() -> None:
    # Submitted on Friday 1 March 2024: numbers by Monday 4 March, the call by 16 March; no holiday in between.
    due = rules.deadlines(Channel.NORMAL, shanghai("2024-03-01T23:59:59"), CALENDAR)
    assert due.numbers_due_at == shanghai("2024-03-05T00:00:00")
    assert due.call_due_at == shanghai("2024-03-17T00:00:00")
    assert not due.call_due_provisional


def test_statutory_holidays_push_the_call() -> None:
    # From 25 September to 10 October 2025 lie four statutory holidays: 1 to 3 October and Mid-autumn, 6 October.
    due = rules.deadlines(Channel.NORMAL, shanghai("2025-09-25T09:00:00"), CALENDAR)
    assert due.numbers_due_at == shanghai("2025-09-29T00:00:00")
    assert due.call_due_at == shanghai("2025-10-15T00:00:00")


def test_the_special_channel_has_no_deadlines() -> None:
    due = rules.deadlines(Channel.SPECIAL, shanghai("2024-03-01T10:00:00"), CALENDAR)
    assert (due.numbers_due_at, due.call_due_at) == (None, None)


def test_late_and_overdue_from_the_first_moment_too_late() -> None:
    waiting = rules.counts(members=3, issued=1, failed=0, collected=0, in_person=0)
    due, call = shanghai("2024-03-05T00:00:00"), shanghai("2024-03-17T00:00:00")
    batch = Milestones(BatchState.ACCEPTED, waiting, due, call, None)
    assert not rules.is_late(batch, shanghai("2024-03-04T23:59:59"))
    assert rules.is_late(batch, due)
    assert not rules.is_overdue(batch, shanghai("2024-03-16T23:59:59"))
    assert rules.is_overdue(batch, call)
    assert not rules.is_overdue(Milestones(BatchState.ACCEPTED, waiting, due, call, date(2024, 3, 10)), call)
    assert not rules.is_overdue(Milestones(BatchState.CLOSED, waiting, due, call, None), call)
    all_failed = rules.counts(members=3, issued=0, failed=3, collected=0, in_person=0)
    assert not rules.is_late(Milestones(BatchState.ACCEPTED, all_failed, due, call, None), call)
    assert not rules.is_overdue(Milestones(BatchState.ACCEPTED, all_failed, due, call, None), call)


def test_what_to_bring() -> None:
    # G19 44: agreement in two stamped copies, stamped receipt, stamped register, operator's paper, members' copies
    before = papers(Channel.NORMAL, 34, date(2024, 5, 1), date(2024, 6, 1))
    assert [(one.copies, one.stamped) for one in before] == [(2, True), (1, True), (1, True), (1, False), (34, False)]
    assert len(papers(Channel.NORMAL, 34, date(2024, 6, 1), date(2024, 6, 1))) == 4
    assert len(papers(Channel.NORMAL, 34, date(2024, 6, 1), None)) == 5
    # G19 48: register and document in person
    assert len(papers(Channel.SPECIAL, 1, date(2024, 6, 1), None)) == 2


KNOWN = st.none() | st.builds(
    Known,
    st.sampled_from(["waiting", "issued", "failed"]),
    st.sampled_from([None, "a", "b"]),
    st.booleans(),
)


@given(KNOWN, st.sampled_from([("issued", "a"), ("issued", "b"), ("failed", None)]), st.booleans())
def test_only_who_waits_in_this_batch_gets_news(known: Known | None, said: tuple[str, str | None], taken: bool) -> None:
    verdict = judge(known, said[0], said[1], taken=taken)
    if verdict is Verdict.NEWS:
        assert known is not None
        assert known.outcome == "waiting"
        assert known.in_this_batch
        assert not taken
    if verdict is Verdict.REPEAT:
        assert known is not None
        assert known.outcome == said[0]
        assert said[0] == "failed" or known.card_hash == said[1]
    if known is None:
        assert verdict is Verdict.NOT_IN_BATCH
