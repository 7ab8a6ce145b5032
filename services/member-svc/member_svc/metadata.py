"""The service's tables gather here; importing :mod:`member_svc.tables` loads all of them."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from unioncard.bulk import add_bulk_table
from unioncard.tables import add_crossing_tables

Row = Mapping[str, Any] | sa.RowMapping
"""A row of a result, or a dict that looks like one."""

METADATA = sa.MetaData()
add_crossing_tables(METADATA)
add_bulk_table(METADATA)

AUDIT_LOG = METADATA.tables["audit_log"]
