"""What is done to the database from the command line: migrations, and the catalogue of illnesses."""

from pathlib import Path

from claims_svc.illnesses import load
from claims_svc.illnesses.load import CatalogueLoaded
from claims_svc.metadata import APPEND_ONLY
from unioncard.database import ServiceDatabase
from unioncard.migrations import migrate
from unioncard.unit_of_work import UnitOfWork

SCRIPTS = Path(__file__).parent / "migrations"


def migrate_database(database: ServiceDatabase) -> None:
    """Bring the database up to date; safe to repeat."""
    migrate(database, SCRIPTS, APPEND_ONLY)


async def load_illnesses(work: UnitOfWork, folder: Path) -> CatalogueLoaded:
    """Take over the files of the catalogue; raises :class:`claims_svc.illnesses.load.BadCatalogue`."""
    async with work.begin("command:load-illnesses") as tx:
        return await load.load_catalogue(tx, folder)
