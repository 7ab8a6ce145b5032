"""The service as its callers meet it: HTTP over the application, on a real database."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from member_svc.accounts.tokens import Signer
from member_svc_testing.rosters import Cell, workbook
from unioncard.messaging.envelope import Envelope
from unioncard.principal import Principal, Role
from unioncard.service import Context

# What the fixture loads; tests name organisations by these codes.
ORGANISATIONS = """\
code,parent_code,level,kind,district_code,name,central_enterprise,credit_code,head_name,head_phone
SH,,federation,,,示例市总工会,,,,
D1,SH,district,district,363,示例区总工会,,,,
D2,SH,district,bureau,301,示例局工会,,,,
S1,D1,second_level,,,示例联合工会,,,,
U1,D1,union,,,示例一厂工会,,81310000MC00000118,张三,021-50000001
U2,D1,union,,,示例二厂工会,,,,
U3,S1,union,,,示例三厂工会,,,,
U4,D2,union,,,示例四厂工会,1,,,
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Requests with one account's token."""

    client: httpx.AsyncClient
    principal: Principal
    headers: dict[str, str]

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params, headers=self.headers)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        keyed = self.headers | {"Idempotency-Key": key or uuid.uuid4().hex}
        return await self.client.post(path, json=body, headers=keyed)

    async def upload(self, content: bytes, *, name: str = "名册.xlsx", key: str | None = None) -> httpx.Response:
        keyed = self.headers | {"Idempotency-Key": key or uuid.uuid4().hex}
        return await self.client.post("/imports", files={"file": (name, content)}, headers=keyed)

    async def import_people(self, rows: Sequence[Mapping[str, Cell]]) -> int:
        """Upload a sound roster; the import's id."""
        answer = await self.upload(workbook(rows))
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def decide(self, import_id: int, decision: str = "approve", **more: Any) -> httpx.Response:
        return await self.post(f"/imports/{import_id}/approval", {"decision": decision, **more})


class World:
    """The application, its database, and accounts made on the way."""

    def __init__(self, app: FastAPI, context: Context, client: httpx.AsyncClient, ids: dict[str, int]) -> None:
        self.app = app
        self.context = context
        self.client = client
        self.ids = ids
        self._signer = Signer(context.keys)
        self._callers: dict[str, Caller] = {}

    async def caller(self, role: Role, code: str, which: int = 1) -> Caller:
        """An account of this role at this organisation; ``which`` tells several apart."""
        login = f"{role}-{code}-{which}@example.org".lower()
        if login not in self._callers:
            account_id = await self.value(
                "INSERT INTO accounts (login, password_hash, role, organisation_id) VALUES (:login, '-', :role, :org)"
                " RETURNING id",
                login=login,
                role=role,
                org=self.ids[code],
            )
            principal = Principal(account_id, role, self.ids[code])
            token = self._signer.token(principal)
            self._callers[login] = Caller(self.client, principal, {"Authorization": f"Bearer {token}"})
        return self._callers[login]

    async def union(self, code: str = "U1", which: int = 1) -> Caller:
        return await self.caller(Role.UNION, code, which)

    async def district(self, code: str = "D1", which: int = 1) -> Caller:
        return await self.caller(Role.DISTRICT, code, which)

    async def second_level(self, code: str = "S1") -> Caller:
        return await self.caller(Role.SECOND_LEVEL, code)

    async def federation(self) -> Caller:
        return await self.caller(Role.FEDERATION, "SH")

    async def members_of(self, code: str, rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Any]]:
        """Import and approve a roster below a district; the members as their union lists them."""
        union = await self.union(code)
        superior = await self.second_level() if code == "U3" else await self.district("D2" if code == "U4" else "D1")
        decided = await superior.decide(await union.import_people(rows))
        assert decided.status_code == 200, decided.text
        return list((await union.get("/members", limit=200)).json()["items"])

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        async with self.context.engine.begin() as conn:
            return [dict(row) for row in (await conn.execute(sa.text(query), values)).mappings()]

    async def value(self, query: str, **values: Any) -> Any:
        async with self.context.engine.begin() as conn:
            return await conn.scalar(sa.text(query), values)

    async def run(self, statement: str, **values: Any) -> None:
        async with self.context.engine.begin() as conn:
            await conn.execute(sa.text(statement), values)

    async def outbox(self, type_: str) -> list[Envelope]:
        """Messages of a type that wait to be sent, oldest first."""
        found = await self.rows("SELECT body FROM outbox ORDER BY id")
        return [e for e in (Envelope.decode(row["body"]) for row in found) if e.type == type_]
