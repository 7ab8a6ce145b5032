"""``unioncard dead-letters``: messages that no number of tries could handle. Kafka is imported where it is used."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from unioncard_cli.place import StackError
from unioncard_cli.stack import Stack

if TYPE_CHECKING:
    from unioncard.messaging.dead_letters import Listed
    from unioncard.settings import Settings

T = TypeVar("T")

dead_letters = typer.Typer(help="Messages that could not be handled: see them, send them again.", no_args_is_help=True)
_out = Console(highlight=False, soft_wrap=True)


@dead_letters.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="also those that were sent again")] = False) -> None:
    """Dead letters that are open, oldest first. Exit code 1 if there are any."""
    listed = [one for one in _all() if every or not one.resent]
    if not listed:
        _out.print("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "since", "topic", "message", "consumer", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for one in listed:
        letter = one.letter
        at = one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        again = " (sent again)" if one.resent else ""
        table.add_row(letter.id[:8], at, letter.topic, one.type, letter.group, letter.reason + again)
    _out.print(table)
    _out.print("\nmend the reason, then: unioncard dead-letters resend ID")
    if any(not one.resent for one in listed):
        raise typer.Exit(1)


@dead_letters.command("show")
def show(id_: Annotated[str, typer.Argument(metavar="ID", help="its id or the beginning of it")]) -> None:
    """One dead letter with the whole message. Fields about persons are encrypted in it."""
    one = _one(id_)
    letter = one.letter
    rows = {
        "id": letter.id,
        "since": one.at.astimezone().isoformat(),
        "lay at": f"{letter.topic}, partition {letter.partition}, offset {letter.offset}",
        "key": letter.key,
        "consumer": letter.group,
        "reason": letter.reason,
        "sent again": "yes" if one.resent else "no",
    }
    for name, value in rows.items():
        _out.print(f"{name:<11}{value}", markup=False)
    _out.print(_readable(base64.b64decode(letter.body)), markup=False)


@dead_letters.command("resend")
def resend(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="ids or their beginnings")] = None,
    every: Annotated[bool, typer.Option("--all", help="all that are open")] = False,
) -> None:
    """Send messages to their topics again. Those that were handled meanwhile count once all the same."""
    from unioncard.messaging import dead_letters as letters

    if bool(ids) == every:
        raise StackError("say which ones", "either ids, as 'unioncard dead-letters list' shows them, or --all")
    chosen = [one for one in _all() if not one.resent] if every else [_one(id_) for id_ in ids or ()]
    for one in chosen:
        letter = one.letter
        _with_kafka(partial(letters.resend, letter=letter))
        _out.print(f"sent again: {letter.id[:8]} {one.type} to {letter.topic}", markup=False)
    if not chosen:
        _out.print("no dead letters")


def _one(id_: str) -> "Listed":
    found = [one for one in _all() if one.letter.id.startswith(id_)]
    if len(found) != 1:
        what = f"no dead letter begins with '{id_}'" if not found else f"several dead letters begin with '{id_}'"
        raise StackError(what, "ids are shown by: unioncard dead-letters list --all")
    return found[0]


def _all() -> "list[Listed]":
    from unioncard.messaging.dead_letters import list_dead_letters

    return _with_kafka(list_dead_letters)


def _with_kafka(action: "Callable[[Settings], Awaitable[T]]") -> T:
    """Runs ``action`` on the Kafka that the settings name, else the local stack's."""
    from aiokafka.errors import KafkaError

    from unioncard.settings import Settings, SettingsError, read_settings

    async def run(settings: Settings) -> T:
        return await action(settings)

    address = Stack().environment()["UNIONCARD_KAFKA"]
    try:
        return asyncio.run(run(read_settings(Settings, kafka=address)))
    except SettingsError as error:
        raise StackError(f"wrong settings\n{error}") from None
    except (KafkaError, OSError) as error:
        raise StackError(
            f"Kafka at {address} does not answer ({type(error).__name__})", "start it with: unioncard up kafka"
        ) from None


def _readable(body: bytes) -> str:
    try:
        content: Any = json.loads(body)
    except ValueError:
        return repr(body)
    return json.dumps(content, indent=2, ensure_ascii=False)
