"""Matching what the bank's statement says to what is due (G19 74: one account for all districts)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from unioncard.contracts.insurance import PremiumState


class Outcome(StrEnum):
    """What a movement is to the batch it names."""

    EXACT = "exact"
    SHORT = "short"
    OVER = "over"
    TWICE = "twice"
    LATE = "late"
    WRONG_REFERENCE = "wrong_reference"

    @property
    def label(self) -> str:
        """As staff know it."""
        return _LABELS[self]


_LABELS = {
    Outcome.EXACT: "相符",
    Outcome.SHORT: "少缴",
    Outcome.OVER: "多缴",
    Outcome.TWICE: "重复缴费",
    Outcome.LATE: "逾期到账",
    Outcome.WRONG_REFERENCE: "无法对应批次",
}


class Settlement(StrEnum):
    """How a person settles a row that is not exact."""

    ATTACHED = "attached"
    REFUNDED = "refunded"
    CREDITED = "credited"


@dataclass(frozen=True, slots=True)
class Line:
    """A movement on the account. ``day`` is the bank's value date (起息日): it decides whether it came in time."""

    reference: str
    day: date
    amount_fen: int
    payer: str
    remark: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a batch waits for."""

    number: str
    state: PremiumState
    due_on: date | None
    due_fen: int
    received_fen: int


@dataclass(frozen=True, slots=True)
class Match:
    """A movement, the batch it is for, and how much of it pays that batch."""

    line: Line
    number: str | None
    outcome: Outcome
    counted_fen: int


_NUMBER = re.compile(r"(?<![0-9A-Z])CB[0-9]{12}(?![0-9])")


def number_in(remark: str) -> str | None:
    """The one batch number that a payer's remark names, None if it names none or several."""
    found = set(_NUMBER.findall(remark.upper().replace(" ", "")))
    return found.pop() if len(found) == 1 else None


def judge(claim: Claim, day: date, amount_fen: int) -> tuple[Outcome, int]:
    """What a movement of that value date is to a batch, and how much of it pays the batch.

    Before the centre passed a batch no money may move (G19 67), so a payment for it is one without a reference.
    """
    if claim.state in (PremiumState.REVIEWING, PremiumState.RETURNED):
        return Outcome.WRONG_REFERENCE, 0
    if claim.state is PremiumState.VOIDED:
        return Outcome.LATE, 0
    missing = claim.due_fen - claim.received_fen
    if claim.state is PremiumState.WRITTEN_OFF or missing <= 0:
        return Outcome.TWICE, 0
    if claim.due_on is not None and day > claim.due_on:
        return Outcome.LATE, 0
    if amount_fen == missing:
        return Outcome.EXACT, amount_fen
    return (Outcome.SHORT, amount_fen) if amount_fen < missing else (Outcome.OVER, missing)


def match(lines: Iterable[Line], claims: Mapping[str, Claim]) -> list[Match]:
    """Match movements in the order of their days and references, each after what the ones before it paid."""
    received = {number: claim.received_fen for number, claim in claims.items()}
    matches = []
    for line in sorted(lines, key=lambda one: (one.day, one.reference)):
        number = number_in(line.remark)
        claim = claims.get(number) if number else None
        if claim is None:
            matches.append(Match(line, None, Outcome.WRONG_REFERENCE, 0))
            continue
        now = Claim(claim.number, claim.state, claim.due_on, claim.due_fen, received[claim.number])
        outcome, counted = judge(now, line.day, line.amount_fen)
        received[claim.number] += counted
        matches.append(Match(line, None if outcome is Outcome.WRONG_REFERENCE else number, outcome, counted))
    return matches
