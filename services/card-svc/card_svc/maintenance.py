"""What operators run by hand: migrations, the outlet directory, and telling all card states anew."""

from pathlib import Path

from card_svc.cards import store as cards
from card_svc.metadata import APPEND_ONLY
from card_svc.outlets.load import load
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


async def republish(work: UnitOfWork) -> int:
    """Tell every card state anew, a page a transaction; readers keep what is newer. Returns how many."""
    after, told = 0, 0
    while True:
        async with work.begin("command:republish") as tx:
            page = await cards.snapshot_page(tx.conn, after, 10_000)
            cards.publish(tx, page)
        if not page:
            return told
        after, told = page[-1].member_id, told + len(page)
