"""The service's tables gather here; importing :mod:`insurance_svc.tables` loads all of them."""

from sqlalchemy import MetaData

from unioncard.bulk import add_bulk_table
from unioncard.organisations import add_organisations_table
from unioncard.tables import add_crossing_tables

METADATA = MetaData()
add_crossing_tables(METADATA)
add_bulk_table(METADATA)
ORGANISATIONS = add_organisations_table(METADATA, with_credit_code=True)
AUDIT_LOG = METADATA.tables["audit_log"]

APPEND_ONLY = frozenset({"ledger"})
"""Beside the audit log: what the application role may only read and add to."""
