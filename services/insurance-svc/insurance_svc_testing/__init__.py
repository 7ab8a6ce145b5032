"""What the tests of insurance-svc share: a database of its own and people who do not exist.

Not part of the product: no room but tests imports it.
"""

import asyncio
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

from insurance_svc.main import create_app, parts_of
from insurance_svc.maintenance import load_season, migrate_database
from insurance_svc.personal import PersonalData
from insurance_svc.settings import InsuranceSettings
from unioncard.contracts.cards import CardsChanged, CardState, CardStateOfMember
from unioncard.database import ServiceDatabase, engine_for
from unioncard.documents import resident_check_character
from unioncard.keys import load_keys, write_key_files
from unioncard.service import Context
from unioncard.unit_of_work import UnitOfWork
from unioncard_testing.trial import UNION, HandClock, ServiceTrial

START = datetime.fromisoformat("2019-11-04T10:00:00+08:00")
"""In the union window of the 2020 campaign."""

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
    """insurance-svc, and people with cards."""

    async def tell_cards(self, *member_ids: int, union_id: int = UNION, numbered_on: date = date(2019, 3, 1)) -> None:
        """Cards of these members, their numbers made on that day."""
        for start in range(0, len(member_ids), 1000):
            cards = [
                CardStateOfMember(
                    member_id=one, version=1, state=CardState.ISSUED, numbered_on=numbered_on, number_end="1234"
                )
                for one in member_ids[start : start + 1000]
            ]
            await self.tell(CardsChanged(union_id=union_id, cards=cards))

    async def load_seasons(self) -> None:
        """The seasons that come with the service: prices, benefits, calendars, central enterprises."""
        await load_season(self.context.work, SAMPLES)

    async def enrollable(self, count: int, *, first: int = 1, union_id: int = UNION, **card: Any) -> list[int]:
        """So many normal members of a union who hold a card."""
        ids = list(range(first, first + count))
        await self.tell_members(*(member(one, union_id=union_id) for one in ids))
        await self.tell_cards(*ids, union_id=union_id, **card)
        return ids


async def open_trial(admin_url: str, folder: Path, sandbox_url: str, **settings: Any) -> Context:
    """A context of insurance-svc on its own empty database."""
    write_key_files(folder / "keys")
    keys = load_keys(folder / "keys" / "insurance-svc.json")
    noun = f"insurance_{uuid.uuid4().hex[:8]}"
    app_password, owner_password = keys.database_passwords()
    database = ServiceDatabase(admin_url, noun, owner_password, app_password)
    await asyncio.to_thread(migrate_database, database)
    given = InsuranceSettings(
        database_url=admin_url, sandbox_url=sandbox_url, object_store=(folder / "objects").as_uri(), **settings
    )
    engine = engine_for(database.app_url, given)
    clock = HandClock(START)
    return Context("insurance-svc", given, keys, clock, database, engine, UnitOfWork(engine, clock, "insurance-svc"))


def trial_of(context: Context, folder: Path) -> Trial:
    """The service in that context."""
    assert isinstance(context.settings, InsuranceSettings)
    assert isinstance(context.clock, HandClock)
    app = create_app(context, context.settings)
    parts = parts_of(context, context.settings, PersonalData(context.keys))
    return Trial(folder, context, context.clock, load_keys(folder / "keys" / "member-svc.json"), app, parts)
