"""Makes every secret once and hands each process its own: ``python -m compose.secrets_volume /secrets``.

Each folder below ``/secrets`` is a volume of its own, and a container mounts one of them: no service can read the keys
of another. Nothing that exists is changed, so the job may run again at any time; after ``unioncard keys rotate`` on
the folder ``all`` it hands out the new keys.
"""

import os
import secrets
import sys
from pathlib import Path

from unioncard.keys import SERVICES, write_key_files

#: Who talks to Kafka under which name. ``admin`` makes topics and access rules, and resends dead letters.
KAFKA_USERS = ("admin", "member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows")
#: As pydantic-settings finds it in the folder that UNIONCARD_SECRETS_DIR names.
PASSWORD_FILE = "unioncard_kafka_sasl_password"  # noqa: S105  # a name, no password


def hand_out(root: Path) -> None:
    """Fills ``all`` with key files and every user's Kafka password, and each service's folder with its own."""
    everything = root / "all"
    write_key_files(everything)
    passwords = {user: _password(everything / f"kafka-{user}") for user in KAFKA_USERS}
    for service in SERVICES:
        _write(root / service / "keys.json", (everything / f"{service}.json").read_text(encoding="utf-8"))
        if service in passwords:
            _write(root / service / PASSWORD_FILE, passwords[service])
    _write(everything / PASSWORD_FILE, passwords["admin"])
    _write(root / "kafka" / "users", "".join(f"{user} {password}\n" for user, password in passwords.items()))


def _password(path: Path) -> str:
    if not path.exists():
        # letters and digits: it passes through a shell, a properties file and a JAAS line
        _write(path, secrets.token_hex(24))
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """The whole file or none of it, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)


if __name__ == "__main__":
    hand_out(Path(sys.argv[1]))
