"""``unioncard clock show | set | speed``: business time of a stack for rehearsals and demonstrations."""

from datetime import datetime
from typing import Annotated

import typer

from unioncard.clock_segments import FASTEST
from unioncard.dates import SHANGHAI
from unioncard_cli.place import StackError
from unioncard_cli.screens import say, say_lines
from unioncard_cli.season.clock import StackClock, instant
from unioncard_cli.stack import Stack

clock = typer.Typer(help="Business time of this stack. It goes only forward.", no_args_is_help=True)


@clock.command()
def show() -> None:
    """Show business time, how fast it goes, and how it came there."""
    watched = StackClock(Stack())
    if not watched.segments:
        say(f"{_shown(watched.now())}, real time")
        return
    say(f"{_shown(watched.now())}, {_pace(watched.segments[-1].speed)}")
    say_lines(
        [
            f"  since {one.real_anchor.astimezone():%Y-%m-%d %H:%M:%S}: from {_shown(one.business_anchor)}, "
            f"{_pace(one.speed)}"
            for one in watched.segments[-10:]
        ]
    )


@clock.command("set")
def set_(
    when: Annotated[str, typer.Argument(help="in Shanghai: 2019-11-01 or 2019-11-01T09:00")],
    speed: Annotated[
        float | None, typer.Option(min=1, max=FASTEST, help="go there at this speed, slower under load; else jump")
    ] = None,
) -> None:
    """Put business time forward, then let it go on at the ordinary pace.

    Workflows and services follow. Schedules know real time only: trigger them (campaigns-daily …) in the Temporal UI.
    """
    watched, target = StackClock(Stack()), instant(when)
    if target < watched.now() and watched.segments:
        raise StackError(f"it is {_shown(watched.now())} already", "business time goes only forward")
    if not watched.segments:
        raise StackError(
            "this stack lives in real time", "begin with a new stack: unioncard up --business-day 2019-10-24"
        )
    if speed is None:
        watched.jump(target)
    else:
        watched.advance(target, speed)
    say(f"{_shown(watched.now())}, {_pace(watched.segments[-1].speed)}")


@clock.command("speed", context_settings={"ignore_unknown_options": True})  # -5 is a number, no option
def speed_(
    speed: Annotated[float, typer.Argument(help=f"business seconds a second, up to {FASTEST:,.0f}; 0 stands still")],
) -> None:
    """Let business time go on at this speed."""
    if not 0 <= speed <= FASTEST:
        raise StackError(
            f"{speed:g} is no speed of business time, which goes only forward",
            f"from 0 (stands still) over 1 (ordinary) to {FASTEST:,.0f} business seconds a second",
        )
    watched = StackClock(Stack())
    if not watched.segments:
        raise StackError(
            "this stack lives in real time", "begin with a new stack: unioncard up --business-day 2019-10-24"
        )
    watched.run(speed)
    say(f"{_shown(watched.now())}, {_pace(speed)}")


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} in Shanghai"


def _pace(speed: float) -> str:
    match speed:
        case 0:
            return "standing still"
        case 1:
            return "at the ordinary pace"
        case _:
            return f"{speed:g} times as fast"
