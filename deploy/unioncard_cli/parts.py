"""The parts of the stack as a table: what each runs, when it is ready, and what must be there before it starts."""

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from unioncard_cli import kafka, postgres, probes, temporal
from unioncard_cli.place import Place

State = Literal["waiting", "starting", "ready", "done", "restarting", "failed", "stopped", "external"]
#: States in which a part is as it should be.
GOOD: frozenset[State] = frozenset({"ready", "done", "external"})


@dataclass(frozen=True)
class Part:
    """One process of the stack. Without ``ready`` it is a task that runs once and must end with exit code 0.

    ``listens`` names its ports (:data:`unioncard_cli.place.PORTS`), the main one first; ``settings_of`` the service
    whose settings it reads, if not its own.
    """

    name: str
    command: Callable[[Place], list[str]]
    ready: Callable[[Place], Awaitable[None]] | None = None
    listens: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    settings_of: str = ""
    prepare: Callable[[Place], None] | None = None
    stop_signal: int = signal.SIGTERM
    start_limit_s: float = 180.0
    stop_limit_s: float = 10.0

    def environment(self, place: Place) -> dict[str, str]:
        return place.process_environment(self.settings_of or self.name)


def in_order(table: Mapping[str, Part], wanted: set[str]) -> list[Part]:
    """The wanted parts and all that they depend on, each after what it depends on."""
    found: dict[str, Part] = {}

    def visit(name: str) -> None:
        if name not in found:
            for other in table[name].depends_on:
                visit(other)
            found[name] = table[name]

    for name in table:
        if name in wanted:
            visit(name)
    return list(found.values())


def _module(*words: str) -> Callable[[Place], list[str]]:
    return lambda place: [sys.executable, "-m", *words]


def _healthz(name: str) -> Callable[[Place], Awaitable[None]]:
    return lambda place: probes.http_ok(place.port(name))


def _service(name: str, module: str, *depends_on: str) -> Part:
    return Part(name, _module(module), ready=_healthz(name), listens=(name,), depends_on=depends_on)


_ALL = (
    Part(
        "postgres",
        postgres.command,
        ready=probes.postgres,
        listens=("postgres",),
        prepare=postgres.prepare,
        stop_signal=signal.SIGINT,  # "fast": ends the sessions instead of waiting for them
        stop_limit_s=30,  # it writes down what it has in memory
    ),
    Part(
        "kafka",
        kafka.command,
        ready=probes.kafka,
        listens=("kafka", "kafka-controller"),
        prepare=kafka.prepare,
    ),
    Part(
        "temporal",
        temporal.command,
        ready=probes.temporal,
        listens=("temporal", "temporal-ui", "temporal-metrics"),
        prepare=temporal.prepare,
    ),
    Part(
        "keys", lambda place: [sys.executable, "-m", "unioncard_cli.keys_commands", "init", str(place.state / "keys")]
    ),
    Part(
        "member-migrate",
        _module("member_svc", "migrate"),
        depends_on=("postgres", "keys"),
        settings_of="member-svc",
    ),
    Part("card-migrate", _module("card_svc", "migrate"), depends_on=("postgres", "keys"), settings_of="card-svc"),
    Part(
        "insurance-migrate",
        _module("insurance_svc", "migrate"),
        depends_on=("postgres", "keys"),
        settings_of="insurance-svc",
    ),
    Part("claims-migrate", _module("claims_svc", "migrate"), depends_on=("postgres", "keys"), settings_of="claims-svc"),
    Part("topics", _module("unioncard.messaging.topics"), depends_on=("kafka",), settings_of="workflows"),
    _service("sandbox", "partner_sandbox", "keys"),
    _service("member-svc", "member_svc", "member-migrate", "topics"),
    _service("card-svc", "card_svc", "card-migrate", "topics"),
    _service("insurance-svc", "insurance_svc", "insurance-migrate", "topics"),
    _service("claims-svc", "claims_svc", "claims-migrate", "topics"),
    _service("workflows", "workflows", "topics", "temporal", "keys"),
)
PARTS: dict[str, Part] = {part.name: part for part in _ALL}
