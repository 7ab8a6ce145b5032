"""What the processes of a stack hold and use: private memory and CPU time, by part."""

import os
from collections.abc import Mapping, Sequence

import psutil

from bench.ground import Child
from unioncard_cli.stack import Stack

MB = 1024 * 1024


def private_mb(stack: Stack) -> dict[str, float]:
    """Part → private memory (USS) of its processes in MB.

    Private, since PostgreSQL's processes share their buffers and would each count them; what leaks is private.
    """
    return {name: round(sum(map(_private, family)) / MB, 1) for name, family in _families(stack).items()}


def cpu_seconds(stack: Stack, more: Sequence[Child] = ()) -> dict[str, float]:
    """Part → CPU time that its processes have used so far, those of its children that have ended included.

    Unlike wall time it hardly depends on what else the machine does. ``bench`` is this process.
    """
    used = {name: sum(map(_cpu, family)) for name, family in _families(stack).items()}
    used |= {child.name: sum(map(_cpu, _family(child.process.pid))) for child in more}
    mine = os.times()
    return used | {"bench": mine.user + mine.system}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was added to each, the most first."""
    added = {name: after[name] - before.get(name, 0.0) for name in after}
    return dict(sorted(added.items(), key=lambda item: -item[1]))


def _families(stack: Stack) -> dict[str, list[psutil.Process]]:
    return {
        name: _family(record.pid)
        for name, record in stack.status().items()
        if record.pid is not None and record.state == "ready"
    }


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


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
