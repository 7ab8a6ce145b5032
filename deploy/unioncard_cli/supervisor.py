"""The process that owns a stack: ``python -m unioncard_cli.supervisor``, one per state folder.

It starts the wanted parts in the order of their dependencies, restarts one that ends, and writes what it knows to
``state.json``. SIGHUP: read ``wanted.json`` again and try failed parts anew. SIGTERM: stop everything, then end.
Its children die with it, however it dies (``PR_SET_PDEATHSIG``, by ``setpriv``).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import psutil

from unioncard_cli import ports, records
from unioncard_cli.parts import Part, in_order
from unioncard_cli.place import Place, StackError
from unioncard_cli.probes import PATIENCE_S

TRIES_TO_START = 3
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 20.0  # a part that ran this long starts again at the first backoff
PROBE_EVERY_S = 0.1
LOG_LIMIT = 20 * 1024 * 1024
LOOK_AT_LOGS_EVERY_S = 5.0
GONE_LIMIT_S = 5.0  # what was killed is gone by then


class Supervisor:
    """Runs the parts of ``table`` at ``place``. One task per part keeps it alive."""

    def __init__(self, place: Place, table: dict[str, Part]) -> None:
        self.place = place
        self.table = table
        self.book = records.Book(place.state)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.started = {name: asyncio.Event() for name in table}
        self.retry = asyncio.Event()
        self.ending = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.read_wanted)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        self.read_wanted()
        caps = asyncio.create_task(self._cap_logs())
        await self.ending.wait()
        caps.cancel()
        await self._stop_all()

    def read_wanted(self) -> None:
        """Starts what is newly wanted and lets failed parts try again."""
        if self.ending.is_set():  # who asks now calls the next supervisor
            return
        wanted = records.read_wanted(self.place.state)
        for part in in_order(self.table, set(wanted.parts) & set(self.table)):
            if part.name in self.tasks:
                continue
            port = self.place.port(part.listens[0]) if part.listens else None
            self.book.add(records.Record(part.name, port=port, log=str(self.place.log(part.name))))
            if self.place.external(part.name):
                self.book.change(part.name, state="external", port=None)
                self.started[part.name].set()
            else:
                self.tasks[part.name] = asyncio.create_task(self._keep(part))
        for name, record in self.book.parts.items():
            if record.state == "failed":
                self.book.change(name, state="waiting", reason="")
        self.retry.set()
        self.retry = asyncio.Event()
        self.book.heard = wanted.asked
        self.book.write()

    async def _keep(self, part: Part) -> None:
        for name in part.depends_on:
            await self.started[name].wait()
        tries = 0
        while True:
            begun = time.monotonic()
            reason = await self._run_once(part)
            if reason is None:
                return
            was_up = self.started[part.name].is_set()
            tries = 1 if was_up and time.monotonic() - begun > STEADY_S else tries + 1
            if not was_up and tries >= TRIES_TO_START:
                retry, tries = self.retry, 0
                self.book.change(part.name, state="failed", reason=reason)
                await retry.wait()
                continue
            restarts = self.book.parts[part.name].restarts + was_up
            self.book.change(part.name, state="restarting", reason=reason, restarts=restarts)
            await asyncio.sleep(BACKOFF_S[min(tries, len(BACKOFF_S)) - 1])

    async def _run_once(self, part: Part) -> str | None:
        """Runs the part until it ends. Returns why it ended, or None for a task that is done."""
        self.book.change(part.name, state="starting")
        try:
            for name in part.listens:
                ports.check_free(self.place.port(name), name)
            if part.prepare:
                await asyncio.to_thread(part.prepare, self.place)
            process = await self._spawn(part)
        except (StackError, OSError) as error:
            text = ". ".join(filter(None, (str(error), getattr(error, "remedy", ""))))
            with self._log(part.name) as log:
                log.write(f"{text}\n".encode())
            return text.splitlines()[0]
        self.book.started(part.name, process.pid)
        try:
            return await self._watch(part, process)
        finally:
            await self._end(part, process)

    async def _spawn(self, part: Part) -> asyncio.subprocess.Process:
        words = part.command(self.place)
        if (setpriv := shutil.which("setpriv")) and words[0] != "setpriv":
            words = [setpriv, "--pdeathsig=KILL", "--", *words]
        with self._log(part.name) as output:
            return await asyncio.create_subprocess_exec(
                *words,
                env=part.environment(self.place),
                cwd=self.place.state,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _log(self, name: str) -> BinaryIO:
        log = self.place.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        return open(log, "ab")

    async def _watch(self, part: Part, process: asyncio.subprocess.Process) -> str | None:
        if part.ready is None:
            try:
                code = await asyncio.wait_for(process.wait(), part.start_limit_s)
            except TimeoutError:
                return f"not done after {part.start_limit_s:g} s"
            if code != 0:
                return f"ended with exit code {code}"
            self.book.change(part.name, state="done", pid=None, reason="")
            self.started[part.name].set()
            return None
        exited = asyncio.create_task(process.wait())
        answering = asyncio.create_task(self._until_ready(part))
        try:
            await asyncio.wait({exited, answering}, timeout=part.start_limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                if not answering.done():
                    return f"did not answer within {part.start_limit_s:g} s"
                self.book.change(part.name, state="ready", reason="")
                self.started[part.name].set()
            return _how_it_ended(await exited)
        finally:
            answering.cancel()
            exited.cancel()

    async def _until_ready(self, part: Part) -> None:
        assert part.ready is not None
        while True:
            # whatever a probe raises means: not yet. The limit on starting is what ends the wait.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(part.ready(self.place), PATIENCE_S)
                return
            await asyncio.sleep(PROBE_EVERY_S)

    async def _end(self, part: Part, process: asyncio.subprocess.Process) -> None:
        """Nothing of the part is left afterwards, nor of what it started, in its process group or, as PostgreSQL does,
        outside of it."""
        family = _children(process.pid)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, part.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), part.stop_limit_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        await asyncio.to_thread(psutil.wait_procs, family, GONE_LIMIT_S)
        self.book.change(part.name, pid=None, created=None)

    async def _stop_all(self) -> None:
        """Dependents first; parts that do not depend on each other at once."""
        left = dict(self.tasks)
        while left:
            needed = {other for name in left for other in self.table[name].depends_on}
            leaves = [name for name in left if name not in needed]
            tasks = [left.pop(name) for name in leaves]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for name in leaves:
                self.book.change(name, state="stopped", pid=None)

    async def _cap_logs(self) -> None:
        while True:
            for log in (self.place.state / "logs").glob("*.log"):
                await asyncio.to_thread(cap_log, log, LOG_LIMIT)
            await asyncio.sleep(LOOK_AT_LOGS_EVERY_S)


def cap_log(log: Path, limit: int) -> None:
    """A log longer than ``limit`` bytes is copied to ``.1`` and emptied; the writer appends, so it just goes on."""
    if log.stat().st_size > limit:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _how_it_ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _table(name: str) -> dict[str, Part]:
    module, _, attribute = name.partition(":")
    table: dict[str, Part] = getattr(import_module(module), attribute)
    return table


def main(table: str) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is listened to: wanted.json is read then anyway
    place = Place.of(os.environ)
    place.state.mkdir(parents=True, exist_ok=True)
    with open(place.state / "supervisor.lock", "a") as lock:
        if not records.hold_alone(lock) or not records.read_wanted(place.state).parts:
            return 0
        records.end_leftovers(place.state)
        lock.write(f"{os.getpid()} {place.port_base}")
        lock.flush()
        asyncio.run(Supervisor(place, _table(table)).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
