"""``python -m insurance_svc`` serves; with a command it does that and ends.

``migrate`` · ``load-season FOLDER``

What only one of these needs is imported there: the application is most of a start, and ``migrate`` can do without.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from insurance_svc.settings import InsuranceSettings
from unioncard.keys import KeysError, load_keys
from unioncard.settings import settings_or_exit


def main() -> int:
    """Run what the command line asks for; the exit code: 0 done, 1 the file was refused, 2 wrong usage or settings."""
    asked = _arguments()
    settings = settings_or_exit(InsuranceSettings)
    try:
        if asked.command is None:
            _serve(settings)
        elif asked.command == "migrate":
            _migrate(settings)
        else:
            return asyncio.run(_load_season(settings, asked.folder))
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m insurance_svc", description="insurance-svc: serve, or run a command"
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    loading = commands.add_parser("load-season", help="take over prices, benefits and calendars from CSV files")
    loading.add_argument("folder", type=Path)
    return parser.parse_args()


def _serve(settings: InsuranceSettings) -> None:
    from insurance_svc.main import create_app
    from unioncard.service import serve, start

    serve(create_app(start("insurance-svc", settings), settings), settings)


def _migrate(settings: InsuranceSettings) -> None:
    from insurance_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("insurance", settings, load_keys(settings.keys_file)))


async def _load_season(settings: InsuranceSettings, folder: Path) -> int:
    from insurance_svc.maintenance import load_season
    from insurance_svc.seasons.files import BadSeason
    from unioncard.service import start

    context = start("insurance-svc", settings)
    try:
        loaded = await load_season(context.work, folder)
    except BadSeason as error:
        sys.stderr.write(f"{folder}:\n{error}\n")
        return 1
    finally:
        await context.engine.dispose()
    sys.stdout.write(f"{loaded.added} rows loaded, {loaded.same} were there, {loaded.kept} changed since and kept\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
