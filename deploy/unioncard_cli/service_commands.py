"""``unioncard run SERVICE COMMAND…``: a service's own command, with the settings that the stack gives the service."""

import subprocess
import sys
from typing import Annotated

import typer

from unioncard_cli.place import StackError
from unioncard_cli.stack import Stack

SERVICES = ("member-svc", "card-svc", "insurance-svc", "claims-svc")


def run(
    service: Annotated[str, typer.Argument(help=", ".join(SERVICES))],
    words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND…", help="none: lists the commands")] = None,
) -> None:
    """Run a command of a service (republish, load-accounts …) on this stack. Its exit code is the service's."""
    if service not in SERVICES:
        raise StackError(f"there is no service '{service}'", "one of: " + ", ".join(SERVICES))
    stack = Stack()
    stack.check_port_base()
    raise typer.Exit(call(stack, service, *(words or ["--help"])))


def call(stack: Stack, service: str, *words: str) -> int:
    """``python -m <service> <words>`` at this terminal; its exit code."""
    environment = stack.place.process_environment(service)
    environment.pop("UNIONCARD_TRACE_FILE", None)  # the running service writes it
    return subprocess.run([sys.executable, "-m", service.replace("-", "_"), *words], env=environment).returncode
