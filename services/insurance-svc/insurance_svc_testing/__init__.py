"""What the tests of insurance-svc share: a database of its own and people who do not exist.

Not part of the product: no room but tests imports it.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from insurance_svc.main import create_app, parts_of
from insurance_svc.maintenance import load_season, migrate_database
from insurance_svc.personal import PersonalData
from insurance_svc.settings import InsuranceSettings
from unioncard.contracts.cards import CardsChanged, CardState, CardStateOfMember
from unioncard.keys import load_keys
from unioncard.service import Context
from unioncard_testing.trial import UNION, HandClock, ServiceTrial, open_context
from unioncard_testing.trial import member as member

START = datetime.fromisoformat("2019-11-04T10:00:00+08:00")
"""In the union window of the 2020 campaign."""

SAMPLES = Path(__file__).parents[1] / "samples"


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
    given = InsuranceSettings(
        database_url=admin_url, sandbox_url=sandbox_url, object_store=(folder / "objects").as_uri(), **settings
    )
    return await open_context("insurance-svc", given, folder, migrate_database, START)


def trial_of(context: Context, folder: Path) -> Trial:
    """The service in that context."""
    assert isinstance(context.settings, InsuranceSettings)
    assert isinstance(context.clock, HandClock)
    app = create_app(context, context.settings)
    parts = parts_of(context, context.settings, PersonalData(context.keys))
    return Trial(folder, context, context.clock, load_keys(folder / "keys" / "member-svc.json"), app, parts)
