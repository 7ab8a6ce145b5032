"""How much memory each part of a stack holds for itself."""

from collections.abc import Mapping

import psutil

from unioncard_cli.stack import Stack

MB = 1024 * 1024


def private_mb(stack: Stack) -> dict[str, float]:
    """Part → private memory (USS) of its processes in MB.

    Private, since PostgreSQL's processes share their buffers and would each count them; what leaks is private.
    """
    return {
        name: round(sum(_private(process) for process in _family(record.pid)) / MB, 1)
        for name, record in stack.status().items()
        if record.pid is not None and record.state == "ready"
    }


def growth(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Part → how much more it holds, in MB."""
    return {name: round(after[name] - before[name], 1) for name in before if name in after}


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _private(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0
