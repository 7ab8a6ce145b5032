"""A stack as an object: what the command line, the demo and the tests use to bring one up and look at it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from unioncard_cli import external, jars, kafka, ports, records, room
from unioncard_cli.parts import GOOD, Part, in_order
from unioncard_cli.place import Place, StackError, free_port_base
from unioncard_cli.records import Record

if TYPE_CHECKING:
    from workflows.settings import WorkflowsSettings

__all__ = ["Audience", "PartFailed", "Stack", "free_port_base"]

TABLE = "unioncard_cli.parts:PARTS"
UP_LIMIT_S = 600.0
DOWN_LIMIT_S = 60.0
LOOK_EVERY_S = 0.05
SUMMONS = 3


class PartFailed(StackError):
    """A part did not start: carries its record and the last lines of its log."""

    def __init__(self, record: Record, tail: list[str]) -> None:
        super().__init__(f"{record.name} did not start: {record.reason}", f"the whole log: {record.log}")
        self.record = record
        self.tail = tail


class Audience:
    """Who watches a stack come up; this one is silent."""

    def fetched(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes are downloaded."""

    def preparing(self, what: str) -> None:
        """Something else that takes a while has begun."""

    def looked(self, parts: list[Record]) -> None:
        """The wanted parts as they are now, in the order in which they start."""


