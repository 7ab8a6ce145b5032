"""What a calendar gives cause to say, and which of two calendars counts. Moments are worked out by hand (domain 5)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.contracts.insurance import DistrictNoticeKind as Kind
from unioncard.contracts.insurance import OpenedCampaign, Phase, PhaseTimes
from workflows.campaign_calendar import Calendar, Calendars, due, occasions
from workflows_testing.insurance_office import (
    CENTRALIZED,
    EVE,
    PAYMENT_ENDS,
    REGISTRATION_ENDS,
    SPLIT_ENDS,
    SUBMISSION_ENDS,
    WINDOW_ENDS,
    WINDOW_ONLY,
    midnight,
)

CALENDAR = Calendar(phases=CENTRALIZED, version=5)


def nine(year: int, month: int, day: int) -> datetime:
    """09:00 in Shanghai is 01:00 in UTC."""
    return datetime(year, month, day, 1, tzinfo=UTC)


def test_the_occasions_of_2020() -> None:
    assert [(one.kind, one.at) for one in occasions(CALENDAR)] == [
        (Kind.SPLIT_MISSING, nine(2019, 10, 24)),
        (Kind.SPLIT_MISSING, nine(2019, 10, 28)),
        (Kind.SPLIT_MISSING, nine(2019, 10, 30)),
        (Kind.WINDOW_OPENED, midnight(2019, 11, 1)),
        (Kind.WINDOW_CLOSING, nine(2019, 12, 20)),
        (Kind.SUBMISSION_CLOSING, nine(2019, 12, 24)),
        (Kind.UNION_PAYMENT_CLOSING, nine(2019, 12, 24)),
        (Kind.WINDOW_CLOSING, nine(2019, 12, 24)),
        (Kind.WINDOW_CLOSING, nine(2019, 12, 26)),
        (Kind.SUBMISSION_OPENED, midnight(2019, 12, 28)),
        (Kind.SUBMISSION_CLOSING, nine(2019, 12, 28)),
        (Kind.UNION_PAYMENT_CLOSING, nine(2019, 12, 28)),
        (Kind.SUBMISSION_CLOSING, nine(2019, 12, 30)),
        (Kind.UNION_PAYMENT_CLOSING, nine(2019, 12, 30)),
    ]


def test_a_scheme_may_have_a_window_and_nothing_else() -> None:
    calendar = Calendar(phases=WINDOW_ONLY, version=1)
    assert [(one.kind, one.occurrence) for one in occasions(calendar)] == [
        (Kind.WINDOW_OPENED, 20140501),
        (Kind.WINDOW_CLOSING, 20140623),
        (Kind.WINDOW_CLOSING, 20140627),
        (Kind.WINDOW_CLOSING, 20140629),
    ]
    assert calendar.ends_at == REGISTRATION_ENDS


def test_of_several_missed_reminders_only_the_newest_is_sent() -> None:
    late = nine(2019, 12, 27)
    taken_up, passed = due(occasions(CALENDAR), [], late)
    assert {(one.kind, one.occurrence) for one in taken_up} == {
        (Kind.WINDOW_OPENED, 20191101),
        (Kind.WINDOW_CLOSING, 20191226),
        (Kind.SUBMISSION_CLOSING, 20191224),
        (Kind.UNION_PAYMENT_CLOSING, 20191224),
    }
    assert len(passed) == 9  # the three about splits among them: that phase is over
    assert due(occasions(CALENDAR), [one.name for one in passed], late) == ([], [])


@pytest.mark.parametrize(
    ("now", "stage"),
    [
        (EVE, Phase.FEE_SPLIT),
        (SPLIT_ENDS - timedelta(microseconds=1), Phase.FEE_SPLIT),
        (SPLIT_ENDS, Phase.UNION_WINDOW),
        (WINDOW_ENDS - timedelta(microseconds=1), Phase.UNION_WINDOW),
        (WINDOW_ENDS, Phase.DISTRICT_SUBMISSION),
        (SUBMISSION_ENDS, Phase.PAYMENT),
        (PAYMENT_ENDS, None),
    ],
)
def test_the_stage_changes_at_midnight_after_the_last_day(now: datetime, stage: Phase | None) -> None:
    assert CALENDAR.stage(now) is stage


def window_to(end: datetime) -> list[PhaseTimes]:
    return [PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=SPLIT_ENDS, closes_at=end)]


CHANGES = [
    (None, window_to(midnight(2019, 12, 29)), 6),
    (7, window_to(midnight(2019, 12, 30)), 7),
    (None, window_to(midnight(2019, 12, 31)), 8),
    (7, window_to(midnight(2020, 1, 2)), 9),
    (7, [], 10),  # the exception is taken back
]


@given(st.permutations(CHANGES), st.lists(st.sampled_from(CHANGES)))
def test_the_newest_calendar_counts_in_whatever_order_it_comes(
    order: list[tuple[int | None, list[PhaseTimes], int]], repeats: list[tuple[int | None, list[PhaseTimes], int]]
) -> None:
    known = Calendars.of(OpenedCampaign(phases=CENTRALIZED, version=5, districts=[]))
    before = known.for_district(7).version
    for district_id, phases, version in [*order, *repeats]:
        known.learn(district_id, phases, version)
        assert known.for_district(7).version >= before
        before = known.for_district(7).version
    assert known.for_everybody().phases == known.for_district(7).phases == window_to(midnight(2019, 12, 31))


def test_a_district_has_its_own_days_where_they_differ_and_everybodys_elsewhere() -> None:
    known = Calendars.of(OpenedCampaign(phases=CENTRALIZED, version=5, districts=[]))
    known.learn(7, window_to(midnight(2020, 1, 3)), 6)
    assert known.for_district(7).closes_at(Phase.UNION_WINDOW) == midnight(2020, 1, 3)
    assert known.for_district(7).closes_at(Phase.PAYMENT) == PAYMENT_ENDS
    assert known.for_district(8) == Calendar(phases=CENTRALIZED, version=10)
    assert known.differs(7)
    assert not known.differs(8)
