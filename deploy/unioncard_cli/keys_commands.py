"""``unioncard keys``. What makes keys is imported where it is used: it takes a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from unioncard_cli.place import StackError

keys = typer.Typer(help="Key files of the services.", no_args_is_help=True)


@keys.command("init")
def init(folder: Annotated[Path, typer.Argument(help="where the files are, or are to be made")]) -> None:
    """Make the key file of every service that has none yet."""
    from unioncard.keys import write_key_files

    with _problems_told():
        write_key_files(folder)


@keys.command("rotate")
def rotate(
    folder: Annotated[Path, typer.Argument(help="where the files are")],
    kinds: Annotated[list[str], typer.Argument(help="which keys: field, hash, transport, signing")],
) -> None:
    """Give every service new current keys; the old ones stay for reading. Restart readers before writers."""
    from unioncard.keys import RotatedKey, rotate_keys

    known: tuple[RotatedKey, ...] = get_args(RotatedKey)
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        raise StackError(f"there is no kind of key '{unknown[0]}'", "one of: " + ", ".join(known))
    with _problems_told():
        rotate_keys(folder, {kind for kind in known if kind in kinds}, datetime.now(UTC))


@contextmanager
def _problems_told() -> Iterator[None]:
    from unioncard.keys import KeysError

    try:
        yield
    except KeysError as error:
        raise StackError(str(error)) from error


if __name__ == "__main__":
    try:
        keys()
    except StackError as error:
        sys.exit(str(error))
