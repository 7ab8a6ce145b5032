"""What insurance-svc says about somebody's cover when a claim asks. Money is whole fen."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.insurance import COMMANDS
from unioncard.contracts.model import Command, Contract


class Benefit(StrEnum):
    """What the basic insurance pays for (给付项目; ``benefits.csv``)."""

    CRITICAL_ILLNESS = "critical_illness"
    ACCIDENT = "accident"
    ILLNESS_DEATH = "illness_death"
    HOSPITAL_ALLOWANCE = "hospital_allowance"


class CoverState(StrEnum):
    """What a policy is worth. Provisional cover waits until its batch is written off or void (domain 5)."""

    REVIEWING = "reviewing"
    PROVISIONAL = "provisional"
    DEFINITE = "definite"


class BenefitTerms(Contract):
    """One benefit of a class and year."""

    benefit: Benefit
    amount_fen: int = Field(description="for one event, or for one day")
    per: str = Field(pattern="^(event|day)$")
    limit_fen: int | None = Field(description="the most of one policy, where there is a limit")


class PolicyCover(Contract):
    """A policy that touches the days asked about."""

    policy_id: int
    state: CoverState
    coverage_year: int
    class_code: str
    first_day: date
    last_day: date
    union_id: int
    district_id: int
    district_code: str
    benefits: list[BenefitTerms]
    file_until: date = Field(description="last day to file: the calendar's explicit day, else 30 June (G19 Q88)")


class CoverFound(Contract):
    """Policies that stand and touch the days, by first day. No policy: no cover."""

    policies: list[PolicyCover]


class CheckCover(Command):
    """Who covered a member from ``first_day`` to ``last_day``, both included?

    Key ``claim/<number>/cover/<n>``; result :class:`CoverFound`. An unknown member has no policies.
    """

    TYPE: ClassVar[str] = "insurance.cover.check.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = CoverFound
    member_id: int
    first_day: date
    last_day: date
