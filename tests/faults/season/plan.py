"""What happens in a season's run, drawn from its seed alone. When exactly a kill strikes is up to the machine."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from tests.faults.plan import PROCESSES, Kill
from unioncard_cli.season.dates import Dates, at

DISTRICTS, UNIONS_A_DISTRICT = 3, 5
#: What each union submits: as many lists, of as many of its members. Together more are in flight at midnight than the
#: service has connections to its database.
RUSH, IN_FLIGHT, LATE = 2, 3, 1
MEMBERS_A_LIST = 2
MEMBERS = MEMBERS_A_LIST * (RUSH + IN_FLIGHT + LATE)
#: Who is killed while the requests are carried out that were in flight at midnight.
STRUCK = ("insurance-svc", "postgres")
#: Acts after midnight over which the second half of the kills is spread.
ACTS = 36

DATES = Dates(
    year=2020,
    split_first=date(2019, 12, 26),
    window_first=date(2019, 12, 26),
    window_last=date(2019, 12, 27),
    submission_first=date(2019, 12, 28),
    submission_last=date(2019, 12, 31),
    union_payment_last=date(2019, 12, 31),
    payment_last=date(2020, 1, 20),
)
MIDNIGHT = at(date(2019, 12, 28), "00:00")
LAST_HOURS = MIDNIGHT - timedelta(hours=2)
#: Where the clock is held, so that requests are in flight when midnight comes.
BRINK = MIDNIGHT - timedelta(seconds=1)

CALENDAR = f"""\
scheme,coverage_year,phase,first_day,last_day,source
centralized,2020,fee_split,{DATES.split_first},{DATES.window_last},test
centralized,2020,fee_split_validity,2020-01-01,2020-12-31,test
centralized,2020,union_window,{DATES.window_first},{DATES.window_last},test
centralized,2020,union_payment,,{DATES.union_payment_last},test
centralized,2020,district_review,{DATES.window_first},{DATES.submission_last},test
centralized,2020,district_submission,{DATES.submission_first},{DATES.submission_last},test
centralized,2020,payment,,{DATES.payment_last},test
centralized,2020,payment_details,,{DATES.payment_last},test
centralized,2020,card_held_by,,2019-12-31,test
centralized,2020,coverage,2020-01-01,2020-12-31,test
instant,2020,enrolment,2020-01-01,2020-12-30,test
"""
RATES = """\
coverage_year,class,term,fee_yuan,subsidy_yuan,central_enterprise_subsidy_yuan,source
2020,A,full,26,13,6.5,test
2020,A,half,13,6.5,3,test
2020,B,full,90,40,22.5,test
2020,B,half,45,20,11,test
"""


@dataclass(frozen=True, slots=True)
class Head:
    """What a head costs for the whole year, in fen: fee = subsidy + district + union."""

    fee: int
    subsidy: int
    district: int
    union: int


#: By class; by the rates above and :data:`unioncard_cli.season.shares.SHARES`.
HEADS = {"A": Head(26_00, 13_00, 3_00, 10_00), "B": Head(90_00, 40_00, 20_00, 30_00)}


class Kind(StrEnum):
    """When a list is sent."""

    RUSH = "rush"
    IN_FLIGHT = "in_flight"
    LATE = "late"
    MENDED = "mended"


class Manner(StrEnum):
    """How: once; twice at once; once more after midnight; or without waiting for the answer. Always with one key."""

    ONCE = "once"
    TWICE = "twice"
    AGAIN = "again"
    HUNG_UP = "hung_up"


class Payment(StrEnum):
    """How a district pays."""

    EXACT = "exact"
    OVER = "over"
    IN_PARTS = "in_parts"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Intent:
    """One list that a union wants: the ``place``-th part of its members. ``moment`` is business time."""

    union: int
    place: int
    kind: Kind
    manner: Manner
    moment: datetime


@dataclass(frozen=True, slots=True)
class UnionPlan:
    """``place`` among all unions of the run; ``number`` in its district from 1."""

    place: int
    district: int
    number: int
    class_code: str
    pays: bool
    is_returned: bool
    intents: tuple[Intent, ...]


@dataclass(frozen=True, slots=True)
class Strike:
    """kill -9 after midnight, when so many of the requests that were in flight then have been answered."""

    process: str
    answers: int


@dataclass(frozen=True, slots=True)
class SeasonPlan:
    """A run. ``centre_returns`` is the district whose first batch the centre returns."""

    seed: int
    unions: tuple[UnionPlan, ...]
    payments: tuple[Payment, ...]
    centre_returns: int
    rush_kills: tuple[Kill, ...]
    strike: Strike | None
    later_kills: tuple[Kill, ...]
    behaviour: Mapping[str, Any]
    messages_twice: float
    requests_twice: float

    @property
    def kills(self) -> int:
        """How many."""
        return len(self.rush_kills) + len(self.later_kills) + (self.strike is not None)


def draw(seed: int) -> SeasonPlan:
    """The run of this seed."""
    rng = random.Random(f"season {seed}")
    payments = [Payment.IN_PARTS, Payment.LATE, rng.choice((Payment.EXACT, Payment.OVER))]
    rng.shuffle(payments)
    answers = DISTRICTS * UNIONS_A_DISTRICT * IN_FLIGHT // 2
    return SeasonPlan(
        seed=seed,
        unions=tuple(_unions(rng)),
        payments=tuple(payments),
        centre_returns=rng.randrange(DISTRICTS),
        rush_kills=_kills(rng, DISTRICTS * UNIONS_A_DISTRICT * RUSH),
        strike=rng.choice((None, *(Strike(name, rng.randint(1, answers)) for name in STRUCK for _ in range(2)))),
        later_kills=_kills(rng, ACTS),
        behaviour=_behaviour(rng, seed),
        messages_twice=rng.uniform(0.1, 0.5),
        requests_twice=rng.uniform(0.1, 0.5),
    )


def _unions(rng: random.Random) -> list[UnionPlan]:
    found: list[UnionPlan] = []
    for district in range(DISTRICTS):
        unpaid, returned = rng.sample(range(1, UNIONS_A_DISTRICT + 1), 2)
        for number in range(1, UNIONS_A_DISTRICT + 1):
            place = len(found)
            found.append(
                UnionPlan(
                    place=place,
                    district=district,
                    number=number,
                    class_code=rng.choice(sorted(HEADS)),
                    pays=number != unpaid,
                    is_returned=number == returned,
                    intents=_intents(rng, place),
                )
            )
    return found


def _intents(rng: random.Random, union: int) -> tuple[Intent, ...]:
    """The lists of one union, in the order in which it sends them."""
    rush = sorted(LAST_HOURS + timedelta(seconds=rng.uniform(0, 7100)) for _ in range(RUSH))
    moments = [(Kind.RUSH, moment) for moment in rush]
    moments += [(Kind.IN_FLIGHT, BRINK)] * IN_FLIGHT + [(Kind.LATE, MIDNIGHT)] * LATE
    return tuple(Intent(union, place, kind, _manner(rng, kind), moment) for place, (kind, moment) in enumerate(moments))


def _manner(rng: random.Random, kind: Kind) -> Manner:
    """Nobody who comes too late hangs up: what they are told is what a run wants to know."""
    manners = [Manner.ONCE, Manner.ONCE, Manner.TWICE]
    if kind is not Kind.LATE:
        manners += [Manner.AGAIN, Manner.HUNG_UP]
    return rng.choice(manners)


def _kills(rng: random.Random, steps: int) -> tuple[Kill, ...]:
    """Every process once, in any order."""
    victims = rng.sample(PROCESSES, len(PROCESSES))
    return tuple(Kill(name, rng.randint(1, steps), round(rng.uniform(0, 1.5), 2)) for name in victims)


def _behaviour(rng: random.Random, seed: int) -> dict[str, Any]:
    return {"seed": f"season {seed}"} | {
        partner: {
            "delay_ms": rng.choice((0, 0, 200)),
            "error_rate": rng.uniform(0, 0.2),
            "timeout_rate": rng.uniform(0, 0.1),
            "timeout_ms": rng.choice((1000, 3000)),
            "reset_rate": rng.uniform(0, 0.1),
        }
        for partner in ("population", "mail")
    }
