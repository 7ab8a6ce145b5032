"""A service on a real database, its messages handed over by the test instead of Kafka.

What the tests of several services share. Not part of the product: no room but tests imports it.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from joserfc import jwt

from unioncard.auth import AUDIENCE, ISSUER, TokenCheck
from unioncard.contracts.members import Member, MembersChanged, Organisation, OrganisationsChanged
from unioncard.contracts.model import Command, Contract
from unioncard.database import ServiceDatabase, engine_for
from unioncard.documents import resident_check_character
from unioncard.keys import Keys, load_keys, write_key_files
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import InboxProcessor
from unioncard.partners import Dispatcher
from unioncard.principal import Role
from unioncard.service import Context, Parts
from unioncard.settings import Settings
from unioncard.unit_of_work import UnitOfWork
from unioncard_testing import envelope_of, eventually, running

# A tree: the federation, two districts, a second-level union and three unions.
FEDERATION, DISTRICT, OTHER_DISTRICT, SECOND, UNION, SIBLING, STRANGER = 1, 12, 13, 120, 345, 346, 400
TREE = (
    (FEDERATION, None, "/1/", "federation", "federation", "上海市示例总工会", None),
    (DISTRICT, FEDERATION, "/1/12/", "district", "district", "示例区总工会", "363"),
    (OTHER_DISTRICT, FEDERATION, "/1/13/", "district", "bureau", "样本局工会", "007"),
    (SECOND, DISTRICT, "/1/12/120/", "second_level", "district", "示例镇总工会", "363"),
    (UNION, SECOND, "/1/12/120/345/", "union", "district", "示例科技公司工会", "363"),
    (SIBLING, SECOND, "/1/12/120/346/", "union", "district", "样本贸易公司工会", "363"),
    (STRANGER, OTHER_DISTRICT, "/1/13/400/", "union", "bureau", "虚构制造厂工会", "007"),
)
# Who stands where in TREE, for requests in a role.
HOME = {
    Role.UNION: UNION,
    Role.SECOND_LEVEL: SECOND,
    Role.DISTRICT: DISTRICT,
    Role.CENTRE_REVIEWER: FEDERATION,
    Role.CENTRE_PAYER: FEDERATION,
    Role.FEDERATION: FEDERATION,
    Role.MEMBER: UNION,
    Role.BANK: FEDERATION,
}


@dataclass(slots=True)
class HandClock:
    """Stands where it was put."""

    at: datetime

    def now(self) -> datetime:
        """The instant it was put on."""
        return self.at


def member(member_id: int, **changed: Any) -> dict[str, Any]:
    """A normal member of UNION who does not exist, with plain fields."""
    first_17 = f"310101198{member_id % 10}0101{member_id % 1000:03d}"
    return {
        "id": member_id,
        "version": 1,
        "union_id": UNION,
        "number": f"363{member_id:07d}",
        "state": "normal",
        "kind": "employed",
        "name": "王芳",
        "document_type": "resident_identity_card",
        "document_number": first_17 + resident_check_character(first_17),
        "document_expiry": None,
        "nationality": "中国",
        "sex": "male" if member_id % 2 else "female",
        "birth_date": date(1980 + member_id % 10, 1, 1),
        "mobile": f"138{member_id:08d}",
        "address": "上海市示例区示例路1号",
    } | changed


async def open_context(
    name: str, settings: Settings, folder: Path, migrate: Callable[[ServiceDatabase], None], start: datetime
) -> Context:
    """A context of the service ``name`` on its own empty database, its keys in ``folder``, its clock at ``start``."""
    write_key_files(folder / "keys")
    keys = load_keys(folder / "keys" / f"{name}.json")
    noun = f"{name.removesuffix('-svc')}_{uuid.uuid4().hex[:8]}"
    app_password, owner_password = keys.database_passwords()
    database = ServiceDatabase(settings.database_url, noun, owner_password, app_password)
    # Migrations have a loop of their own.
    await asyncio.to_thread(migrate, database)
    engine = engine_for(database.app_url, settings)
    clock = HandClock(start)
    return Context(name, settings, keys, clock, database, engine, UnitOfWork(engine, clock, name))


@dataclass
class ServiceTrial:
    """One service: its application, what it listens to, and requests in any role."""

    folder: Path
    context: Context
    clock: HandClock
    member_keys: Keys
    app: FastAPI
    parts: Parts
    processor: InboxProcessor = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        assert self.parts.handlers is not None
        self.processor = InboxProcessor(self.context.work, self.parts.handlers, self.context.name)

        async def jwks() -> dict[str, Any]:
            return dict(self.member_keys.published_keys())

        self.app.state.context = self.context
        self.app.state.tokens = TokenCheck(jwks)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True), base_url="http://service"
        )

    def token(self, role: Role, organisation: int, *, member_id: int | None = None, account: int = 0) -> str:
        """A token as member-svc signs them."""
        key = self.member_keys.token_signing_key()
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account or organisation),
            "role": role.value,
            "org": organisation,
            "iat": now,
            "exp": now + 600,
        }
        if member_id is not None:
            claims["member"] = member_id
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.UNION,
        organisation: int | None = None,
        member_id: int | None = None,
        key: str | None = None,
        account: int = 0,
        traceparent: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """A request as the operator of UNION, unless said otherwise, with a fresh idempotency key.

        The role's home in TREE unless another ``organisation`` is given; accounts are the organisation's id unless
        ``account`` says otherwise (four eyes need two).
        """
        home = HOME[role] if organisation is None else organisation
        headers = {
            "Authorization": f"Bearer {self.token(role, home, member_id=member_id, account=account)}",
            "Idempotency-Key": key or uuid.uuid4().hex,
        } | ({"traceparent": traceparent} if traceparent else {})
        return await self.client.request(method, path, json=body, headers=headers, **more)

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The answer of a request that must succeed."""
        response = await self.call(method, path, body, **more)
        assert response.is_success, (response.status_code, response.text)
        return response.json() if response.content else None

    async def tell(self, *messages: Contract | Envelope) -> None:
        """Hand these messages to the service, as its consumer would."""
        envelopes = [one if isinstance(one, Envelope) else envelope_of(one) for one in messages]
        await self.processor.process([Record("t", 0, n, "k", e.encode()) for n, e in enumerate(envelopes)])

    async def tell_tree(self) -> None:
        """The organisations."""
        names = ("id", "parent_id", "path", "level", "kind", "name", "district_code")
        rows = [Organisation(version=1, **dict(zip(names, one, strict=True))) for one in TREE]
        await self.tell(OrganisationsChanged(organisations=rows))

    async def tell_members(self, *members: dict[str, Any]) -> None:
        """Members with plain fields, sealed as member-svc does."""
        # 500 of these stay under the limit of a message.
        for start in range(0, len(members), 500):
            await self.tell(self.sealed(*members[start : start + 500]))

    def sealed(self, *members: dict[str, Any]) -> MembersChanged:
        """The event that tells of these members."""
        seal = self.member_keys.transport_sealer().new_message()
        rows = [
            Member(
                **one
                | {f: seal.encrypt(f, one["id"], one[f]) for f in ("name", "document_number", "mobile", "address")}
            )
            for one in members
        ]
        return MembersChanged(union_id=members[0]["union_id"], seal=seal.header, members=rows)

    async def command(self, command: Command, key: str) -> dict[str, Any]:
        """Send a command and wait for its reply: ``{"type": …, "data": …}``."""
        address = uuid.uuid4().hex
        await self.tell(envelope_of(command, idempotencykey=key, replyto=address))

        async def reply() -> Any:
            return [one for one in await self.sent() if one.replyto == address]

        found = await eventually(reply)
        return {"type": found[0].type, "data": found[0].data}

    async def sent(self, type_: str | None = None) -> list[Envelope]:
        """What lies in the outbox, in the order it was written."""
        bodies = await self.column("SELECT body FROM outbox ORDER BY id")
        envelopes = [Envelope.decode(bytes(body)) for body in bodies]
        return [one for one in envelopes if type_ in (None, one.type)]

    async def column(self, statement: str, **values: Any) -> list[Any]:
        """One column of the database."""
        async with self.context.engine.connect() as conn:
            return list((await conn.execute(sa.text(statement), values)).scalars())

    async def run(self, statement: str, **values: Any) -> None:
        """Change the database behind the service's back."""
        async with self.context.engine.begin() as conn:
            await conn.execute(sa.text(statement), values)

    @contextlib.asynccontextmanager
    async def dispatching(self) -> AsyncIterator[None]:
        """With the callers of the partners at work."""
        url = self.context.database.app_url
        dispatchers = [
            Dispatcher(name, operations, self.context.work, url).run for name, operations in self.parts.partners.items()
        ]
        async with running(*dispatchers):
            yield

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """With HTTP on a port, for partners that call back."""
        config = uvicorn.Config(self.app, port=port, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        async with running(server.serve):
            await eventually(lambda: server.started)
            try:
                yield
            finally:
                # By then the port must be free for the next test.
                await server.shutdown()
