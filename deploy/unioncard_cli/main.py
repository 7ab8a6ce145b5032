"""The command line: ``unioncard``."""

import os
import sys
from typing import NoReturn

import typer

from unioncard_cli import doctor, keys_commands, screens, service_commands, stack_commands
from unioncard_cli.place import StackError

#: Commands that need nothing of the services: they answer at once, before the others are even imported.
LIGHT = frozenset({"up", "down", "status", "logs", "doctor", "keys", "run"})


def commands(words: list[str]) -> typer.Typer:
    """The commands that the words on the command line may mean: all of them, but for those in :data:`LIGHT`."""
    app = typer.Typer(
        help="The member service card platform on this machine: its stack, and what operators need.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    for command in (stack_commands.up, stack_commands.down, stack_commands.status, stack_commands.logs):
        app.command()(command)
    app.command("doctor")(doctor.command)
    # whatever comes after the service's name is the service's, options too
    app.command("run", context_settings={"allow_interspersed_args": False})(service_commands.run)
    app.add_typer(keys_commands.keys, name="keys")
    if not words or words[0] not in LIGHT:
        from unioncard_cli import clock_commands, dead_letters, legacy
        from unioncard_cli.audit.command import audit
        from unioncard_cli.demo.command import demo
        from unioncard_cli.season.command import rehearse

        app.command()(demo)
        app.command()(rehearse)
        app.command()(audit)
        app.command()(legacy.load_legacy)
        app.add_typer(clock_commands.clock, name="clock")
        app.add_typer(dead_letters.dead_letters, name="dead-letters")
    return app


def run() -> NoReturn:
    """The entry point. Ends the process at once when all is said.

    temporalio clients sometimes crash the interpreter at its exit, after the results; so it is not waited for.
    """
    code = 1
    try:
        commands(sys.argv[1:])()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except StackError as error:
        screens.show_error(error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
