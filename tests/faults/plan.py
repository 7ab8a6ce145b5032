"""What happens in a run, drawn from its seed alone. When exactly it happens is up to the machine."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unioncard_cli.roster import Trait

SERVICES = ("member-svc", "card-svc", "insurance-svc", "claims-svc")
PROCESSES = ("postgres", "kafka", "temporal", *SERVICES, "workflows", "sandbox")
UNIONS = 3
MEMBERS = 60
# Steps that every union's errand has at least; kills are spread over the sum.
STEPS = 18

# What the fault runs' processes are told beside the usual. Answers that take longer than the bank's client waits must
# happen within seconds, and so must the second sending of a command whose worker died before it was sent.
ENVIRONMENT = {
    "UNIONCARD_PARTNER_TIMEOUT_S": "2",
    "UNIONCARD_COMMAND_TIMEOUT_S": "12",
    "UNIONCARD_POSTGRES_SHARED_BUFFERS": "128MB",
}

WELL_BEHAVED = {
    **{
        partner: {"delay_ms": 0, "error_rate": 0, "timeout_rate": 0, "reset_rate": 0}
        for partner in ("bank", "population", "social_security")
    },
    "callback": {
        "delay_ms": 0,
        "silent_rate": 0,
        "duplicate_rate": 0,
        "out_of_order_rate": 0,
        "half_rate": 0,
        "unknown_rate": 0,
    },
}


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of a process, ``after_s`` seconds after the unions together have begun their ``step``-th step."""

    process: str
    step: int
    after_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A run. Rates are shares of messages or requests."""

    seed: int
    kills: tuple[Kill, ...]
    behaviour: Mapping[str, Any]
    rosters: tuple[tuple[Trait, ...], ...]
    messages_twice: float
    requests_twice: float


def draw(seed: int, *, unions: int = UNIONS, members: int = MEMBERS) -> Plan:
    """The run of this seed."""
    rng = random.Random(seed)
    return Plan(
        seed=seed,
        kills=_kills(rng, unions * STEPS),
        behaviour=_behaviour(rng, seed),
        rosters=tuple(_roster(rng, members) for _ in range(unions)),
        messages_twice=rng.uniform(0.1, 0.5),
        requests_twice=rng.uniform(0.1, 0.5),
    )


def _kills(rng: random.Random, steps: int) -> tuple[Kill, ...]:
    """Every process once, in any order, and some of them once more."""
    victims = [*PROCESSES, *rng.choices(PROCESSES, k=rng.choice((0, 0, 1, 2)))]
    return tuple(Kill(name, rng.randint(1, steps), round(rng.uniform(0, 1.5), 2)) for name in victims)


def _behaviour(rng: random.Random, seed: int) -> dict[str, Any]:
    return {
        "seed": f"faults {seed}",
        "bank": _faults(rng, 0.2)
        | {"answer_delay_ms": rng.randint(50, 1500), "fail_rate": rng.choice((0.0, 0.1, 0.2))},
        "population": _faults(rng, 0.15),
        "social_security": _faults(rng, 0.15),
        "callback": {
            "delay_ms": rng.randint(0, 800),
            "silent_rate": rng.choice((0.0, 0.3, 0.6)),
            "duplicate_rate": rng.uniform(0, 0.7),
            "duplicate_gap_ms": rng.choice((1, 50, 2000)),
            "out_of_order_rate": rng.uniform(0, 0.7),
            "spread_ms": rng.choice((1, 50, 500)),
            "half_rate": rng.choice((0.0, 0.3, 0.6)),
            "unknown_rate": rng.choice((0.0, 0.3, 0.6)),
            "tries": 1000,
            "backoff_ms": 100,
            "backoff_max_ms": 2000,
            "timeout_ms": rng.choice((500, 2000, 10_000)),
        },
    }


def _faults(rng: random.Random, most: float) -> dict[str, Any]:
    """Half of the time-outs are longer than the client waits, half of them are only slow."""
    return {
        "delay_ms": rng.choice((0, 0, 200)),
        "error_rate": rng.uniform(0, most),
        "timeout_rate": rng.uniform(0, most / 2),
        "timeout_ms": rng.choice((1000, 3000)),
        "reset_rate": rng.uniform(0, most / 2),
    }


def _roster(rng: random.Random, members: int) -> tuple[Trait, ...]:
    special = [Trait.RETIRED, Trait.UNEMPLOYED, Trait.RARE, Trait.FOREIGN, Trait.FIFTEEN]
    traits = [trait for trait in special for _ in range(rng.randint(1, 3))]
    traits += [Trait.ORDINARY] * (members - len(traits))
    rng.shuffle(traits)
    return tuple(traits)
