"""What a reviewer may grant, by hand from the terms: 20,000 yuan at once, 60 a day."""

import pytest

from claims_svc.adjudication.rules import Asked, amounts_of, bounds, needs_second, reasons
from claims_svc.claims.rules import ClaimEvent

ILLNESS = Asked(1, 0, 2_000_000, 2_000_000)
REFUSED_BY_RULE = Asked(1, 0, 2_000_000, 0)
# 200 nights asked for, 180 count
STAY = Asked(1, 200, 1_200_000, 1_080_000)
LIMIT = 2_000_000


@pytest.mark.parametrize(
    ("part", "event", "appeal", "fen", "held"),
    [
        (ILLNESS, ClaimEvent.ILLNESS, False, 2_000_000, True),
        (ILLNESS, ClaimEvent.ILLNESS, False, 0, True),
        (ILLNESS, ClaimEvent.ILLNESS, False, 1_000_000, False),
        (ILLNESS, ClaimEvent.ILLNESS, False, 4_000_000, False),
        (REFUSED_BY_RULE, ClaimEvent.ILLNESS, False, 2_000_000, False),
        (REFUSED_BY_RULE, ClaimEvent.ILLNESS, True, 2_000_000, True),
        (STAY, ClaimEvent.STAY, False, 1_080_000, True),
        (STAY, ClaimEvent.STAY, False, 1_086_000, False),
        (STAY, ClaimEvent.STAY, True, 1_086_000, False),
        (STAY, ClaimEvent.STAY, False, 6_000, True),
        (STAY, ClaimEvent.STAY, False, 5_999, False),
        # what was approved before is not taken back
        (Asked(1, 10, 60_000, 60_000, 48_000), ClaimEvent.STAY, True, 42_000, False),
        (Asked(1, 10, 60_000, 60_000, 48_000), ClaimEvent.STAY, True, 48_000, True),
        (Asked(1, 10, 60_000, 60_000, 48_000), ClaimEvent.STAY, True, 54_000, True),
    ],
)
def test_bounds(part: Asked, event: ClaimEvent, appeal: bool, fen: int, held: bool) -> None:
    assert bounds(part, event, appeal=appeal).hold(fen) is held


def test_every_policy_is_named_once_and_none_beside() -> None:
    parts = [Asked(19, 3, 18_000, 18_000), Asked(20, 2, 12_000, 6_000)]
    assert amounts_of(parts, ClaimEvent.STAY, None, appeal=False) == {19: 18_000, 20: 6_000}
    assert amounts_of(parts, ClaimEvent.STAY, {19: 6_000, 20: 0}, appeal=False) == {19: 6_000, 20: 0}
    assert amounts_of(parts, ClaimEvent.STAY, {19: 6_000}, appeal=False) is None
    assert amounts_of(parts, ClaimEvent.STAY, {19: 6_000, 21: 0}, appeal=False) is None


@pytest.mark.parametrize(
    ("claimed", "part", "fen", "second"),
    [
        (2_000_000, ILLNESS, 2_000_000, False),
        (2_000_001, ILLNESS, 2_000_000, True),
        # refused as well: what is at stake counts
        (3_000_000, ILLNESS, 0, True),
        (2_000_000, REFUSED_BY_RULE, 2_000_000, True),
        (2_000_000, REFUSED_BY_RULE, 0, False),
    ],
)
def test_second_eyes(claimed: int, part: Asked, fen: int, second: bool) -> None:
    assert needs_second(claimed, LIMIT, [part], {1: fen} if fen else {}) is second


@pytest.mark.parametrize(("year", "rule"), [(2014, "I14"), (2019, "G19 Q77–Q80"), (2020, "C20"), (None, "C20")])
def test_reasons_rest_on_the_terms_of_the_year(year: int | None, rule: str) -> None:
    assert reasons(year)["illness-not-listed"].rule == rule
