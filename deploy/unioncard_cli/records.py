"""What the supervisor tells the others (``state.json``) and what they ask of it (``wanted.json``), as files."""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import psutil

from unioncard_cli.parts import State


@dataclass(frozen=True)
class Record:
    """One part as the supervisor sees it. Times are Unix seconds; ``created`` tells a reused pid from ours."""

    name: str
    state: State = "waiting"
    pid: int | None = None
    created: float | None = None
    port: int | None = None
    restarts: int = 0
    since: float = field(default_factory=time.time)
    log: str = ""
    reason: str = ""

    def alive(self) -> bool:
        """Whether the recorded process still runs (a zombie does not)."""
        return _process(self) is not None


@dataclass(frozen=True)
class Wanted:
    """The parts that shall run, and when that was asked (Unix nanoseconds)."""

    parts: tuple[str, ...]
    asked: int


@dataclass(frozen=True)
class Holder:
    """The supervisor of a state folder: its pid, and the port base on which its parts listen.

    One that an earlier release started does not tell its port base.
    """

    pid: int
    port_base: int | None = None


class Book:
    """The supervisor's side of ``state.json``: every change is on disk, whole, before anyone can ask."""

    def __init__(self, state: Path) -> None:
        self.path = state / "state.json"
        self.parts: dict[str, Record] = {}
        self.heard = 0

    def add(self, record: Record) -> None:
        self.parts[record.name] = record

    def started(self, name: str, pid: int) -> None:
        created = None
        with contextlib.suppress(psutil.Error):
            created = psutil.Process(pid).create_time()
        self.change(name, pid=pid, created=created)

    def change(self, name: str, **changes: Any) -> None:
        old = self.parts[name]
        if changes.get("state", old.state) != old.state:
            changes["since"] = time.time()
        self.parts[name] = replace(old, **changes)
        self.write()

    def write(self) -> None:
        content = {"pid": os.getpid(), "heard": self.heard, "parts": [asdict(one) for one in self.parts.values()]}
        _write(self.path, content)


def read_state(state: Path) -> tuple[dict[str, Record], int]:
    """The records by name, and the last request that the supervisor has heard; empty when there is no state yet."""
    content = _read(state / "state.json") or {"parts": [], "heard": 0}
    return {one["name"]: Record(**one) for one in content["parts"]}, content["heard"]


def read_wanted(state: Path) -> Wanted:
    content = _read(state / "wanted.json") or {"parts": [], "asked": 0}
    return Wanted(tuple(content["parts"]), content["asked"])


def want(state: Path, parts: Iterable[str]) -> int:
    """Asks for these parts beside those that were asked for before. Returns the number of the request."""
    with _writing_wanted(state):
        asked = time.time_ns()
        together = tuple(dict.fromkeys((*read_wanted(state).parts, *parts)))
        _write(state / "wanted.json", asdict(Wanted(together, asked)))
        return asked


def want_nothing(state: Path) -> None:
    """A supervisor that was called just now, and arrives later, finds nothing to do."""
    if (state / "wanted.json").exists():
        with _writing_wanted(state):
            _write(state / "wanted.json", asdict(Wanted((), time.time_ns())))


@contextmanager
def _writing_wanted(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "wanted.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold_alone(lock: IO[str]) -> bool:
    """Takes the supervisor's lock. False if another supervisor has it; someone who only looks is waited for."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            return True
        except BlockingIOError:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(0.01)


def holder(state: Path) -> Holder | None:
    """Who holds the supervisor's lock; a lock file that nobody holds says nothing."""
    try:
        with open(state / "supervisor.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                numbers = [int(word) for word in lock.read().split()]
                return Holder(*numbers) if numbers else None
    except FileNotFoundError:
        pass
    return None


def end_leftovers(state: Path) -> None:
    """Ends processes of an earlier supervisor that outlived it (where children cannot be tied to their parent)."""
    for record in read_state(state)[0].values():
        process = _process(record)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(5)


def _process(record: Record) -> psutil.Process | None:
    if record.pid is None or record.created is None:
        return None
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.created) > 0.5 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.Error:
        return None
    return process


def _write(path: Path, content: Any) -> None:
    scratch = path.with_suffix(f".{os.getpid()}.new")
    scratch.write_text(json.dumps(content, indent=1))
    os.replace(scratch, path)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
