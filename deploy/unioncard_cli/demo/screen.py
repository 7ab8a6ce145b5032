"""What the demo shows while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False)


class Screen:
    """Numbers the steps and says how long each took."""

    def __init__(self) -> None:
        self._number = 0

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """A step; what is put into the list is shown behind it."""
        self._number += 1
        started = time.monotonic()
        said: list[str] = []
        with console.status(f"{self._number:2d}  {what} …"):
            yield said
        console.print(f"[bold]{self._number:2d}[/bold]  {what}  [dim]{time.monotonic() - started:.1f} s[/dim]")
        for line in said:
            console.print(f"      {line}", markup=False)
