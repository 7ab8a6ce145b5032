"""Where a stack lives: its state folder, its ports, its cache. Two stacks differ in nothing else."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_PORT_BASE = 18000
HOST = "127.0.0.1"

#: How far above the base each port lies.
PORTS = {
    "member-svc": 1,
    "card-svc": 2,
    "insurance-svc": 3,
    "claims-svc": 4,
    "workflows": 5,
    "sandbox": 6,
    "postgres": 10,
    "kafka": 11,
    "kafka-controller": 12,
    "temporal": 13,
    "temporal-ui": 14,
    "temporal-metrics": 15,
}
#: A part that an operator may run elsewhere, and the setting that says where.
EXTERNAL = {"postgres": "UNIONCARD_DATABASE_URL", "kafka": "UNIONCARD_KAFKA", "temporal": "UNIONCARD_TEMPORAL"}


_given: set[int] = set()  # by free_port_base: a stack that is not yet up does not hold its ports


class StackError(Exception):
    """Something the person at the keyboard can act on: ``str()`` says what is wrong, ``remedy`` what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Place:
    """One stack's whereabouts.

    ``state`` holds everything that the stack writes, ``cache`` what was fetched and can be shared, ``env`` is the
    environment its processes get on top of their own settings.
    """

    state: Path
    port_base: int
    cache: Path
    env: Mapping[str, str]

    @classmethod
    def of(cls, env: Mapping[str, str], state: Path | None = None, port_base: int | None = None) -> "Place":
        """The place that the environment names; ``state`` and ``port_base`` override it."""
        if port_base is None:
            port_base = _port_base(env.get("UNIONCARD_PORT_BASE", str(DEFAULT_PORT_BASE)))
        state = (state or Path(env.get("UNIONCARD_STATE", REPOSITORY / ".unioncard"))).absolute()
        cache = Path(env.get("UNIONCARD_CACHE", REPOSITORY / ".cache")).absolute()
        for setting, folder in (("UNIONCARD_STATE", state), ("UNIONCARD_CACHE", cache)):
            there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
            if not there.is_dir():
                raise StackError(f"{setting}={folder} cannot be a folder: {there} is a file", _elsewhere(setting))
        return cls(state, port_base, cache, dict(env))

    def make_state(self) -> None:
        """The state folder is there afterwards; :class:`StackError` where it cannot be made."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"UNIONCARD_STATE={self.state} cannot be made: {error.strerror}", _elsewhere("UNIONCARD_STATE")
            ) from None

    def port(self, name: str) -> int:
        """The port of a part, or of one of its extra listeners (``temporal-ui``)."""
        return self.port_base + PORTS[name]

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.port(name)}"

    def external(self, part: str) -> str | None:
        """The address of a server that is run elsewhere, or None when the stack runs it itself."""
        return self.env.get(EXTERNAL.get(part, "")) or None

    def log(self, part: str) -> Path:
        return self.state / "logs" / f"{part}.log"

    def environment(self) -> dict[str, str]:
        """The settings that every process of this stack shares (``UNIONCARD_*``)."""
        return {
            "UNIONCARD_STATE": str(self.state),
            "UNIONCARD_CACHE": str(self.cache),
            "UNIONCARD_PORT_BASE": str(self.port_base),
            "UNIONCARD_HOST": HOST,
            "UNIONCARD_DATABASE_URL": self.external("postgres")
            or f"postgresql://postgres@{HOST}:{self.port('postgres')}/postgres?sslmode=disable",
            "UNIONCARD_KAFKA": self.external("kafka") or f"{HOST}:{self.port('kafka')}",
            "UNIONCARD_TEMPORAL": self.external("temporal") or f"{HOST}:{self.port('temporal')}",
            "UNIONCARD_TEMPORAL_NAMESPACE": self.env.get("UNIONCARD_TEMPORAL_NAMESPACE", "default"),
            "UNIONCARD_MEMBER_URL": self.url("member-svc"),
            "UNIONCARD_CARD_URL": self.url("card-svc"),
            "UNIONCARD_INSURANCE_URL": self.url("insurance-svc"),
            "UNIONCARD_CLAIMS_URL": self.url("claims-svc"),
            "UNIONCARD_SANDBOX_URL": self.url("sandbox"),
            "UNIONCARD_CLOCK_SEGMENTS": str(self.state / "clock.json"),
            "UNIONCARD_OBJECT_STORE": (self.state / "objects").as_uri(),
            "UNIONCARD_SANDBOX_STORE": str(self.state / "sandbox.sqlite"),
        }

    def process_environment(self, name: str) -> dict[str, str]:
        """The whole environment of the process ``name``: inherited, shared settings, and its own."""
        own = {
            "UNIONCARD_KEYS_FILE": str(self.state / "keys" / f"{name}.json"),
            "UNIONCARD_TRACE_FILE": str(self.state / "traces" / f"{name}.jsonl"),
        }
        if name in PORTS:
            own["UNIONCARD_PORT"] = str(self.port(name))
        return {**self.env, **self.environment(), **own, "PYTHONUNBUFFERED": "1"}


def _elsewhere(setting: str) -> str:
    return f"choose a folder that you may write: {setting}=/path"


def _port_base(text: str) -> int:
    highest = 65535 - max(PORTS.values())
    if not text.isdigit() or not 1024 <= int(text) <= highest:
        raise StackError(
            f"UNIONCARD_PORT_BASE={text} is no port base",
            f"choose a number from 1024 to {highest}, for example UNIONCARD_PORT_BASE={DEFAULT_PORT_BASE}",
        )
    return int(text)


def free_port_base() -> int:
    """A base above which every port of a stack is free, and that this process has not been given before.

    Below 32768, where Linux hands out ports to clients.
    """
    start, places, step = 22000, 500, 20
    first = os.getpid() * 7919 % places  # test runs side by side look at different places first
    for distance in range(places):
        base = start + (first + distance) % places * step
        if base not in _given and all(port_is_free(base + above) for above in PORTS.values()):
            _given.add(base)
            return base
    raise StackError("no free ports between 22000 and 32000", "end some of the programs that listen there")


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the port now; connections of an earlier server that linger do not count."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
