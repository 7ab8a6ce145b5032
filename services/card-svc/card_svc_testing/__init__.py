"""What the tests of card-svc share: a database of its own, people who do not exist, and messages without Kafka.

Not part of the product: no room but tests imports it.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from joserfc import jwt

from card_svc.main import create_app, parts_of
from card_svc.maintenance import SCRIPTS
from card_svc.metadata import APPEND_ONLY
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.auth import AUDIENCE, ISSUER, TokenCheck
from unioncard.contracts.members import Member, MembersChanged, Organisation, OrganisationsChanged
from unioncard.contracts.model import Command, Contract
from unioncard.database import ServiceDatabase, engine_for
from unioncard.documents import resident_check_character
from unioncard.keys import Keys, load_keys, write_key_files
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope
from unioncard.messaging.handling import InboxProcessor
from unioncard.migrations import migrate
from unioncard.partners import Dispatcher
from unioncard.principal import Role
from unioncard.service import Context, Parts
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
OUTLET = {"branch": "中东示例支行", "outlet": "ZD-001"}
SAMPLE_OUTLETS = Path(__file__).parent.parent / "samples" / "outlets.csv"
START = datetime.fromisoformat("2024-04-29T15:02:00+08:00")


@dataclass(slots=True)
class HandClock:
    """Stands where it was put."""

    at: datetime = START

    def now(self) -> datetime:
        """The instant it was put on."""
        return self.at


def member(member_id: int, **changed: Any) -> dict[str, Any]:
    """A normal member of UNION who does not exist, with plain fields."""
    first_17 = f"310101{date(1980, 1, 1) + timedelta(days=member_id % 9000):%Y%m%d}{member_id % 1000:03d}"
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
        "document_expiry": date(2035, 8, 7),
        "nationality": "中国",
        "sex": "male" if member_id % 2 else "female",
        "birth_date": date(1980, 1, 1) + timedelta(days=member_id % 9000),
        "mobile": f"138{member_id:08d}",
        "address": "上海市示例区示例路1号",
    } | changed


@dataclass(slots=True)
class Trial:
    """card-svc on a real database, its messages handed over by the test instead of Kafka."""

    folder: Path
    context: Context
    settings: CardSettings
    clock: HandClock
    member_keys: Keys
    app: FastAPI = field(init=False)
    parts: Parts = field(init=False)
    processor: InboxProcessor = field(init=False)
    personal: PersonalData = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(self.context, self.settings)
        self.personal = PersonalData(self.context.keys)
        self.parts = parts_of(self.context, self.settings, self.personal)
        assert self.parts.handlers is not None
        self.processor = InboxProcessor(self.context.work, self.parts.handlers, "card-svc")

        async def jwks() -> dict[str, Any]:
            return dict(self.member_keys.published_keys())

        self.app.state.context = self.context
        self.app.state.tokens = TokenCheck(jwks)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True), base_url="http://card"
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
        organisation: int = UNION,
        member_id: int | None = None,
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """A request as the operator of UNION, unless said otherwise, with a fresh idempotency key."""
        headers = {
            "Authorization": f"Bearer {self.token(role, organisation, member_id=member_id)}",
            "Idempotency-Key": key or uuid.uuid4().hex,
        }
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
            yield
            server.should_exit = True

    async def listed(self, count: int, *, first: int = 1, passed: bool = True, **changed: Any) -> list[int]:
        """Members on the to-do list of UNION, checked and passed."""
        ids = list(range(first, first + count))
        await self.tell_members(*(member(one, **changed) for one in ids))
        await self.ok("POST", "/todo", {"member_ids": ids})
        if passed:
            await self.run("UPDATE todo SET check_state = 'passed' WHERE member_id = ANY(:ids)", ids=ids)
        return ids

    async def submitted(self, count: int, *, channel: str = "normal", **more: Any) -> str:
        """The number of a batch with so many members."""
        await self.listed(count, **more)
        answer = await self.ok("POST", "/batches", submission(channel))
        return str(answer["batches"][0]["number"])


def submission(channel: str = "normal", **changed: Any) -> dict[str, Any]:
    """The body of POST /batches."""
    outlet = OUTLET if channel == "normal" else {}
    return {"channel": channel, "contact_name": "张三", "contact_mobile": "13800000000"} | outlet | changed


def card_number(member_id: int) -> str:
    """A card number for a member."""
    return f"629999{member_id:013d}"


def answer(number: str, results: Sequence[dict[str, Any]], answer_id: str | None = None) -> dict[str, Any]:
    """An answer of the bank."""
    return {
        "answer_id": answer_id or uuid.uuid4().hex,
        "batch_number": number,
        "answered_at": "2024-04-30T10:00:00+08:00",
        "complete": True,
        "results": list(results),
    }


def issued(member_id: int, **changed: Any) -> dict[str, Any]:
    """A card was made."""
    made = {"member_id": member_id, "status": "issued", "card_number": card_number(member_id)}
    return made | {"issued_at": "2024-04-30T10:00:00+08:00"} | changed


def failed(member_id: int, code: str = "DOCUMENT_MISMATCH", reason: str = "姓名与证件号码不一致") -> dict[str, Any]:
    """No card was made."""
    return {"member_id": member_id, "status": "failed", "reason_code": code, "reason": reason}


async def open_trial(admin_url: str, folder: Path, sandbox_url: str, **settings: Any) -> Trial:
    """card-svc on its own empty database, with the tree and the outlets."""
    write_key_files(folder / "keys")
    keys = load_keys(folder / "keys" / "card-svc.json")
    noun = f"card_{uuid.uuid4().hex[:8]}"
    app_password, owner_password = keys.database_passwords()
    database = ServiceDatabase(admin_url, noun, owner_password, app_password)
    await migrate_in_thread(database)
    given = CardSettings(database_url=admin_url, sandbox_url=sandbox_url, **settings)
    engine = engine_for(database.app_url, given)
    clock = HandClock()
    context = Context("card-svc", given, keys, clock, database, engine, UnitOfWork(engine, clock, "card-svc"))
    return Trial(folder, context, given, clock, load_keys(folder / "keys" / "member-svc.json"))


async def migrate_in_thread(database: ServiceDatabase) -> None:
    """Migrations have a loop of their own."""
    await asyncio.to_thread(migrate, database, SCRIPTS, APPEND_ONLY)
