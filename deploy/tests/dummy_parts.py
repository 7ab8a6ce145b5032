"""Tables of tiny parts: real processes, real ports, nothing to install."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from unioncard_cli import probes
from unioncard_cli.parts import Part
from unioncard_cli.place import Place

SERVER = str(Path(__file__).with_name("dummy_server.py"))


def _server(name: str, *flags: str) -> Callable[[Place], list[str]]:
    return lambda place: [sys.executable, SERVER, name, str(place.port(name)), *flags]


def _answers(name: str) -> Callable[[Place], Awaitable[None]]:
    return lambda place: probes.http_ok(place.port(name))


def _part(name: str, *depends_on: str, flags: tuple[str, ...] = ()) -> Part:
    return Part(
        name,
        _server(name, *flags),
        _answers(name),
        listens=(name,),
        depends_on=depends_on,
        stop_limit_s=1,
        start_limit_s=20,
    )


_seed = Part("seed", lambda place: [sys.executable, "-c", "open('seeded', 'a').write('x')"])
#: sandbox is the lowest, then member-svc, then card-svc; sandbox has a child of its own, card-svc does not heed SIGTERM
TOWER = {
    "seed": _seed,
    "sandbox": _part("sandbox", "seed", flags=("--with-child",)),
    "member-svc": _part("member-svc", "sandbox"),
    "card-svc": _part("card-svc", "member-svc", flags=("--stubborn",)),
}
#: member-svc answers only once there is a file ``go`` in the state folder
SLOW = {"sandbox": _part("sandbox"), "member-svc": _part("member-svc", flags=("--wait-for-go",))}
#: member-svc ends with a complaint unless there is a file ``mended``
BROKEN = {"sandbox": _part("sandbox"), "member-svc": _part("member-svc", flags=("--broken",))}
#: sandbox has a child in a session of its own, as the processes of PostgreSQL are
APART = {"sandbox": _part("sandbox", flags=("--with-child", "--apart"))}
