"""What operators run by hand: migrations."""

from pathlib import Path

from unioncard.database import ServiceDatabase
from unioncard.migrations import migrate

SCRIPTS = Path(__file__).parent / "migrations"


def migrate_database(database: ServiceDatabase) -> None:
    """Bring the database up to date; safe to repeat."""
    migrate(database, SCRIPTS)
