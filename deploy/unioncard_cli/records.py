"""What the supervisor tells the others (``state.json``) and what they ask of it (``wanted.json``), as files."""

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

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


def write_wanted(state: Path, wanted: Wanted) -> None:
    state.mkdir(parents=True, exist_ok=True)
    _write(state / "wanted.json", asdict(wanted))


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
