"""A city of union members for a campaign, written straight into insurance-svc's tables, and who acts in it.

How members get there by events is what the bench ``legacy`` measures.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from bench.ground import database_url
from insurance_svc.personal import PersonalData
from member_svc.accounts.tokens import Signer
from unioncard.keys import load_keys
from unioncard.personal import PersonalFields
from unioncard.principal import Principal, Role
from unioncard_cli.operators import Operator
from unioncard_cli.stack import Stack

FEDERATION, FIRST_DISTRICT, FIRST_UNION, FIRST_MEMBER = 1, 2, 1_000, 1_000_000
#: Above the codes of central enterprises in the season's files.
_FIRST_CODE = 600
# Members by COPY, so many unions at a time.
_UNIONS_A_BLOCK = 50
# Tokens are good for a quarter of an hour.
_TOKEN_S = 600.0

_ORGANISATIONS = "id, parent_id, path, level, kind, name, district_code, central_enterprise, version"
_MEMBERS = "id, version, union_id, number, state, kind, name, name_hash, document_type, document_number, document_hash"


@dataclass(frozen=True, slots=True)
class Size:
    """How many districts, unions in each, and members in each of those."""

    districts: int
    unions: int
    members: int

    @property
    def all_unions(self) -> int:
        return self.districts * self.unions

    @property
    def all_members(self) -> int:
        return self.all_unions * self.members

    def district_ids(self) -> range:
        return range(FIRST_DISTRICT, FIRST_DISTRICT + self.districts)

    def unions_of(self, district_id: int) -> range:
        first = FIRST_UNION + (district_id - FIRST_DISTRICT) * self.unions
        return range(first, first + self.unions)

    def __str__(self) -> str:
        return f"{self.districts} districts, {self.all_unions:,} unions, {self.all_members:,} members"


@dataclass(slots=True)
class Tokens:
    """Tokens as member-svc signs them, so that no password is checked while the clock runs."""

    signer: Signer
    _signed: dict[tuple[Role, int], tuple[float, str]] = field(default_factory=dict)
    _operators: dict[tuple[Role, int], Operator] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: Stack) -> "Tokens":
        """With the stack's own key."""
        return cls(Signer(load_keys(stack.place.state / "keys" / "member-svc.json")))

    def token(self, role: Role, organisation_id: int) -> str:
        """A token that is good for some minutes more."""
        until, token = self._signed.get((role, organisation_id), (0.0, ""))
        if time.monotonic() > until:
            token = self.signer.token(Principal(organisation_id, role, organisation_id))
            self._signed[role, organisation_id] = (time.monotonic() + _TOKEN_S, token)
        return token

    def operator(self, stack: Stack, role: Role, organisation_id: int) -> Operator:
        """Somebody at a screen, the same each time."""
        who = (role, organisation_id)
        if who not in self._operators:
            self._operators[who] = _LoggedIn(stack, self, role, organisation_id)
        return self._operators[who]


class _LoggedIn(Operator):
    """An operator who needs no password."""

    def __init__(self, stack: Stack, tokens: Tokens, role: Role, organisation_id: int) -> None:
        place, login = stack.place, f"{role}-{organisation_id}@unioncard.example"
        super().__init__(
            place.url("member-svc"),
            place.url("card-svc"),
            login,
            "",
            insurance_url=place.url("insurance-svc"),
            claims_url=place.url("claims-svc"),
        )
        self._tokens, self._who = tokens, (role, organisation_id)

    def _fresh_token(self) -> str:
        return self._tokens.token(*self._who)


def build(stack: Stack, size: Size) -> None:
    """Organisations, members in service and their cards, with names and numbers encrypted as in life. Blocking."""
    personal = PersonalData(load_keys(stack.place.state / "keys" / "insurance-svc.json"))
    with psycopg.connect(database_url(stack, "insurance"), autocommit=True) as conn:
        copy_organisations(conn, size)
        copy_members(conn, size, personal)
        conn.execute("INSERT INTO cards SELECT id, 1, 'issued', DATE '2018-05-31', right(number, 4) FROM members")
        conn.execute("VACUUM ANALYZE")


def copy_organisations(conn: psycopg.Connection, size: Size) -> None:
    """The tree, into a service's copy of it."""
    copy(conn, f"organisations ({_ORGANISATIONS})", iter(["".join(_organisations(size))]))


def copy_members(conn: psycopg.Connection, size: Size, personal: PersonalFields) -> None:
    """The members, into a service's copy of them, encrypted with its key."""
    copy(conn, f"members ({_MEMBERS})", _member_blocks(size, personal))


def copy(conn: psycopg.Connection, into: str, blocks: Iterator[str]) -> None:
    """Rows as text, by COPY."""
    with conn.cursor().copy(f"COPY {into} FROM STDIN".encode()) as copy:
        for block in blocks:
            copy.write(block)


def _organisations(size: Size) -> Iterator[str]:
    def line(id_: int, parent: int | None, path: str, level: str, name: str, code: str) -> str:
        kind = "federation" if parent is None else "district"
        above = "\\N" if parent is None else parent
        return f"{id_}\t{above}\t{path}\t{level}\t{kind}\t{name}\t{code}\tf\t1\n"

    yield line(FEDERATION, None, f"/{FEDERATION}/", "federation", "示例市总工会", "\\N")
    for district in size.district_ids():
        code = str(_FIRST_CODE + district)
        path = f"/{FEDERATION}/{district}/"
        yield line(district, FEDERATION, path, "district", f"示例第{district}区总工会", code)
        for union in size.unions_of(district):
            yield line(union, district, f"{path}{union}/", "union", f"第{union}示例单位工会", code)


def _member_blocks(size: Size, personal: PersonalFields) -> Iterator[str]:
    unions = [(district, union) for district in size.district_ids() for union in size.unions_of(district)]
    for start in range(0, len(unions), _UNIONS_A_BLOCK):
        block = unions[start : start + _UNIONS_A_BLOCK]
        yield "".join(line for district, union in block for line in _members(size, personal, district, union))


def _members(size: Size, personal: PersonalFields, district: int, union: int) -> Iterator[str]:
    first = FIRST_MEMBER + (union - FIRST_UNION) * size.members
    name_hash = personal.name_hash("王示例")
    for member in range(first, first + size.members):
        number, document = f"{_FIRST_CODE + district}{member:07d}", f"310101{member:011d}X"
        yield (
            f"{member}\t1\t{union}\t{number}\tnormal\temployed\t{personal.encrypt('name', member, '王示例')}\t"
            f"{name_hash}\tresident_identity_card\t{personal.encrypt('document_number', member, document)}\t"
            f"{personal.document_hash(document)}\n"
        )
