"""kill -9, as planned, while the unions work."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from tests.faults.plan import PROCESSES, Kill
from unioncard_cli.place import StackError
from unioncard_cli.stack import Stack

PATIENCE_S = 90.0
Journal = Callable[[str], None]


class Steps:
    """Counts the steps that all unions together have begun; told from their threads, waited for here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._over = False

    def begin(self) -> None:
        """One more."""
        with self._lock:
            self._begun += 1

    def finish(self) -> None:
        """No more will come: whoever waits need not."""
        self._over = True

    async def reach(self, step: int) -> None:
        """Wait until so many have begun."""
        while self._begun < step and not self._over:  # noqa: ASYNC110  # told from other threads
            await asyncio.sleep(0.01)


async def kill_as_planned(stack: Stack, kills: Sequence[Kill], steps: Steps, journal: Journal) -> None:
    """Carry out every kill. One that finds the process between two lives waits for the next."""
    await asyncio.gather(*(_kill(stack, kill, steps, journal) for kill in kills))


async def _kill(stack: Stack, kill: Kill, steps: Steps, journal: Journal) -> None:
    await steps.reach(kill.step)
    await asyncio.sleep(kill.after_s)
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            pid = await asyncio.to_thread(stack.kill, kill.process)
        except StackError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            journal(f"kill -9 {kill.process} ({pid})")
            return


async def all_ready(stack: Stack) -> None:
    """Wait until every process has been restarted and answers; :class:`StackError` names one that does not."""
    for name in PROCESSES:
        await asyncio.to_thread(stack.wait_ready, name, PATIENCE_S)
