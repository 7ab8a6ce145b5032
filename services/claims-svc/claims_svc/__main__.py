"""``python -m claims_svc`` serves; with a command it does that and ends.

``migrate``

What only one of these needs is imported there: the application is most of a start, and ``migrate`` can do without.
"""

import argparse
import sys

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
        else:
            _migrate(settings)
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m claims_svc", description="claims-svc: serve, or run a command")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    return parser.parse_args()


def _serve(settings: ClaimsSettings) -> None:
    from claims_svc.main import create_app
    from unioncard.service import serve, start

    serve(create_app(start("claims-svc", settings), settings), settings)


def _migrate(settings: ClaimsSettings) -> None:
    from claims_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("claims", settings, load_keys(settings.keys_file)))


if __name__ == "__main__":
    sys.exit(main())
