"""The command line: ``unioncard``."""

import os
import sys
from typing import NoReturn

import typer

from unioncard_cli import dead_letters, doctor, keys_commands, screens, stack_commands
from unioncard_cli.audit.command import audit
from unioncard_cli.demo.command import demo
from unioncard_cli.place import StackError

app = typer.Typer(
    help="The member service card platform on this machine: its stack, and what operators need.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(stack_commands.up)
app.command()(stack_commands.down)
app.command()(stack_commands.status)
app.command()(stack_commands.logs)
app.command("doctor")(doctor.command)
app.command()(demo)
app.command()(audit)

app.add_typer(keys_commands.keys, name="keys")
app.add_typer(dead_letters.dead_letters, name="dead-letters")


def run() -> NoReturn:
    """The entry point. Ends the process at once when all is said.

    temporalio clients sometimes crash the interpreter at its exit, after the results; so it is not waited for.
    """
    code = 1
    try:
        app()
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
