"""What the rules say, line by line, written by hand from the sources (domain 6; benefits.csv).

benefit × class × year, hospital's place and level, payee × place → stamps, day of the event, day of filing.
"""

from datetime import date

import pytest

from claims_svc.claims.rules import (
    BEFORE_REVIEW,
    EVENTS_OF,
    FALLEN,
    STATE_LABELS,
    STEPS,
    Assessment,
    Catalogue,
    ClaimEvent,
    Facts,
    HospitalPlace,
    PayeeKind,
    assess,
    decided_by_rule,
    payees_of,
    waiting_state,
)
from claims_svc.papers.rules import PaperKind, StampLevel, required_papers, required_stamps
from claims_svc_testing.filing import policy
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit, CoverState

ILLNESS, ACCIDENT = Benefit.CRITICAL_ILLNESS, Benefit.ACCIDENT
DEATH, DAYS = Benefit.ILLNESS_DEATH, Benefit.HOSPITAL_ALLOWANCE
SHANGHAI, OUTSIDE = HospitalPlace.SHANGHAI, HospitalPlace.OUTSIDE
OWN, UNIT, HEIR = PayeeKind.OWN_CARD, PayeeKind.UNIT_ACCOUNT, PayeeKind.HEIR
WHOLE = {
    (year, name): Catalogue(frozenset({"malignant_tumour"}), complete=True)
    for year, name in ((2014, "BASIC"), (2019, "A"), (2019, "B"), (2020, "A"), (2020, "A+"), (2020, "B"), (2020, "B+"))
}
EVENT = {ILLNESS: ClaimEvent.ILLNESS, ACCIDENT: ClaimEvent.DISABILITY, DEATH: ClaimEvent.DEATH, DAYS: ClaimEvent.STAY}


def facts(benefit: Benefit, day: date, **said: object) -> Facts:
    """A claim that nothing speaks against, of one day, filed on it."""
    given: dict[str, object] = {
        "benefit": benefit,
        "event": EVENT[benefit],
        "first_day": day,
        "last_day": day,
        "filed_on": day,
        "illness_code": "malignant_tumour" if benefit is ILLNESS else None,
        "place": SHANGHAI,
        "level": 3,
    }
    return Facts(**(given | said))  # type: ignore[arg-type]  # a table of fields


def codes(found: Assessment) -> list[str]:
    return [one.code for one in found.refused]


# (year, class): yuan for an illness, an accident, a death of illness, a day in hospital; 0: the class has it not
AMOUNTS = {
    (2014, "BASIC"): (10_000, 30_000, 0, 0),  # I14
    (2019, "A"): (10_000, 30_000, 0, 0),  # G19 Q77, Q79
    (2019, "B"): (20_000, 30_000, 10_000, 0),  # G19 Q78, Q80
    (2020, "A"): (10_000, 30_000, 0, 0),  # C20
    (2020, "A+"): (10_000, 30_000, 0, 60),
    (2020, "B"): (20_000, 30_000, 10_000, 0),
    (2020, "B+"): (20_000, 30_000, 10_000, 60),
}
LINES = [
    (year, name, benefit, yuan)
    for (year, name), amounts in AMOUNTS.items()
    for benefit, yuan in zip((ILLNESS, ACCIDENT, DEATH, DAYS), amounts, strict=True)
]


@pytest.mark.parametrize(("year", "name", "benefit", "yuan"), LINES)
def test_each_benefit_of_each_class_and_year(year: int, name: str, benefit: Benefit, yuan: int) -> None:
    found = assess(facts(benefit, date(year, 8, 1)), [policy(year, name)], WHOLE)
    if yuan:
        assert codes(found) == []
        assert (found.claimed_fen, found.payable_fen) == (yuan * 100, yuan * 100)
    else:
        assert codes(found) == ["benefit-not-in-class"]
        assert found.refused[0].rule == {2014: "I14", 2019: "G19 Q77–Q80", 2020: "C20"}[year]
        assert (found.claimed_fen, found.payable_fen) == (0, 0)


