"""``python -m claims_svc`` serves; with a command it does that and ends.

``migrate`` · ``load-illnesses FOLDER``

What only one of these needs is imported there: the application is most of a start, and ``migrate`` can do without.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from claims_svc.settings import ClaimsSettings
from unioncard.keys import KeysError, load_keys
from unioncard.settings import settings_or_exit


def main() -> int:
    """Run what the command line asks for; the exit code: 0 done, 1 the file was refused, 2 wrong usage or settings."""
    asked = _arguments()
    settings = settings_or_exit(ClaimsSettings)
    try:
        if asked.command is None:
            _serve(settings)
        elif asked.command == "migrate":
            _migrate(settings)
        else:
            return asyncio.run(_load_illnesses(settings, asked.folder))
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m claims_svc", description="claims-svc: serve, or run a command")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    loading = commands.add_parser("load-illnesses", help="take over the catalogue of illnesses from CSV files")
    loading.add_argument("folder", type=Path)
    return parser.parse_args()


def _serve(settings: ClaimsSettings) -> None:
    from claims_svc.main import create_app
    from unioncard.service import serve, start

    serve(create_app(start("claims-svc", settings), settings), settings)


def _migrate(settings: ClaimsSettings) -> None:
    from claims_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("claims", settings, load_keys(settings.keys_file)))


async def _load_illnesses(settings: ClaimsSettings, folder: Path) -> int:
    from claims_svc.illnesses.load import BadCatalogue
    from claims_svc.maintenance import load_illnesses
    from unioncard.service import start

    context = start("claims-svc", settings)
    try:
        loaded = await load_illnesses(context.work, folder)
        sys.stdout.write(
            f"{loaded.added} rows loaded, {loaded.same} were there, {loaded.kept} changed since and kept\n"
        )
    except BadCatalogue as error:
        sys.stderr.write(f"{folder}:\n{error}\n")
        return 1
    finally:
        await context.engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
