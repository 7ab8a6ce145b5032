"""Whom the population office excludes from a coverage year."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

EXCLUSIONS = sa.Table(
    "exclusions",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False, comment="what the office says: retired or deceased"),
    sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
)
