"""Alembic runs inside a transaction that the caller opened as the database's owner."""

from alembic import context

from claims_svc.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
