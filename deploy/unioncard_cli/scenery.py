"""A small federation to act in: organisations, accounts and outlets, loaded by the services' own commands."""

import csv
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from unioncard_cli.operators import Operator
from unioncard_cli.place import REPOSITORY, StackError
from unioncard_cli.stack import Stack

OUTLETS = REPOSITORY / "services" / "card-svc" / "samples" / "outlets.csv"
FEDERATION = "federation@unioncard.example"
#: Whoever approves what the first one asked for (four eyes).
SECOND_FEDERATION = "federation-2@unioncard.example"
CENTRE_REVIEWER = "centre-reviewer@unioncard.example"
#: Whoever confirms what the first one decided (four eyes), and answers medical questions.
SECOND_REVIEWER = "centre-reviewer-2@unioncard.example"
CENTRE_PAYER = "centre-payer@unioncard.example"

_CENTRAL_ACCOUNTS = {
    FEDERATION: "federation",
    SECOND_FEDERATION: "federation",
    CENTRE_REVIEWER: "centre_reviewer",
    SECOND_REVIEWER: "centre_reviewer",
    CENTRE_PAYER: "centre_payer",
}

_ORGANISATION = (
    "code",
    "parent_code",
    "level",
    "kind",
    "district_code",
    "name",
    "central_enterprise",
    "credit_code",
    "head_name",
    "head_phone",
)
_ACCOUNT = ("login", "password", "role", "organisation_code", "member_number")


@dataclass(frozen=True, slots=True)
class District:
    """A district of the scenery: its three digits, its name, and how many unions it has directly below."""

    code: str
    name: str
    unions: int
    kind: str = "district"

    def union(self, number: int) -> str:
        """The organisation code of one of its unions, counted from 1."""
        return f"U{self.code}-{number:05d}"

    @property
    def organisation(self) -> str:
        """Its own organisation code."""
        return f"D{self.code}"

    @property
    def login(self) -> str:
        """Its operator's account."""
        return f"{self.organisation.lower()}@unioncard.example"

    def union_login(self, number: int) -> str:
        """The account of one of its unions' operator."""
        return f"{self.union(number).lower()}@unioncard.example"


@dataclass(frozen=True, slots=True)
class Scenery:
    """What stands once it is loaded."""

    stack: Stack
    districts: Sequence[District]

    def federation(self) -> Operator:
        """The federation's operator, who also audits."""
        return self._operator(FEDERATION)

    def second_federation(self) -> Operator:
        """Another operator of the federation."""
        return self._operator(SECOND_FEDERATION)

    def centre_reviewer(self) -> Operator:
        """Who passes or returns batches at the mutual-aid centre, and decides on claims."""
        return self._operator(CENTRE_REVIEWER)

    def second_reviewer(self) -> Operator:
        """Another reviewer of the centre."""
        return self._operator(SECOND_REVIEWER)

    def centre_payer(self) -> Operator:
        """Who watches the account and writes batches off."""
        return self._operator(CENTRE_PAYER)

    def district(self, district: District) -> Operator:
        """The district's operator, direct superior of its unions."""
        return self._operator(district.login)

    def union(self, district: District, number: int) -> Operator:
        """The operator (经办人) of one union."""
        return self._operator(district.union_login(number))

    def _operator(self, login: str) -> Operator:
        place = self.stack.place
        services = place.url("member-svc"), place.url("card-svc")
        return Operator(
            *services,
            login,
            password(self.stack),
            insurance_url=place.url("insurance-svc"),
            claims_url=place.url("claims-svc"),
        )


def load(stack: Stack, districts: Sequence[District]) -> Scenery:
    """Load the scenery; what is there already stays as it is."""
    folder = stack.place.state / "scenery"
    folder.mkdir(parents=True, exist_ok=True)
    organisations = _write(folder / "organisations.csv", _ORGANISATION, _organisations(districts))
    accounts = _write(folder / "accounts.csv", _ACCOUNT, _accounts(districts, password(stack)))
    service_command(stack, "member-svc", "load-organisations", str(organisations))
    service_command(stack, "member-svc", "load-accounts", str(accounts))
    service_command(stack, "card-svc", "load-outlets", str(OUTLETS))
    return Scenery(stack, districts)


def password(stack: Stack) -> str:
    """The password of every account of the scenery: made once for each stack, in its state folder."""
    path = stack.place.state / "scenery" / "password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_text(f"Aa1-{secrets.token_urlsafe(12)}")
    return path.read_text()


def service_command(stack: Stack, service: str, *arguments: str) -> str:
    """Run ``python -m <service> <arguments>`` with the stack's settings; its output, or :class:`StackError`."""
    environment = {**os.environ, **stack.place.process_environment(service)}
    environment.pop("UNIONCARD_TRACE_FILE", None)  # the running service writes it
    done = subprocess.run(
        [sys.executable, "-m", service.replace("-", "_"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"{service} {arguments[0]} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def _organisations(districts: Sequence[District]) -> Iterable[Sequence[str]]:
    yield ("SH", "", "federation", "", "", "示例市总工会", "0", "", "", "")
    for district in districts:
        yield (district.organisation, "SH", "district", district.kind, district.code, district.name, "0", "", "", "")
        for number in range(1, district.unions + 1):
            name = f"{district.name}第{number}示例单位工会"
            yield (
                district.union(number),
                district.organisation,
                "union",
                "",
                "",
                name,
                "0",
                "",
                "张三",
                "021-00000000",
            )


def _accounts(districts: Sequence[District], secret: str) -> Iterable[Sequence[str]]:
    for login, role in _CENTRAL_ACCOUNTS.items():
        yield (login, secret, role, "SH", "")
    for district in districts:
        yield (district.login, secret, "district", district.organisation, "")
        for number in range(1, district.unions + 1):
            yield (district.union_login(number), secret, "union", district.union(number), "")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    # Accounts come with their password.
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path
