"""What the tests of claims-svc share: a database of its own and people who do not exist.

Not part of the product: no room but tests imports it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
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
from unioncard.keys import load_keys
from unioncard.service import Context
from unioncard_testing.trial import HandClock, ServiceTrial, open_context
from unioncard_testing.trial import member as member

START = datetime.fromisoformat("2020-03-10T10:00:00+08:00")
"""In the coverage year 2020."""

SAMPLES = Path(__file__).parents[1] / "samples"


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
        return await self.upload_many(number, [(kind, content)], **caller)

    async def upload_many(
        self, number: str, papers: Sequence[tuple[PaperKind, bytes]], **caller: Any
    ) -> httpx.Response:
        """Send papers in one request."""
        files = [("file", ("paper.png", content)) for _, content in papers]
        kinds = {"kind": [kind.value for kind, _ in papers]}
        return await self.call("POST", f"/claims/{number}/papers", files=files, data=kinds, **caller)

    async def upload_all(self, number: str, **caller: Any) -> None:
        """Send all papers that are missing, in one request."""
        missing = [(PaperKind(one["kind"]), PNG) for one in (await self.needs(number, **caller))["papers"]]
        if missing:
            response = await self.upload_many(number, missing, **caller)
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
    given = ClaimsSettings(
        database_url=admin_url, sandbox_url=sandbox_url, object_store=(folder / "objects").as_uri(), **settings
    )
    return await open_context("claims-svc", given, folder, migrate_database, START)


def trial_of(context: Context, folder: Path) -> Trial:
    """The service in that context."""
    assert isinstance(context.settings, ClaimsSettings)
    assert isinstance(context.clock, HandClock)
    app = create_app(context, context.settings)
    parts = parts_of(context, context.settings, PersonalData(context.keys))
    return Trial(folder, context, context.clock, load_keys(folder / "keys" / "member-svc.json"), app, parts)
