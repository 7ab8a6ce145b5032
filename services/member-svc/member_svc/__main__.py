"""``python -m member_svc`` serves; with a command it does that and ends.

``migrate`` · ``load-organisations FILE.csv`` · ``load-accounts FILE.csv`` · ``load-legacy FILE.csv`` · ``republish``

What only one of these needs is imported there: the application is most of a start, and ``migrate`` can do without.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from unioncard.keys import KeysError, load_keys
from unioncard.settings import Settings, settings_or_exit


def main() -> int:
    """Run what the command line asks for; the exit code: 0 done, 1 the file was refused, 2 wrong usage or settings.

    ``load-legacy``: 3 where it rejected lines.
    """
    asked = _arguments()
    settings = settings_or_exit(Settings)
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
    parser = argparse.ArgumentParser(prog="python -m member_svc", description="member-svc: serve, or run a command")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="make or update the database")
    for name, what in (("load-organisations", "the organisation tree"), ("load-accounts", "accounts")):
        commands.add_parser(name, help=f"load {what} from a CSV file").add_argument("file", type=Path)
    legacy = commands.add_parser("load-legacy", help="load members of the previous system from a CSV file; resumable")
    legacy.add_argument("file", type=Path)
    legacy.add_argument("--rejects", type=Path, required=True, help="folder for the lines that are not loaded")
    legacy.add_argument("--workers", type=int, help="processes that check and encrypt; else one a core")
    commands.add_parser("republish", help="send the whole state as events again, for a new reader")
    return parser.parse_args()


def _serve(settings: Settings) -> None:
    from member_svc.main import application
    from unioncard.service import serve, start

    serve(application(start("member-svc", settings)), settings)


def _migrate(settings: Settings) -> None:
    from member_svc.maintenance import migrate_database
    from unioncard.database import service_database

    migrate_database(service_database("member", settings, load_keys(settings.keys_file)))


async def _maintain(settings: Settings, asked: argparse.Namespace) -> int:
    from member_svc.accounts.loading import load_accounts
    from member_svc.csv_files import BadFile
    from member_svc.legacy.loading import load_members
    from member_svc.organisations.loading import load_organisations
    from member_svc.republishing import republish
    from unioncard.bulk import progress
    from unioncard.chunks import BadSource
    from unioncard.service import start

    context = start("member-svc", settings)
    try:
        if asked.command == "load-organisations":
            loaded = await load_organisations(context, asked.file)
            _say(f"{loaded.lines} lines, {loaded.changed} organisations new or changed")
        elif asked.command == "load-accounts":
            accounts = await load_accounts(context, asked.file)
            for login, password in accounts.generated:
                print(f"{login},{password}")  # noqa: T201  # standard output has nothing else
            _say(f"{accounts.lines} lines, {accounts.changed} accounts new or changed")
        elif asked.command == "load-legacy":
            members = await load_members(context, asked.file, asked.rejects, workers=asked.workers, say=progress())
            _say(members.summary("members"))
            return members.exit_code
        else:
            organisations, told = await republish(context)
            _say(f"{organisations} organisations and {told} members published again")
    except BadFile as bad:
        sys.stderr.write(f"文件未加载，请修改后重试：\n{bad}\n")
        return 1
    except BadSource as bad_source:
        sys.stderr.write(f"{bad_source}\n")
        return 1
    finally:
        await context.engine.dispose()
    return 0


def _say(what: str) -> None:
    sys.stderr.write(what + "\n")


if __name__ == "__main__":
    sys.exit(main())
