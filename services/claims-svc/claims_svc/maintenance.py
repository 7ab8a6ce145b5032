"""What is done to the database from the command line: migrations, and the catalogue of illnesses."""

from pathlib import Path

from claims_svc.metadata import APPEND_ONLY
from unioncard.database import ServiceDatabase
from unioncard.migrations import migrate

SCRIPTS = Path(__file__).parent / "migrations"


def migrate_database(database: ServiceDatabase) -> None:
    """Bring the database up to date; safe to repeat."""
    migrate(database, SCRIPTS, APPEND_ONLY)