@pytest.mark.parametrize(
    ("place", "level", "allowed", "rule"),
    [
        (SHANGHAI, 1, False, "G19 Q84"),
        (SHANGHAI, 2, True, None),
        (SHANGHAI, 3, True, None),
        (OUTSIDE, 1, False, "G19 Q85"),
        (OUTSIDE, 2, False, "G19 Q85"),
        (OUTSIDE, 3, True, None),
    ],
)
@pytest.mark.parametrize("benefit", [ILLNESS, DAYS])
def test_hospitals(benefit: Benefit, place: HospitalPlace, level: int, allowed: bool, rule: str | None) -> None:
    found = assess(facts(benefit, date(2020, 8, 1), place=place, level=level), [policy()], WHOLE)
    assert codes(found) == ([] if allowed else ["hospital-level"])
    assert [one.rule for one in found.refused] == ([] if allowed else [rule])
    assert (found.payable_fen > 0) is allowed


@pytest.mark.parametrize("benefit", [ACCIDENT, DEATH])
def test_where_no_treatment_is_paid_for_no_hospital_is_judged(benefit: Benefit) -> None:
    found = assess(facts(benefit, date(2020, 8, 1), place=OUTSIDE, level=1), [policy()], WHOLE)
    assert codes(found) == []


@pytest.mark.parametrize(
    ("day", "covered"),
    [
        (date(2019, 12, 31), False),
        (date(2020, 1, 1), True),
        (date(2020, 12, 31), True),
        (date(2021, 1, 1), False),
    ],
)
@pytest.mark.parametrize("benefit", [ILLNESS, ACCIDENT, DEATH, DAYS])
def test_cover_holds_on_its_first_and_its_last_day(benefit: Benefit, day: date, covered: bool) -> None:
    found = assess(facts(benefit, day), [policy()], WHOLE)
    assert codes(found) == ([] if covered else ["no-cover"])


@pytest.mark.parametrize(
    ("filed_on", "in_time"), [(date(2021, 6, 29), True), (date(2021, 6, 30), True), (date(2021, 7, 1), False)]
)
@pytest.mark.parametrize("benefit", [ILLNESS, ACCIDENT, DEATH, DAYS])
def test_the_last_day_to_file_is_half_a_year_after_the_cover(benefit: Benefit, filed_on: date, in_time: bool) -> None:
    found = assess(facts(benefit, date(2020, 8, 1), filed_on=filed_on), [policy()], WHOLE)
    assert codes(found) == ([] if in_time else ["filed-late"])
    assert [one.rule for one in found.refused] == ([] if in_time else ["G19 Q88"])
    if not in_time:
        assert "2021年6月30日" in found.refused[0].text


@pytest.mark.parametrize(("filed_on", "in_time"), [(date(2021, 12, 31), True), (date(2022, 1, 1), False)])
def test_an_explicit_day_of_the_calendar_goes_before_it(filed_on: date, in_time: bool) -> None:
    of_2019 = policy(2019, "B", file_until=date(2021, 12, 31))  # C20
    found = assess(facts(DEATH, date(2019, 8, 1), filed_on=filed_on), [of_2019], WHOLE)
    assert codes(found) == ([] if in_time else ["filed-late"])


def test_treatment_and_diagnosis() -> None:
    day = date(2020, 8, 1)
    assert codes(assess(facts(ILLNESS, day, in_patient=False), [policy()], WHOLE)) == ["not-in-patient"]
    assert codes(assess(facts(ILLNESS, day, first_diagnosis=False), [policy()], WHOLE)) == ["not-first-diagnosis"]
    assert codes(assess(facts(ILLNESS, day, illness_code="gout"), [policy()], WHOLE)) == ["illness-not-listed"]


def test_all_that_speaks_against_a_claim_is_said_at_once() -> None:
    bad = facts(
        ILLNESS, date(2020, 8, 1), filed_on=date(2021, 7, 1), place=OUTSIDE, level=2, in_patient=False, illness_code="x"
    )
    found = assess(bad, [policy()], WHOLE)
    assert codes(found) == ["hospital-level", "not-in-patient", "filed-late", "illness-not-listed"]
    assert (found.claimed_fen, found.payable_fen) == (2_000_000, 0)


# (place, payee): whose stamp on the application form and on the transfer request, G19 Q84–Q87
UNION_S, DISTRICT_S = StampLevel.UNION, StampLevel.DISTRICT
FORM, REQUEST = PaperKind.APPLICATION_FORM, PaperKind.TRANSFER_REQUEST


