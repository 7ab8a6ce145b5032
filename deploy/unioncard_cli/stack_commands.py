"""``unioncard up | down | status | logs``."""

import time
from typing import Annotated

import typer

from unioncard.dates import shanghai_date
from unioncard_cli import screens
from unioncard_cli.parts import GOOD
from unioncard_cli.place import StackError
from unioncard_cli.stack import PartFailed, Stack

#: What ``unioncard status`` ends with, as for services of an operating system.
NOT_RUNNING = 3


def up(
    only: Annotated[list[str] | None, typer.Argument(help="start only these parts and what they need")] = None,
    business_day: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="a new stack's business clock begins on this day's morning"),
    ] = None,
) -> None:
    """Start the stack, or what is missing of it, and wait until every part answers."""
    stack = Stack()
    _check_names(stack, only or [])
    if business_day is not None:
        _set_clock(stack, business_day)
    try:
        with screens.Progress() as progress:
            stack.up(only or None, progress)
    except PartFailed as error:
        screens.show_failed_part(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        screens.say(
            "\nInterrupted. What was started goes on starting: 'unioncard up' waits for it, 'unioncard down' ends it."
        )
        raise typer.Exit(130) from None
    screens.show_where_to_look(stack)


def _set_clock(stack: Stack, day: str) -> None:
    from unioncard_cli.season.clock import StackClock, instant  # only who sets a clock needs it

    morning = instant(day)
    stack.place.make_state()
    clock = StackClock(stack)
    if not clock.start_on(shanghai_date(morning)):
        screens.say(f"This stack's business clock is on {clock.today()} already and stays there: it never goes back.")


def down() -> None:
    """Stop the stack; its data stay."""
    stack = Stack()
    with screens.waiting("stopping"):
        ran = stack.down()
    screens.say("The stack is down." if ran else "The stack was not running.")


def status() -> None:
    """Show every part. Exit code 0: all is well, 1: not all, 3: nothing runs."""
    stack = Stack()
    parts = list(stack.status().values())
    if not stack.supervisor_pid():
        screens.say("The stack is not running. Start it with: unioncard up")
        raise typer.Exit(NOT_RUNNING)
    screens.show_parts(parts)
    if any(part.state not in GOOD for part in parts):
        raise typer.Exit(1)


def logs(
    part: Annotated[str | None, typer.Argument(help="a part's name; without it, the last lines of each")] = None,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=1, help="how many of the last lines")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
) -> None:
    """Show the log of a part."""
    stack = Stack()
    if part is None:
        for name in [*stack.parts, "supervisor"]:
            tail = stack.log_tail(name, lines or 3)
            if tail:
                screens.say_heading(f"{name}  {stack.place.log(name)}")
                screens.say_lines(tail)
        return
    if part != "supervisor":
        _check_names(stack, [part])
    if not stack.place.log(part).exists():
        raise StackError(f"there is no log of {part} yet", "start the stack with: unioncard up")
    screens.say_lines(stack.log_tail(part, lines or 50))
    if follow:
        _follow(stack, part)


def _follow(stack: Stack, part: str) -> None:
    with open(stack.place.log(part), encoding="utf-8", errors="replace") as log:
        log.seek(0, 2)
        try:
            while True:
                text = log.read()
                if text:
                    screens.say_lines(text.splitlines())
                elif log.tell() > stack.place.log(part).stat().st_size:  # it grew too long and was emptied
                    log.seek(0)
                time.sleep(0.2)
        except KeyboardInterrupt:
            return


def _check_names(stack: Stack, names: list[str]) -> None:
    for name in names:
        if name not in stack.parts:
            raise StackError(f"there is no part '{name}'", "one of: " + ", ".join(stack.parts))
