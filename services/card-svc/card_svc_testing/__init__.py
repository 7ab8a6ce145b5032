"""What the tests of card-svc share: a database of its own, people who do not exist, and messages without Kafka.

Not part of the product: no room but tests imports it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from card_svc.main import create_app, parts_of
from card_svc.maintenance import migrate_database
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.documents import resident_check_character
from unioncard.keys import load_keys
from unioncard.service import Context
from unioncard_testing.trial import UNION, HandClock, ServiceTrial, open_context
from unioncard_testing.trial import member as anybody

OUTLET = {"branch": "中东示例支行", "outlet": "ZD-001"}
SAMPLE_OUTLETS = Path(__file__).parent.parent / "samples" / "outlets.csv"
START = datetime.fromisoformat("2024-04-29T15:02:00+08:00")


def member(member_id: int, **changed: Any) -> dict[str, Any]:
    """A normal member of UNION who does not exist, with plain fields; a bank wants a document that expires."""
    born = date(1980, 1, 1) + timedelta(days=member_id % 9000)
    first_17 = f"310101{born:%Y%m%d}{member_id % 1000:03d}"
    own = {
        "document_number": first_17 + resident_check_character(first_17),
        "document_expiry": date(2035, 8, 7),
        "birth_date": born,
    }
    return anybody(member_id, **own | changed)


@dataclass
class Trial(ServiceTrial):
    """card-svc, with what a union does on its way to a batch."""

    settings: CardSettings
    personal: PersonalData

    async def call(
        self, method: str, path: str, body: Any = None, *, organisation: int | None = UNION, **more: Any
    ) -> httpx.Response:
        """A request at UNION, unless said otherwise, whatever the role."""
        return await super().call(method, path, body, organisation=organisation, **more)

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


async def open_trial(admin_url: str, folder: Path, sandbox_url: str, **settings: Any) -> Context:
    """A context of card-svc on its own empty database."""
    given = CardSettings(database_url=admin_url, sandbox_url=sandbox_url, **settings)
    return await open_context("card-svc", given, folder, migrate_database, START)


def trial_of(context: Context, folder: Path) -> Trial:
    """The service in that context."""
    settings, clock = context.settings, context.clock
    assert isinstance(settings, CardSettings)
    assert isinstance(clock, HandClock)
    personal = PersonalData(context.keys)
    parts = parts_of(context, settings, personal)
    member_keys = load_keys(folder / "keys" / "member-svc.json")
    return Trial(folder, context, clock, member_keys, create_app(context, settings), parts, settings, personal)
