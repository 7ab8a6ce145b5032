"""What operators run by hand: migrations, and the files of a season."""

from pathlib import Path

from insurance_svc.metadata import APPEND_ONLY
from insurance_svc.seasons import load
from insurance_svc.seasons.load import SeasonLoaded
from unioncard.database import ServiceDatabase
from unioncard.migrations import migrate
from unioncard.unit_of_work import UnitOfWork

SCRIPTS = Path(__file__).parent / "migrations"


def migrate_database(database: ServiceDatabase) -> None:
    """Bring the database up to date; safe to repeat."""
    migrate(database, SCRIPTS, APPEND_ONLY)


async def load_season(work: UnitOfWork, folder: Path) -> SeasonLoaded:
    """Take over the files of a season; raises :class:`insurance_svc.seasons.files.BadSeason`."""
    async with work.begin("command:load-season") as tx:
        return await load.load_season(tx, folder)
