"""What a claim does next, as a pure function; and what people read of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unioncard.contracts.claims import ClaimNoticeKind, ClaimStanding, ClaimState
from workflows.claim_progress import Act, ClaimProgress
from workflows.claim_view import NOTICES, PHASES, view_of_claim
from workflows_testing.claims_office import APPEAL_UNTIL, FILED, PAPERS_DUE

DAY = timedelta(days=1)


def standing(state: ClaimState, version: int = 1, **more: Any) -> ClaimStanding:
    fields = {"due_at": None, "appeal_until": None, "missing": 0, "district_stamp": False} | more
    return ClaimStanding.model_validate({"version": version, "state": state} | fields)


def progress(state: ClaimState, now: datetime = FILED, **more: Any) -> ClaimProgress:
    return ClaimProgress.of(standing(state, **more), now)


times = st.none() | st.integers(-40, 90).map(lambda days: FILED + days * DAY)
standings = st.builds(
    ClaimStanding,
    version=st.integers(1, 9),
    state=st.sampled_from(ClaimState),
    due_at=times,
    appeal_until=times,
    missing=st.integers(0, 3),
    district_stamp=st.booleans(),
)


@given(standings, st.lists(st.tuples(st.integers(0, 60), standings), max_size=8))
def test_what_is_due_is_done_once_and_then_something_is_awaited(
    first: ClaimStanding, later: list[tuple[int, ClaimStanding]]
) -> None:
    now = FILED
    claim = ClaimProgress.of(first, now)
    for days, news in [(0, first), *later]:
        now += days * DAY
        claim.learn(news, now)
        for _ in range(10):
            move = claim.due_move(now)
            if move is None:
                break
            assert move.at <= now
            match move.act:
                case Act.CHECK:
                    claim.take_check(now)
                case Act.NOTIFY:
                    claim.take_notice(move)
                case Act.LAPSE:
                    claim.take_lapse(now)
        coming = claim.next_move()
        assert claim.due_move(now) is None
        assert coming is None or coming.at > now
        view_of_claim(claim)


@given(st.permutations(range(1, 7)), st.lists(st.integers(1, 6)))
def test_the_highest_version_counts_in_whatever_order(order: list[int], repeats: list[int]) -> None:
    states = list(ClaimState)
    claim = progress(states[1], version=1)
    for version in [*order, *repeats]:
        claim.learn(standing(states[version], version), FILED)
    assert (claim.state, claim.standing.version) == (states[6], 6)


def test_of_missed_reminders_only_the_newest_and_none_after_the_last_day() -> None:
    claim = progress(ClaimState.INCOMPLETE, due_at=PAPERS_DUE)
    week_ahead = claim.due_move(datetime(2020, 3, 30, tzinfo=UTC))
    assert week_ahead is not None
    assert (week_ahead.kind, week_ahead.at) == (
        ClaimNoticeKind.PAPERS_MISSING,
        datetime(2020, 3, 28, 1, tzinfo=UTC),
    )
    assert claim.take_notice(week_ahead) == 20200328
    late = claim.due_move(PAPERS_DUE)
    assert late is not None
    assert late.act is Act.LAPSE


def test_two_questions_of_a_kind_on_one_day_have_two_numbers() -> None:
    claim = progress(ClaimState.FILED)
    assert [claim.number("cover", FILED + days * DAY) for days in (0, 0, 0, 1, 9)] == [
        20200305,
        20200306,
        20200307,
        20200308,
        20200314,
    ]
    assert claim.number("lapse", FILED) == 20200305


def test_nothing_is_closed_before_people_were_told() -> None:
    claim = progress(ClaimState.REFUSED, appeal_until=APPEAL_UNTIL)
    first = claim.due_move(APPEAL_UNTIL + DAY)
    assert first is not None
    assert first.kind is ClaimNoticeKind.DECIDED
    claim.take_notice(first)
    then = claim.due_move(APPEAL_UNTIL + DAY)
    assert then is not None
    assert then.act is Act.LAPSE


def test_details_say_what_is_awaited_since_when_until_when_and_what_to_do() -> None:
    claim = progress(ClaimState.INCOMPLETE, due_at=PAPERS_DUE)
    view = view_of_claim(claim)
    assert view.details == (
        "### 待补材料\n"
        "- **自**：2020年3月5日10:00\n"
        "- **期限**：2020年4月4日24:00 前\n"
        "- **下次提醒（催补材料）**：2020年3月6日09:00\n"
        "- **怎么办**：请申请人按“所缺材料”页补齐材料；逾期申请失效，须重新提交。"
    )
    assert (view.next_deadline, view.overdue) == (PAPERS_DUE, False)


def test_whose_stamp_is_missing_is_said() -> None:
    assert "请区局核对材料并盖章" in view_of_claim(progress(ClaimState.STAMPING, district_stamp=True)).details
    assert "请基层工会或区局" in view_of_claim(progress(ClaimState.STAMPING)).details


def test_every_state_and_notice_has_its_words() -> None:
    assert set(PHASES) == set(ClaimState)
    assert set(NOTICES) == set(ClaimNoticeKind)
    for state in ClaimState:
        assert view_of_claim(progress(state)).details.startswith(f"### {PHASES[state]}\n")
