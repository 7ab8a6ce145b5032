"""``python -m card_svc``: serve. ``migrate``, ``load-outlets FILE.csv`` and ``republish`` are for operators."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from card_svc.main import create_app
from card_svc.maintenance import load_outlets, migrate_database, republish
from card_svc.outlets.load import DirectoryError
from card_svc.settings import CardSettings
from unioncard.keys import KeysError
from unioncard.service import Context, serve, start
from unioncard.settings import settings_or_exit

USAGE = "usage: python -m card_svc [migrate | load-outlets FILE.csv | republish]\n"


def main(arguments: list[str]) -> int:
    """Serve, or do what the arguments say; returns the exit code."""
    settings = settings_or_exit(CardSettings)
    try:
        context = start("card-svc", settings)
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    match arguments:
        case []:
            serve(create_app(context, settings), settings)
        case ["migrate"]:
            migrate_database(context.database)
        case ["load-outlets", file]:
            return _load(context, Path(file))
        case ["republish"]:
            told = asyncio.run(_closing(context, lambda: republish(context.work)))
            sys.stdout.write(f"{told} card states told anew\n")
        case _:
            sys.stderr.write(USAGE)
            return 2
    return 0


def _load(context: Context, file: Path) -> int:
    try:
        content = file.read_bytes()
        count = asyncio.run(_closing(context, lambda: load_outlets(context.work, content)))
    except OSError as error:
        sys.stderr.write(f"{file}: {error.strerror}\n")
        return 1
    except DirectoryError as error:
        sys.stderr.write(f"{file}:\n{error}\n")
        return 1
    sys.stdout.write(f"{count} outlets loaded\n")
    return 0


async def _closing(context: Context, work: Callable[[], Awaitable[int]]) -> int:
    try:
        return await work()
    finally:
        await context.engine.dispose()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
