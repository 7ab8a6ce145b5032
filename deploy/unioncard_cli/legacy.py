"""``unioncard load-legacy FOLDER``: what the previous system knew, through each service's own bulk path."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer

from unioncard.bulk import SOME_REJECTED
from unioncard_cli.place import StackError
from unioncard_cli.screens import say
from unioncard_cli.service_commands import call
from unioncard_cli.stack import Stack


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """A file of the folder, the service that loads it and by which command."""

    name: str
    service: str
    command: str
    follows: bool = False
    """Whether its lines name members, whom the service must have heard of by then."""


#: In the order in which they are loaded: each needs what the ones before it brought.
FILES = (
    LegacyFile("organisations.csv", "member-svc", "load-organisations"),
    LegacyFile("members.csv", "member-svc", "load-legacy"),
    LegacyFile("cards.csv", "card-svc", "load-legacy", follows=True),
    LegacyFile("policies.csv", "insurance-svc", "load-legacy", follows=True),
)


def load_legacy(
    folder: Annotated[Path, typer.Argument(help="with organisations.csv, members.csv, cards.csv, policies.csv")],
    rejects: Annotated[
        Path | None, typer.Option(help="folder for lines that are not loaded, with reasons; else FOLDER/rejects")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="seconds without news before a member counts as unknown")] = 60.0,
) -> None:
    """Load organisations, members, cards and old policies of the previous system. Any file may be absent.

    Ended in the middle, it goes on where it was when started again. Exit code 0: every line is there, 1: a file could
    not be loaded, 3: all were, but some of their lines were rejected.
    """
    rejects = rejects or folder / "rejects"
    if not load_folder(Stack(), folder, rejects, wait_s=wait):
        say(f"Some lines were rejected. Mend them in {rejects} and load that file in its turn.")
        raise typer.Exit(SOME_REJECTED)


def load_folder(stack: Stack, folder: Path, rejects: Path, *, wait_s: float = 60.0) -> bool:
    """Load what the folder has, file by file; :class:`StackError` at the first that cannot be loaded.

    True when no line was rejected.
    """
    there = [one for one in FILES if (folder / one.name).is_file()]
    if not there:
        names = ", ".join(one.name for one in FILES)
        raise StackError(f"there is nothing to load in {folder}", f"expected are: {names}")
    if any(one.follows for one in there):
        # Who names members waits for their events, and nobody would bring them.
        for service in ("member-svc", *(one.service for one in there if one.follows)):
            _must_run(stack, service)
    whole = True
    for one in there:
        say(f"{one.name} → {one.service}")
        whole &= _load(stack, one, folder / one.name, rejects, wait_s)
    return whole


def _load(stack: Stack, file: LegacyFile, path: Path, rejects: Path, wait_s: float) -> bool:
    words = [file.command, str(path)]
    if file.command == "load-legacy":
        words += ["--rejects", str(rejects)]
    if file.follows:
        words += ["--wait", str(wait_s)]
    code = call(stack, file.service, *words)
    if code not in (0, SOME_REJECTED):
        raise StackError(f"{file.name} was not loaded", "see above; mend it and run the same command again")
    return code == 0


def _must_run(stack: Stack, service: str) -> None:
    url = stack.place.url(service)
    try:
        httpx.get(f"{url}/healthz", timeout=10).raise_for_status()
    except httpx.HTTPError:
        raise StackError(
            f"{service} does not answer at {url}", "it brings the news of members: start it with: unioncard up"
        ) from None
