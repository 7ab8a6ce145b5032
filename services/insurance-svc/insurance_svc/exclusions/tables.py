"""Whom the population office excludes from a coverage year."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

EXCLUSIONS = sa.Table(
    "exclusions",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False, comment="code of the office: retired, unemployment_benefit …"),
    sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
)
