"""Where a bench runs: a stack of its own on fresh state, and processes beside it."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from unioncard.settings import Settings, read_settings
from unioncard_cli.stack import Stack, free_port_base

START_LIMIT_S = 180.0
# One trace in twenty is kept, as in production.
TRACES = {"UNIONCARD_TRACE_RATIO": "0.05"}


class BenchError(Exception):
    """A bench cannot go on."""


@dataclass(slots=True)
class Ground:
    """What every bench is given."""

    console: Console
    state: Path | None = None
    port_base: int | None = None
    quick: bool = False
    whole: bool = False
    _stacks: int = field(default=0)

    def say(self, text: str) -> None:
        """Progress, for people."""
        self.console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False)

    @contextmanager
    def fresh_stack(self, only: Iterable[str] | None = None, env: Mapping[str, str] | None = None) -> Iterator[Stack]:
        """A stack with empty databases; it and its state are gone afterwards. ``only=()`` starts nothing yet."""
        self._stacks += 1
        folder = Path(tempfile.mkdtemp(prefix="unioncard-bench-", dir=self._home()))
        # Other ports each time: those of the stack before may still linger.
        base = free_port_base() if self.port_base is None else self.port_base + 20 * self._stacks
        stack = Stack(folder, base, env=env, tied=True)
        try:
            if only is None or tuple(only):
                stack.up(only)
            yield stack
        finally:
            stack.down()
            shutil.rmtree(folder, ignore_errors=True)

    def _home(self) -> Path | None:
        if self.state:
            self.state.mkdir(parents=True, exist_ok=True)
        return self.state


def settings_of(stack: Stack, **more: object) -> Settings:
    """Settings for clients inside the bench's own process."""
    given = stack.environment()
    return read_settings(
        Settings,
        database_url=given["UNIONCARD_DATABASE_URL"],
        kafka=given["UNIONCARD_KAFKA"],
        temporal=given["UNIONCARD_TEMPORAL"],
        **more,
    )


def database_url(stack: Stack, noun: str) -> str:
    """One service's database (``member``, ``card`` …) as the administrator reaches it."""
    return stack.environment()["UNIONCARD_DATABASE_URL"].replace("/postgres?", f"/unioncard_{noun}?")


class Child:
    """A process of a bench's own: ``python -m <module> <arguments>``, which prints lines to be waited for."""

    def __init__(self, stack: Stack, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None):
        self.name = name
        self.log = stack.place.log(f"bench-{name}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", module, *arguments]
        if setpriv := shutil.which("setpriv"):
            words = [setpriv, "--pdeathsig=KILL", "--", *words]
        with open(self.log, "ab") as errors:
            self.process = subprocess.Popen(
                words,
                env={**stack.place.process_environment(name), **(env or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    async def line(self, limit_s: float = START_LIMIT_S) -> str:
        """The next line it prints, or :class:`BenchError` with the end of its log."""
        assert self.process.stdout is not None
        try:
            text = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), limit_s)
        except TimeoutError:
            text = ""
        if not text:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise BenchError(f"{self.name} said nothing in {limit_s:g} s\n{tail}")
        return text.strip()

    def tell(self, text: str) -> None:
        """A line for its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Ends it. Its results are out; a client that hangs at the interpreter's exit is not waited for."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def children(*started: Child) -> Iterator[None]:
    """Ends them with the block."""
    try:
        yield
    finally:
        for child in started:
            child.end()


def seconds_since(begun: float) -> float:
    """Elapsed wall time since a ``time.perf_counter()``."""
    return time.perf_counter() - begun
