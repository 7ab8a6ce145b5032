"""``python -m card_svc`` serves; with a command it does that and ends.

``migrate`` · ``load-outlets FILE.csv`` · ``load-legacy FILE.csv`` · ``republish``

What only one of these needs is imported there: the application is most of a start, and ``migrate`` can do without.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from card_svc.settings import CardSettings
from unioncard.keys import KeysError, load_keys
from unioncard.settings import settings_or_exit


def main() -> int:
    """Run what the command line asks for; the exit code: 0 done, 1 the file was refused, 2 wrong usage or settings.

    ``load-legacy``: 3 where it rejected lines.
    """
    asked = _arguments()
    settings = settings_or_exit(CardSettings)
    try:
        if asked.command is None:
            _serve(settings)
        elif asked.command == "migrate":
            _migrate(settings)
        else:
            return asyncio.run(_maintain(settings, asked))
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m card_svc", description="card-svc: serve, or run a command")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    loading = commands.add_parser("load-outlets", help="replace the directory of outlets by a CSV file")
    loading.add_argument("file", type=Path)
    legacy = commands.add_parser("load-legacy", help="load cards of the previous system from a CSV file; resumable")
    legacy.add_argument("file", type=Path)
    legacy.add_argument("--rejects", type=Path, required=True, help="folder for the lines that are not loaded")
    legacy.add_argument("--wait", type=float, default=60.0, help="seconds without a new member until one is unknown")
    commands.add_parser("republish", help="send every card state as events again, for a new reader")
    return parser.parse_args()


def _serve(settings: CardSettings) -> None:
    from card_svc.main import create_app
    from unioncard.service import serve, start

    serve(create_app(start("card-svc", settings), settings), settings)


def _migrate(settings: CardSettings) -> None:
    from card_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("card", settings, load_keys(settings.keys_file)))


async def _maintain(settings: CardSettings, asked: argparse.Namespace) -> int:
    from card_svc.legacy.loading import load_cards
    from card_svc.maintenance import load_outlets, republish
    from card_svc.outlets.load import DirectoryError
    from card_svc.personal import PersonalData
    from unioncard.bulk import progress
    from unioncard.chunks import BadSource
    from unioncard.service import start

    context = start("card-svc", settings)
    try:
        if asked.command == "load-outlets":
            sys.stdout.write(f"{await load_outlets(context.work, asked.file.read_bytes())} outlets loaded\n")
        elif asked.command == "load-legacy":
            loaded = await load_cards(context, asked.file, asked.rejects, wait_s=asked.wait, say=progress())
            sys.stderr.write(loaded.summary("cards") + "\n")
            return loaded.exit_code
        else:
            sys.stdout.write(f"{await republish(context.work, PersonalData(context.keys))} card states told anew\n")
    except OSError as error:
        sys.stderr.write(f"{asked.file}: {error.strerror}\n")
        return 1
    except BadSource as bad_source:
        sys.stderr.write(f"{bad_source}\n")
        return 1
    except DirectoryError as error:
        sys.stderr.write(f"{asked.file}:\n{error}\n")
        return 1
    finally:
        await context.engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
