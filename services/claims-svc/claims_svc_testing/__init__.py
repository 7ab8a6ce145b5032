"""What the tests of claims-svc share: a database of its own and people who do not exist.

Not part of the product: no room but tests imports it.
"""

import asyncio
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx

from claims_svc.main import create_app, parts_of
from claims_svc.maintenance import load_illnesses, migrate_database
from claims_svc.papers.rules import PaperKind
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from claims_svc_testing.filing import PNG, assess_command
from unioncard.auth import Role
from unioncard.contracts.cover import PolicyCover
from unioncard.contracts.replies import CommandSucceeded
from unioncard.database import ServiceDatabase, engine_for
from unioncard.documents import resident_check_character
from unioncard.keys import load_keys, write_key_files
from unioncard.service import Context
from unioncard.unit_of_work import UnitOfWork
from unioncard_testing.trial import UNION, HandClock, ServiceTrial

START = datetime.fromisoformat("2020-03-10T10:00:00+08:00")
"""In the coverage year 2020."""

SAMPLES = Path(__file__).parents[1] / "samples"


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


class Trial(ServiceTrial):
    """claims-svc, and claims on their way."""

    async def load_catalogue(self) -> None:
        """The illnesses that come with the service."""
        await load_illnesses(self.context.work, SAMPLES)

    async def file(self, body: dict[str, Any], **caller: Any) -> str:
        """File a claim; its number."""
        return str((await self.ok("POST", "/claims", body, **caller))["number"])

    async def assess(self, number: str, *policies: PolicyCover) -> dict[str, Any]:
        """Hand on what insurance-svc found; how the claim stands then."""
        reply = await self.command(assess_command(number, policies), f"claim/{number}/assess/{uuid.uuid4().hex}")
        assert reply["type"] == CommandSucceeded.TYPE, reply
        return dict(reply["data"]["result"])

    async def upload(self, number: str, kind: PaperKind, content: bytes = PNG, **caller: Any) -> httpx.Response:
        """Send a paper."""
        files = {"file": ("paper.png", content)}
        return await self.call("POST", f"/claims/{number}/papers", files=files, data={"kind": kind.value}, **caller)

    async def upload_all(self, number: str, **caller: Any) -> None:
        """Send all papers that are missing."""
        for one in (await self.needs(number, **caller))["papers"]:
            response = await self.upload(number, PaperKind(one["kind"]), PNG, **caller)
            assert response.is_success, response.text

    async def stamp(self, number: str, paper: PaperKind = PaperKind.APPLICATION_FORM, **caller: Any) -> httpx.Response:
        """Put a stamp on a paper."""
        return await self.call("POST", f"/claims/{number}/stamps", {"paper": paper.value}, **caller)

    async def complete(self, number: str) -> None:
        """All papers, and all stamps by the district."""
        await self.upload_all(number)
        for one in (await self.needs(number))["stamps"]:
            response = await self.stamp(number, PaperKind(one["paper"]), role=Role.DISTRICT)
            assert response.is_success, response.text

    async def needs(self, number: str, **caller: Any) -> dict[str, Any]:
        """What a claim still needs."""
        return dict(await self.ok("GET", f"/claims/{number}/needs", **caller))

    async def claim(self, number: str, **caller: Any) -> dict[str, Any]:
        """A claim as it is shown."""
        return dict(await self.ok("GET", f"/claims/{number}", **caller))


async def open_trial(admin_url: str, folder: Path, sandbox_url: str, **settings: Any) -> Context:
    """A context of claims-svc on its own empty database."""
    write_key_files(folder / "keys")
    keys = load_keys(folder / "keys" / "claims-svc.json")
    noun = f"claims_{uuid.uuid4().hex[:8]}"
    app_password, owner_password = keys.database_passwords()
    database = ServiceDatabase(admin_url, noun, owner_password, app_password)
    await asyncio.to_thread(migrate_database, database)
    given = ClaimsSettings(
        database_url=admin_url, sandbox_url=sandbox_url, object_store=(folder / "objects").as_uri(), **settings
    )
    engine = engine_for(database.app_url, given)
    clock = HandClock(START)
    return Context("claims-svc", given, keys, clock, database, engine, UnitOfWork(engine, clock, "claims-svc"))


def trial_of(context: Context, folder: Path) -> Trial:
    """The service in that context."""
    assert isinstance(context.settings, ClaimsSettings)
    assert isinstance(context.clock, HandClock)
    app = create_app(context, context.settings)
    parts = parts_of(context, context.settings, PersonalData(context.keys))
    return Trial(folder, context, context.clock, load_keys(folder / "keys" / "member-svc.json"), app, parts)