@pytest.mark.parametrize(
    ("place", "payee", "stamps"),
    [
        (SHANGHAI, OWN, {FORM: UNION_S}),
        (OUTSIDE, OWN, {FORM: DISTRICT_S}),
        (None, OWN, {FORM: UNION_S}),
        (SHANGHAI, UNIT, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
        (OUTSIDE, UNIT, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
        (None, UNIT, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
        (SHANGHAI, HEIR, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
        (OUTSIDE, HEIR, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
        (None, HEIR, {FORM: DISTRICT_S, REQUEST: DISTRICT_S}),
    ],
)
def test_stamps(place: HospitalPlace | None, payee: PayeeKind, stamps: dict[PaperKind, StampLevel]) -> None:
    assert dict(required_stamps(place, payee)) == stamps


@pytest.mark.parametrize(
    ("event", "payees"),
    [
        (ClaimEvent.ILLNESS, {OWN, UNIT}),
        (ClaimEvent.STAY, {OWN, UNIT}),
        (ClaimEvent.DISABILITY, {OWN, UNIT}),
        (ClaimEvent.DEATH, {UNIT, HEIR}),
    ],
)
def test_payees(event: ClaimEvent, payees: set[PayeeKind]) -> None:
    assert payees_of(event) == payees


def test_no_claim_asks_for_a_paper_twice_and_every_stamped_paper_is_asked_for() -> None:
    for benefit, events in EVENTS_OF.items():
        for event in events:
            for payee in payees_of(event):
                papers = required_papers(benefit, event, payee)
                assert len(set(papers)) == len(papers)
                assert set(required_stamps(None, payee)) <= set(papers)


# Missing papers, missing stamps, cover → where it stands


@pytest.mark.parametrize(
    ("missing", "stamps", "cover", "state"),
    [
        (1, 1, CoverState.PROVISIONAL, ClaimState.INCOMPLETE),
        (0, 1, CoverState.PROVISIONAL, ClaimState.STAMPING),
        (0, 0, CoverState.REVIEWING, ClaimState.PROVISIONAL),
        (0, 0, CoverState.PROVISIONAL, ClaimState.PROVISIONAL),
        (1, 0, CoverState.DEFINITE, ClaimState.INCOMPLETE),
        (0, 1, CoverState.DEFINITE, ClaimState.STAMPING),
        (0, 0, CoverState.DEFINITE, ClaimState.ADJUDICATING),
    ],
)
def test_where_a_claim_waits(missing: int, stamps: int, cover: CoverState, state: ClaimState) -> None:
    assert waiting_state(missing, stamps, cover) is state


def test_a_stay_over_two_policies_is_worth_what_the_lesser_is() -> None:
    stay = facts(DAYS, date(2019, 12, 30), last_day=date(2020, 1, 2))
    two = [
        policy(policy_id=1, first_day=date(2019, 1, 1), last_day=date(2019, 12, 31), file_until=date(2020, 6, 30)),
        policy(policy_id=2, state=CoverState.PROVISIONAL),
    ]
    found = assess(stay, two, WHOLE)
    assert found.cover_state is CoverState.PROVISIONAL
    assert [len(one.days) for one in found.parts] == [2, 2]


@pytest.mark.parametrize(
    ("payable", "limit", "payee", "benefit", "listed", "decided"),
    [
        (1_000_000, 0, OWN, ILLNESS, True, False),
        (1_000_000, 1_000_000, OWN, ILLNESS, True, True),
        (1_000_001, 1_000_000, OWN, ILLNESS, True, False),
        (1_000_000, 1_000_000, UNIT, ILLNESS, True, False),
        (1_000_000, 1_000_000, OWN, ILLNESS, None, False),
        (6_000, 1_000_000, OWN, DAYS, None, True),
        (0, 1_000_000, OWN, DAYS, None, False),
    ],
)
def test_what_needs_no_person(
    payable: int, limit: int, payee: PayeeKind, benefit: Benefit, listed: bool | None, decided: bool
) -> None:
    assert decided_by_rule(payable, limit, payee, benefit, listed) is decided


def test_every_state_has_its_steps_and_its_name() -> None:
    assert set(STEPS) == set(STATE_LABELS) == set(ClaimState)
    reached = {ClaimState.FILED}
    while more := {to for state in reached for to in STEPS[state]} - reached:
        reached |= more
    assert reached == set(ClaimState)
    # Nothing falls once it is owed.
    for state in (ClaimState.TO_PAY, ClaimState.PAYING, ClaimState.PAID, ClaimState.RETURNED):
        assert FALLEN.isdisjoint(STEPS[state])
    assert BEFORE_REVIEW.isdisjoint(FALLEN)
