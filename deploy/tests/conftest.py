"""Stacks of dummy parts, each in a folder and on ports of its own, and gone after its test."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unioncard_cli.place import free_port_base, port_is_free
from unioncard_cli.stack import Stack

HERE = Path(__file__).parent
MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStack]:
    """``make_stack("TOWER")``: a stack of the table of that name in ``dummy_parts``."""
    monkeypatch.syspath_prepend(str(HERE))
    made: list[Stack] = []

    def make(table: str, name: str = "stack") -> Stack:
        stack = Stack(
            tmp_path / name,
            free_port_base(),
            env={"PYTHONPATH": str(HERE)},
            table=f"dummy_parts:{table}",
            tied=True,
        )
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.down()


@pytest.fixture
def held_port() -> Iterator[Callable[[int], int]]:
    """``held_port(port)``: another process listens on the port until the test's end; returns its pid."""
    holders: list[subprocess.Popen[bytes]] = []

    def hold(port: int) -> int:
        holder = subprocess.Popen([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"])
        holders.append(holder)
        while port_is_free(port):
            assert holder.poll() is None
        return holder.pid

    yield hold
    for holder in holders:
        holder.kill()
        holder.wait()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Looks until what is given is true; fails after a generous while."""

    def look(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not true():
            assert time.monotonic() < deadline, "it did not come to be"
            time.sleep(0.02)

    return look
