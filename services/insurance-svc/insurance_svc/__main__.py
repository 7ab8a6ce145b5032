"""``python -m insurance_svc``: serve. ``migrate`` is for operators."""

import sys

from insurance_svc.main import create_app
from insurance_svc.maintenance import migrate_database
from insurance_svc.settings import InsuranceSettings
from unioncard.keys import KeysError
from unioncard.service import serve, start
from unioncard.settings import settings_or_exit

USAGE = "usage: python -m insurance_svc [migrate]\n"


def main(arguments: list[str]) -> int:
    """Serve, or do what the arguments say; returns the exit code."""
    settings = settings_or_exit(InsuranceSettings)
    try:
        context = start("insurance-svc", settings)
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    match arguments:
        case []:
            serve(create_app(context, settings), settings)
        case ["migrate"]:
            migrate_database(context.database)
        case _:
            sys.stderr.write(USAGE)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
