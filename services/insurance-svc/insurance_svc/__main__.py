"""``python -m insurance_svc`` serves; with a command it does that and ends.

``migrate`` · ``load-season FOLDER`` · ``load-legacy FILE.csv``

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
    """Run what the command line asks for; the exit code: 0 done, 1 the file was refused, 2 wrong usage or settings.

    ``load-legacy``: 3 where it rejected lines.
    """
    asked = _arguments()
    settings = settings_or_exit(InsuranceSettings)
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
    parser = argparse.ArgumentParser(
        prog="python -m insurance_svc", description="insurance-svc: serve, or run a command"
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    loading = commands.add_parser("load-season", help="take over prices, benefits and calendars from CSV files")
    loading.add_argument("folder", type=Path)
    legacy = commands.add_parser("load-legacy", help="load undated policies of the previous system; resumable")
    legacy.add_argument("file", type=Path)
    legacy.add_argument("--rejects", type=Path, required=True, help="folder for the lines that are not loaded")
    legacy.add_argument("--wait", type=float, default=60.0, help="seconds without a new member until one is unknown")
    return parser.parse_args()


def _serve(settings: InsuranceSettings) -> None:
    from insurance_svc.main import create_app
    from unioncard.service import serve, start

    serve(create_app(start("insurance-svc", settings), settings), settings)


def _migrate(settings: InsuranceSettings) -> None:
    from insurance_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("insurance", settings, load_keys(settings.keys_file)))


async def _maintain(settings: InsuranceSettings, asked: argparse.Namespace) -> int:
    from insurance_svc.legacy.loading import load_policies
    from insurance_svc.maintenance import load_season
    from insurance_svc.seasons.files import BadSeason
    from unioncard.bulk import progress
    from unioncard.chunks import BadSource
    from unioncard.service import start

    context = start("insurance-svc", settings)
    try:
        if asked.command == "load-legacy":
            policies = await load_policies(context, asked.file, asked.rejects, wait_s=asked.wait, say=progress())
            sys.stderr.write(policies.summary("policies") + "\n")
            return policies.exit_code
        season = await load_season(context.work, asked.folder)
        same = f"{season.same} were there, {season.kept} changed since and kept"
        sys.stdout.write(f"{season.added} rows loaded, {same}\n")
    except BadSeason as error:
        sys.stderr.write(f"{asked.folder}:\n{error}\n")
        return 1
    except BadSource as bad_source:
        sys.stderr.write(f"{bad_source}\n")
        return 1
    finally:
        await context.engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
