"""What operators run by hand: migrations, the outlet directory, and telling all card states anew."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from card_svc.cards import store as cards
from card_svc.metadata import APPEND_ONLY
from card_svc.outlets.load import load
from card_svc.personal import PersonalData
from unioncard.database import ServiceDatabase
from unioncard.migrations import migrate
from unioncard.unit_of_work import UnitOfWork

SCRIPTS = Path(__file__).parent / "migrations"


def migrate_database(database: ServiceDatabase) -> None:
    """Bring the database up to date; safe to repeat."""
    migrate(database, SCRIPTS, APPEND_ONLY)


async def load_outlets(work: UnitOfWork, content: bytes) -> int:
    """Replace the directory of outlets; returns how many it has."""
    async with work.begin("command:load-outlets") as tx:
        count = await load(tx.conn, content)
        tx.audit("outlets.loaded", "outlets:all", after={"outlets": count})
    return count


async def republish(work: UnitOfWork, personal: PersonalData) -> int:
    """Tell every card state anew, a page a transaction; readers keep what is newer. Returns how many."""
    await _keep_ends(work, personal)
    after, told = 0, 0
    while True:
        async with work.begin("command:republish") as tx:
            page = await cards.snapshot_page(tx.conn, after, 10_000)
            cards.publish(tx, page)
        if not page:
            return told
        after, told = page[-1].member_id, told + len(page)


async def _keep_ends(work: UnitOfWork, personal: PersonalData) -> None:
    """Card numbers from before their last four digits were kept get them, a page a transaction."""
    while True:
        async with work.begin("command:republish") as tx:
            numbers = await cards.without_end(tx.conn, 10_000)
            ends = await asyncio.to_thread(_ends, personal, numbers)
            await cards.keep_ends(tx.conn, ends)
        if not numbers:
            return


def _ends(personal: PersonalData, numbers: Mapping[int, str]) -> dict[int, str]:
    return {member: personal.decrypt("card_number", member, number)[-4:] for member, number in numbers.items()}
