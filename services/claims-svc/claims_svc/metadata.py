"""The service's tables gather here; importing :mod:`claims_svc.tables` loads all of them."""

from sqlalchemy import MetaData

from unioncard.organisations import add_organisations_table
from unioncard.tables import add_crossing_tables

METADATA = MetaData()
add_crossing_tables(METADATA)
ORGANISATIONS = add_organisations_table(METADATA)
AUDIT_LOG = METADATA.tables["audit_log"]

APPEND_ONLY: frozenset[str] = frozenset({"ledger"})
"""Beside the audit log: what the application role may only read and add to."""
