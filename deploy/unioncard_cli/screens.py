"""What the command line shows. On a terminal it moves; into a file or a CI log it writes plain lines."""

import time
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from unioncard_cli.parts import GOOD
from unioncard_cli.place import StackError
from unioncard_cli.records import Record
from unioncard_cli.stack import Audience, PartFailed, Stack

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)
_COLOURS = {"ready": "green", "done": "green", "external": "green", "failed": "bold red", "restarting": "yellow"}


def say(text: str) -> None:
    _out.print(text, markup=False, soft_wrap=True)


def say_heading(text: str) -> None:
    _out.print(Text(text, style="bold"))


def say_lines(lines: list[str]) -> None:
    for line in lines:
        _out.print(line, markup=False, soft_wrap=True)


def waiting(text: str) -> AbstractContextManager[object]:
    return _out.status(text)


class Progress(Audience):
    """Shows a stack coming up: a bar for downloads, then the parts with what each is doing."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._last: dict[str, str] = {}
        self._bars = Bars(
            TextColumn("fetching Kafka from Maven Central"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=_out,
        )
        self._live = Live(console=_out, refresh_per_second=10, transient=True)
        self._spinners: dict[str, Spinner] = {}

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        self._live.stop()
        if kind is None and self._last:
            say(f"The stack is up ({len(self._last)} parts, {time.monotonic() - self._begun:.1f} s).")

    def fetched(self, done: int, total: int) -> None:
        if not self._bars.task_ids:
            self._bars.add_task("jars", total=total)
            self._bars.start()
        self._bars.update(self._bars.task_ids[0], completed=done)
        if done >= total:
            self._bars.stop()

    def preparing(self, what: str) -> None:
        say(f"preparing {what}")

    def looked(self, parts: list[Record]) -> None:
        if _out.is_terminal:
            self._live.update(self._table(parts))
            self._live.start()
        for part in parts:
            if self._last.get(part.name) != part.state:
                if not _out.is_terminal and part.state != "waiting":
                    say(f"{time.monotonic() - self._begun:6.1f} s  {part.name:16} {part.state} {part.reason}".rstrip())
                self._last[part.name] = part.state

    def _table(self, parts: list[Record]) -> Table:
        table = Table.grid(padding=(0, 2))
        for part in parts:
            moving = self._spinners.setdefault(part.name, Spinner("dots"))
            mark = moving if part.state in ("starting", "restarting") else Text("✓" if part.state in GOOD else "·")
            table.add_row(mark, part.name, Text(part.state, style=_COLOURS.get(part.state, "")), Text(part.reason))
        return table


def show_parts(parts: list[Record]) -> None:
    table = Table("part", "state", "pid", "port", "restarts", "since", "note", box=None)
    for part in parts:
        table.add_row(
            part.name,
            Text(part.state, style=_COLOURS.get(part.state, "")),
            str(part.pid or ""),
            str(part.port or ""),
            str(part.restarts or ""),
            time.strftime("%m-%d %H:%M:%S", time.localtime(part.since)),
            Text("" if part.state in GOOD else part.reason),
        )
    _out.print(table)


def show_where_to_look(stack: Stack) -> None:
    """The links at the end of ``up``: of what runs here and can be opened in a browser."""
    running = {name for name, part in stack.status().items() if part.state == "ready"}
    place = stack.place
    table = Table(box=None, show_header=False)
    if "temporal" in running:
        table.add_row("Temporal UI", f"{place.url('temporal-ui')}/namespaces/{_namespace(stack)}/workflows")
        table.add_row("", f"{place.url('temporal-metrics')}/metrics")
    for name in ("member-svc", "card-svc", "insurance-svc", "claims-svc", "sandbox"):
        if name in running:
            table.add_row(name, f"{place.url(name)}/docs")
            table.add_row("", f"{place.url(name)}/metrics")
    if "workflows" in running:
        table.add_row("workflows", f"{place.url('workflows')}/metrics")
    table.add_row("state and logs", str(place.state))
    _out.print(table, soft_wrap=True)


def _namespace(stack: Stack) -> str:
    return stack.environment()["UNIONCARD_TEMPORAL_NAMESPACE"]


def show_failed_part(error: PartFailed) -> None:
    show_error(error)
    for line in error.tail:
        _err.print(f"  {line}", markup=False, soft_wrap=True)


def show_error(error: Exception) -> None:
    _err.print(Text(str(error), style="bold red"), soft_wrap=True)
    if isinstance(error, StackError) and error.remedy:
        _err.print(error.remedy, markup=False, soft_wrap=True)
