"""Alembic migrations, run by the owner role."""
