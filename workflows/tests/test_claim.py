"""A claim at its edges. Filed on 5 March 2020; the last day for papers is 4 April, to appeal 10 June (domain 6)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from unioncard.contracts import claims, cover
from unioncard.contracts.claims import ClaimNoticeKind, ClaimState
from unioncard.contracts.cover import CoverState
from workflows.claim_progress import ClaimEnd
from workflows.search_attributes import BATCH, NEXT_DEADLINE, OVERDUE, PHASE
from workflows_testing.claims_office import APPEAL_UNTIL, FILED, NUMBER, PAPERS_DUE, Claiming, policy
from workflows_testing.insurance_office import midnight
from workflows_testing.time_travel import attributes, eventually, length

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NINE = timedelta(hours=9)
DECIDED = (ClaimNoticeKind.DECIDED, 20200305)
ASKED = [(ClaimNoticeKind.PAPERS_MISSING, 20200306), (ClaimNoticeKind.PAPERS_MISSING, 20200328)]
LAST_CALL = (ClaimNoticeKind.PAPERS_LAST_DAY, 20200404)

Claim = WorkflowHandle[Any, Any]


async def told(claiming: Claiming, *notices: tuple[str, int]) -> None:
    """Wait until exactly these notices were asked for, in this order."""
    await eventually(lambda: len(claiming.office.notices()) >= len(notices))
    assert claiming.office.notices() == list(notices)


async def assessed(claiming: Claiming) -> Claim:
    claim = await claiming.start()
    await eventually(lambda: claiming.office.state is not ClaimState.FILED)
    return claim


async def ended(claim: Claim) -> ClaimEnd:
    return ClaimEnd.model_validate(await claim.result())


def checks(claiming: Claiming) -> int:
    return len(claiming.office.of_type(cover.CheckCover.TYPE))


def judgements(claiming: Claiming) -> int:
    return len(claiming.office.of_type(claims.LapseClaim.TYPE))


async def test_a_claim_from_filing_to_close(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    for state in (ClaimState.STAMPING, ClaimState.ADJUDICATING, ClaimState.CONFIRMING):
        await claiming.moves(claim, state)
    await claiming.moves(claim, ClaimState.TO_PAY)
    await told(claiming, DECIDED)
    await claiming.moves(claim, ClaimState.PAYING)
    await claiming.moves(claim, ClaimState.PAID, appeal_until=APPEAL_UNTIL)
    await claiming.go_to(APPEAL_UNTIL - SECOND)
    assert judgements(claiming) == 0
    await claiming.go_to(APPEAL_UNTIL + SECOND)
    assert await ended(claim) == ClaimEnd(state=ClaimState.CLOSED, checks=1, notices=1)
    assert [(one.type, one.key) for one in claiming.office.asked] == [
        ("insurance.cover.check.v1", f"claim/{NUMBER}/cover/20200305"),
        ("claims.claim.assess.v1", f"claim/{NUMBER}/assess/20200305"),
        ("claims.claim.notify.v1", f"claim/{NUMBER}/notice/decided/20200305"),
        ("claims.claim.lapse.v1", f"claim/{NUMBER}/lapse/20200611"),
    ]
    question = claiming.office.asked[0].data
    assert question == {"member_id": 1, "first_day": "2020-03-01", "last_day": "2020-03-01"}
    assert await length(claiming.client, claim) <= 150


async def test_missing_papers_are_asked_for_the_next_morning_a_week_ahead_and_on_the_last_day(
    claiming: Claiming,
) -> None:
    claim = await assessed(claiming)
    for at, expected in (
        (midnight(2020, 3, 6) + NINE, ASKED[:1]),
        (midnight(2020, 3, 28) + NINE, ASKED),
        (midnight(2020, 4, 4) + NINE, [*ASKED, LAST_CALL]),
    ):
        await claiming.go_to(at - SECOND)
        assert claiming.office.notices() == expected[:-1]
        await claiming.go_to(at + SECOND)
        await told(claiming, *expected)
    await claiming.go_to(PAPERS_DUE - SECOND)
    assert judgements(claiming) == 0
    await claiming.go_to(PAPERS_DUE + SECOND)
    assert (await ended(claim)).state is ClaimState.LAPSED
    (judged,) = claiming.office.of_type(claims.LapseClaim.TYPE)
    assert PAPERS_DUE <= judged.at < PAPERS_DUE + SECOND


async def test_whoever_brings_all_papers_at_once_is_not_asked(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    await claiming.go_to(FILED + timedelta(hours=3))
    await claiming.moves(claim, ClaimState.ADJUDICATING)
    await claiming.go_to(FILED + 2 * DAY)
    assert claiming.office.notices() == []


async def test_a_later_last_day_moves_reminders_and_judgement(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    await claiming.go_to(PAPERS_DUE - SECOND)
    later = PAPERS_DUE + 10 * DAY
    for _ in range(2):
        await claiming.moves(claim, ClaimState.INCOMPLETE, due_at=later)
    await claiming.go_to(later - SECOND)
    assert judgements(claiming) == 0
    # The last day is 14 April now; a week ahead of it, the 7th, is still to come.
    await told(
        claiming,
        *ASKED,
        LAST_CALL,
        (ClaimNoticeKind.PAPERS_MISSING, 20200407),
        (ClaimNoticeKind.PAPERS_LAST_DAY, 20200414),
    )
    await claiming.go_to(later + SECOND)
    assert (await ended(claim)).state is ClaimState.LAPSED


async def test_a_service_that_will_not_let_it_lapse_is_asked_again_the_next_day(claiming: Claiming) -> None:
    """The papers have come and their event is still on the way, or the clocks differ."""
    claim = await assessed(claiming)
    claiming.office.lapses = False
    await claiming.go_to(PAPERS_DUE + SECOND)
    await eventually(lambda: judgements(claiming) == 1)
    shown = await attributes(claiming.client, claim)
    assert (shown[PHASE.name], shown[OVERDUE.name]) == ("待补材料", True)
    claiming.office.lapses = True
    await claiming.go_to(PAPERS_DUE + DAY + 2 * SECOND)
    assert (await ended(claim)).state is ClaimState.LAPSED
    assert judgements(claiming) == 2


@pytest.mark.parametrize(
    ("state", "kind", "days"),
    [
        (ClaimState.ADJUDICATING, ClaimNoticeKind.REVIEW_LATE, 3),
        (ClaimState.MEDICAL_REVIEW, ClaimNoticeKind.MEDICAL_LATE, 5),
        (ClaimState.CONFIRMING, ClaimNoticeKind.CONFIRMATION_LATE, 3),
        (ClaimState.PAYING, ClaimNoticeKind.PAYOUT_LATE, 3),
    ],
)
async def test_whoever_is_late_is_asked_again_and_again(
    claiming: Claiming, state: ClaimState, kind: ClaimNoticeKind, days: int
) -> None:
    claim = await assessed(claiming)
    since = await claiming.now()
    await claiming.moves(claim, state)
    before = [DECIDED] if state is ClaimState.PAYING else []
    await claiming.go_to(since + days * DAY - SECOND)
    await told(claiming, *before)
    assert not (await attributes(claiming.client, claim)).get(OVERDUE.name, False)
    await claiming.go_to(since + days * DAY + 2 * SECOND)
    late = [(kind, 20200305 + days), (kind, 20200305 + 2 * days)]
    await told(claiming, *before, late[0])
    assert (await attributes(claiming.client, claim))[OVERDUE.name] is True
    await claiming.go_to(since + 2 * days * DAY + 2 * SECOND)
    await told(claiming, *before, *late)
    await claiming.moves(claim, ClaimState.WITHDRAWN)
    await ended(claim)
    assert (await attributes(claiming.client, claim))[OVERDUE.name] is False


async def test_a_missing_stamp_is_asked_for_the_next_morning_and_weekly(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    since = await claiming.now()
    await claiming.moves(claim, ClaimState.STAMPING)
    morning = midnight(2020, 3, 6) + NINE
    for turn, at in enumerate((morning, since + 7 * DAY, since + 14 * DAY)):
        await claiming.go_to(at - SECOND)
        assert len(claiming.office.notices()) == turn
        await claiming.go_to(at + 2 * SECOND)
        await told(
            claiming, *((ClaimNoticeKind.STAMP_MISSING, day) for day in (20200306, 20200312, 20200319)[: turn + 1])
        )


async def test_returned_money_is_told_at_once_and_weekly_and_the_decision_once(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    await claiming.moves(claim, ClaimState.TO_PAY)
    await told(claiming, DECIDED)
    await claiming.moves(claim, ClaimState.PAYING)
    since = await claiming.now()
    await claiming.moves(claim, ClaimState.RETURNED)
    await told(claiming, DECIDED, (ClaimNoticeKind.RETURNED, 20200305))
    await claiming.go_to(since + 7 * DAY - SECOND)
    assert len(claiming.office.notices()) == 2
    await claiming.go_to(since + 7 * DAY + 2 * SECOND)
    await told(claiming, DECIDED, (ClaimNoticeKind.RETURNED, 20200305), (ClaimNoticeKind.RETURNED, 20200312))
    await claiming.moves(claim, ClaimState.TO_PAY)
    await claiming.moves(claim, ClaimState.PAYING)
    await claiming.moves(claim, ClaimState.RETURNED)
    await eventually(lambda: len(claiming.office.notices()) == 4)
    # Twice on one day: the second has the next number, so that it is told too.
    assert claiming.office.notices()[-1] == (ClaimNoticeKind.RETURNED, 20200313)
    assert claiming.office.notices().count(DECIDED) == 1


async def test_provisional_cover_is_looked_at_daily_and_assessed_when_it_changes(claiming: Claiming) -> None:
    office = claiming.office
    office.policies = [policy(CoverState.REVIEWING)]
    claim = await assessed(claiming)
    await claiming.moves(claim, ClaimState.PROVISIONAL)
    await claiming.go_to(FILED + DAY - SECOND)
    assert checks(claiming) == 1
    await claiming.go_to(FILED + DAY + 5 * SECOND)
    await eventually(lambda: checks(claiming) == 2)
    office.policies = [policy(CoverState.PROVISIONAL)]
    await claiming.go_to(FILED + 4 * DAY + timedelta(minutes=1))
    await eventually(lambda: checks(claiming) == 5)
    assert len(office.of_type(claims.AssessClaim.TYPE)) == 2
    office.policies = [policy(CoverState.DEFINITE)]
    await claiming.go_to(FILED + 5 * DAY + timedelta(minutes=1))
    await eventually(lambda: office.state is ClaimState.ADJUDICATING)
    await claiming.go_to(FILED + 8 * DAY)
    assert checks(claiming) == 6


async def test_cover_that_is_void_refuses_the_claim(claiming: Claiming) -> None:
    claiming.office.policies = [policy(CoverState.PROVISIONAL)]
    claim = await assessed(claiming)
    await claiming.moves(claim, ClaimState.PROVISIONAL)
    claiming.office.policies = []
    await claiming.go_to(FILED + DAY + timedelta(minutes=1))
    await told(claiming, (ClaimNoticeKind.DECIDED, 20200306))
    await claiming.go_to(APPEAL_UNTIL + SECOND)
    assert (await ended(claim)).state is ClaimState.CLOSED


async def test_months_of_waiting_continue_with_a_fresh_history(claiming: Claiming) -> None:
    claiming.office.policies = [policy(CoverState.PROVISIONAL)]
    claim = await assessed(claiming)
    await claiming.moves(claim, ClaimState.PROVISIONAL)
    await claiming.go_to(FILED + 60 * DAY)
    await eventually(lambda: checks(claiming) >= 60)
    current = claiming.client.get_workflow_handle(claim.id)
    assert len(claiming.office.of_type(claims.AssessClaim.TYPE)) == 1
    keys = [one.key for one in claiming.office.asked]
    assert len(set(keys)) == len(keys)
    first = claiming.client.get_workflow_handle(claim.id, run_id=claim.result_run_id)
    assert len((await first.fetch_history()).events) <= 150
    assert (await attributes(claiming.client, current))[PHASE.name] == "待核销"
    await claiming.moves(current, ClaimState.WITHDRAWN)
    assert (await ended(current)).checks == checks(claiming)


async def test_a_flood_of_news_continues_with_a_fresh_history(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    current = claiming.client.get_workflow_handle(claim.id)
    for missing in range(40, 0, -1):
        claiming.office.missing = missing
        await claiming.moves(current, ClaimState.INCOMPLETE, due_at=PAPERS_DUE)
        # One by one, as people bring them: news that come together are one task.
        await claiming.go_to(await claiming.now() + SECOND)
    runs = [claiming.client.get_workflow_handle(claim.id, run_id=claim.result_run_id), current]
    assert [len((await run.fetch_history()).events) <= 150 for run in runs] == [True, True]
    assert (await current.describe()).run_id != claim.result_run_id
    await claiming.go_to(PAPERS_DUE + SECOND)
    assert (await ended(current)).state is ClaimState.LAPSED
    await told(claiming, *ASKED, LAST_CALL)


async def test_an_appeal_on_the_last_day_reopens_the_claim(claiming: Claiming) -> None:
    claiming.office.policies = []
    claim = await assessed(claiming)
    await told(claiming, DECIDED)
    await claiming.go_to(APPEAL_UNTIL - SECOND)
    await claiming.moves(claim, ClaimState.ADJUDICATING)
    await claiming.go_to(APPEAL_UNTIL + DAY)
    assert judgements(claiming) == 0
    again = APPEAL_UNTIL + 60 * DAY
    await claiming.moves(claim, ClaimState.REFUSED, appeal_until=again)
    await told(claiming, DECIDED, (ClaimNoticeKind.DECIDED, 20200612))
    await claiming.go_to(again - SECOND)
    assert judgements(claiming) == 0
    claiming.office.appeal_until = again
    await claiming.go_to(again + SECOND)
    assert (await ended(claim)).state is ClaimState.CLOSED


async def test_news_twice_and_in_the_wrong_order_count_once(claiming: Claiming) -> None:
    claim = await assessed(claiming)

    def told_of(*states: ClaimState) -> list[claims.ClaimStanding]:
        news = []
        for state in states:
            claiming.office.moves_to(state)
            news.append(claiming.office.standing())
        return news

    first, second = told_of(ClaimState.ADJUDICATING, ClaimState.TO_PAY)
    for one in (second, first, second):
        await claim.signal("changed", one)
    await told(claiming, DECIDED)
    third, fourth = told_of(ClaimState.WITHDRAWN, ClaimState.RETURNED)
    for one in (fourth, first, third, fourth):
        await claim.signal("changed", one)
    await told(claiming, DECIDED, (ClaimNoticeKind.RETURNED, 20200305))


async def test_any_event_can_be_the_first(claiming: Claiming) -> None:
    claiming.office.moves_to(ClaimState.REFUSED, appeal_until=APPEAL_UNTIL)
    claim = await claiming.start()
    await told(claiming, DECIDED)
    await claiming.go_to(APPEAL_UNTIL + SECOND)
    assert (await ended(claim)).checks == 0


async def test_a_lost_event_is_made_up_for_by_the_next_answer(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    claiming.office.moves_to(ClaimState.REFUSED, appeal_until=APPEAL_UNTIL)
    await claiming.go_to(midnight(2020, 3, 6) + NINE + SECOND)
    await told(claiming, ASKED[0], (ClaimNoticeKind.DECIDED, 20200306))
    await claiming.go_to(APPEAL_UNTIL + SECOND)
    assert (await ended(claim)).state is ClaimState.CLOSED


async def test_refusals_are_shown_and_stop_nothing(claiming: Claiming) -> None:
    office = claiming.office
    office.refusals = {cover.CheckCover.TYPE: "dead-letter"}
    claim = await claiming.start()
    await eventually(lambda: checks(claiming) == 1)
    await claiming.go_to(FILED + DAY - SECOND)
    assert checks(claiming) == 1
    office.refusals = {claims.NotifyClaim.TYPE: "no-recipient"}
    await claiming.go_to(FILED + DAY + timedelta(minutes=1))
    await eventually(lambda: office.state is ClaimState.INCOMPLETE)
    await claiming.go_to(PAPERS_DUE + SECOND)
    assert (await ended(claim)).state is ClaimState.LAPSED


async def test_withdrawn_while_cover_is_asked_for_is_not_assessed(claiming: Claiming) -> None:
    office = claiming.office

    async def withdraw(_command: Any) -> None:
        office.moves_to(ClaimState.WITHDRAWN)
        await claiming.client.get_workflow_handle(f"claim/{NUMBER}").signal("changed", office.standing())

    office.before_answer = withdraw
    claim = await claiming.start()
    assert (await ended(claim)).state is ClaimState.WITHDRAWN
    assert [one.type for one in office.asked] == [cover.CheckCover.TYPE]


async def test_people_see_who_waits_for_whom_until_when(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    await claiming.go_to(FILED + timedelta(hours=1))
    shown = await attributes(claiming.client, claim)
    assert shown[PHASE.name] == "待补材料"
    assert datetime.fromisoformat(shown[NEXT_DEADLINE.name]) == PAPERS_DUE
    await claiming.moves(claim, ClaimState.WITHDRAWN)
    await ended(claim)
    ended_with = await attributes(claiming.client, claim)
    assert ended_with[PHASE.name] == "已撤回"
    assert NEXT_DEADLINE.name not in ended_with


async def test_nothing_about_the_event_but_its_days_is_in_the_history(claiming: Claiming) -> None:
    claim = await assessed(claiming)
    await claiming.moves(claim, ClaimState.WITHDRAWN)
    await ended(claim)
    errand = claiming.office.errand()
    assert BATCH.name in [pair.key.name for pair in errand.attributes]
    for event in (await claim.fetch_history()).events:
        if event.HasField("workflow_execution_started_event_attributes"):
            told_at_start = event.workflow_execution_started_event_attributes.input.payloads[0].data.decode()
            assert str(date(2020, 3, 1)) in told_at_start
            assert "illness" not in told_at_start