class Stack:
    """The stack whose state is in ``state``; ``env`` is added to the environment of all its processes.

    ``table`` names the table of parts as ``module:attribute``. A ``tied`` stack goes down when the process that
    started it ends, also by kill -9 (on Linux).
    """

    def __init__(
        self,
        state: Path | None = None,
        port_base: int | None = None,
        env: Mapping[str, str] | None = None,
        table: str = TABLE,
        tied: bool = False,
    ) -> None:
        self.place = Place.of({**os.environ, **(env or {})}, state, port_base)
        self._table = table
        self._tied = tied
        module, _, attribute = table.partition(":")
        self.parts: dict[str, Part] = getattr(import_module(module), attribute)
        self._child: subprocess.Popen[bytes] | None = None

    # -- up and down -------------------------------------------------------------------------------------------

    def up(
        self,
        only: Iterable[str] | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Starts what does not run yet of ``only`` (default: everything) and waits until each part answers.

        Raises :class:`PartFailed` or :class:`StackError`. Interrupted or failed, it can be called again, and so can
        ``down``.
        """
        names = [part.name for part in in_order(self.parts, set(only if only is not None else self.parts))]
        audience = audience or Audience()
        self._check(names)
        if "kafka" in names and not self.place.external("kafka"):
            self._fetch_kafka(audience)
        asked = records.want(self.place.state, names)
        self._summon()
        summons = 1
        deadline = time.monotonic() + UP_LIMIT_S
        while time.monotonic() < deadline:
            known, heard = records.read_state(self.place.state)
            if heard >= asked:
                audience.looked([known[name] for name in names])
                failed = [known[name] for name in names if known[name].state == "failed"]
                if failed:
                    raise PartFailed(failed[0], self.log_tail(failed[0].name))
                if all(known[name].state in GOOD for name in names):
                    return
            if not self.supervisor_pid() and not self._child_starts():
                if summons == SUMMONS:
                    raise StackError(
                        "the supervisor ended: " + " / ".join(self.log_tail("supervisor", 5)),
                        f"look at its log: {self.place.log('supervisor')}",
                    )
                self._summon()
                summons += 1
            time.sleep(LOOK_EVERY_S)
        raise StackError(f"the stack is not up after {UP_LIMIT_S:g} s", "look at: unioncard status, unioncard logs")

    def down(self) -> bool:
        """Stops everything, dependents first. True if anything ran. Nothing is left afterwards, however it went."""
        ran = False
        records.want_nothing(self.place.state)
        while pid := self.supervisor_pid():
            ran = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            if not self._gone(pid, DOWN_LIMIT_S):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._gone(pid, 5)
        if self._child is not None:
            self._child.wait(10)
            self._child = None
        records.end_leftovers(self.place.state)
        return ran

    def _check(self, names: list[str]) -> None:
        """What would keep the stack from coming up is said before anything starts."""
        self.place.make_state()
        self.check_port_base()
        if not self.supervisor_pid():
            room.check("state", self.place.state)
        self._check_external(names)
        self._check_ports(names)

    def check_port_base(self) -> None:
        """:class:`StackError` where this stack runs, but on other ports than it is asked for now."""
        running = records.holder(self.place.state)
        if running and running.port_base not in (None, self.place.port_base):
            raise StackError(
                f"this stack runs on port base {running.port_base}, not {self.place.port_base}",
                f"use UNIONCARD_PORT_BASE={running.port_base}, or end it first: unioncard down",
            )

    def _check_ports(self, names: list[str]) -> None:
        """Before anything starts: nobody but this stack itself holds a port of what shall start."""
        known = self.status()
        for name in names:
            if self.place.external(name) or (name in known and known[name].alive()):
                continue
            for listener in self.parts[name].listens:
                try:
                    ports.check_free(self.place.port(listener), listener)
                except ports.PortTaken as taken:
                    if taken.state != self.place.state:  # another ``up`` of this stack has just started it
                        raise

    def _check_external(self, names: list[str]) -> None:
        for name in names:
            if self.place.external(name):
                external.check(self.place, name)

    def _fetch_kafka(self, audience: Audience) -> None:
        if jars.missing(self.place.cache):
            room.check("cache", self.place.cache)
        jars.fetch(self.place.cache, audience.fetched)
        if kafka.archive_missing(self.place.cache):
            audience.preparing("Kafka's start-up archive (once)")
            kafka.make_archive(self.place.cache)

    def _summon(self) -> None:
        """Tells the running supervisor to look at what is wanted, or starts one."""
        pid = self.supervisor_pid()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
            return
        log = self.place.log("supervisor")
        log.parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "unioncard_cli.supervisor", self._table]
        if self._tied and (setpriv := shutil.which("setpriv")):
            words = [setpriv, "--pdeathsig=TERM", "--", *words]
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                words,
                env={**self.place.env, **self._whereabouts()},
                cwd=self.place.state,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _whereabouts(self) -> dict[str, str]:
        names = ("UNIONCARD_STATE", "UNIONCARD_CACHE", "UNIONCARD_PORT_BASE")
        return {name: value for name, value in self.place.environment().items() if name in names}

    def _child_starts(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _gone(self, pid: int, limit: float) -> bool:
        deadline = time.monotonic() + limit
        while self.supervisor_pid() == pid:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    # -- looking -----------------------------------------------------------------------------------------------

    def supervisor_pid(self) -> int | None:
        """The pid of the supervisor, if one runs; a stale file says nothing."""
        running = records.holder(self.place.state)
        return running.pid if running else None

    def status(self) -> dict[str, Record]:
        """Every part that was ever wanted here, by name; all ``stopped`` when no supervisor runs."""
        known, _ = records.read_state(self.place.state)
        if self.supervisor_pid():
            return known
        return {
            name: Record(name, state="stopped", port=record.port, log=record.log, since=record.since)
            for name, record in known.items()
        }

    def part(self, name: str) -> Record:
        return self.status()[name]

    def log_tail(self, name: str, lines: int = 20) -> list[str]:
        """The last lines of a part's log (``supervisor`` has one too)."""
        try:
            with open(self.place.log(name), "rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 64 * 1024))
                return log.read().decode(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def environment(self) -> dict[str, str]:
        """The settings that the processes of this stack share (``UNIONCARD_*``)."""
        return self.place.environment()

    def workflow_settings(self) -> "WorkflowsSettings":
        """How this stack's Kafka and Temporal are reached."""
        from unioncard.settings import read_settings
        from workflows.settings import WorkflowsSettings  # here: ``up`` does without

        environment = self.environment()
        return read_settings(
            WorkflowsSettings,
            kafka=environment["UNIONCARD_KAFKA"],
            temporal=environment["UNIONCARD_TEMPORAL"],
            temporal_namespace=environment["UNIONCARD_TEMPORAL_NAMESPACE"],
        )

    # -- for tests of faults -----------------------------------------------------------------------------------

    def kill(self, name: str) -> int:
        """kill -9 of the part's process group, now. Returns the pid that was killed."""
        record = self.part(name)
        if record.pid is None:
            raise StackError(f"{name} does not run ({record.state})")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(record.pid, signal.SIGKILL)
        return record.pid

    def wait_ready(self, name: str, timeout: float = 60.0, after: int | None = None) -> Record:
        """Waits until the part answers. ``after`` is the pid that was killed: another one must answer."""
        deadline = time.monotonic() + timeout
        while True:
            record = self.status().get(name)
            if record and record.state in GOOD and (record.pid is None or record.alive()) and record.pid != after:
                return record
            if time.monotonic() > deadline:
                raise StackError(f"{name} is not ready after {timeout:g} s", "\n".join(self.log_tail(name)))
            time.sleep(LOOK_EVERY_S)
