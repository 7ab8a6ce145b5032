"""``unioncard keys``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from unioncard.keys import RotatedKey, rotate_keys, write_key_files
from unioncard_cli.place import StackError

keys = typer.Typer(help="Key files of the services.", no_args_is_help=True)
KINDS: tuple[RotatedKey, ...] = get_args(RotatedKey)


@keys.command("init")
def init(folder: Annotated[Path, typer.Argument(help="where the files are, or are to be made")]) -> None:
    """Make the key file of every service that has none yet."""
    write_key_files(folder)


@keys.command("rotate")
def rotate(
    folder: Annotated[Path, typer.Argument(help="where the files are")],
    kinds: Annotated[list[str], typer.Argument(help=f"which keys: {', '.join(KINDS)}")],
) -> None:
    """Give every service new current keys; the old ones stay for reading. Restart readers before writers."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise StackError(f"there is no kind of key '{unknown[0]}'", "one of: " + ", ".join(KINDS))
    rotate_keys(folder, {kind for kind in KINDS if kind in kinds}, datetime.now(UTC))
