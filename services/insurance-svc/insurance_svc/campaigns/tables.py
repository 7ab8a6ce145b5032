"""Campaigns."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

CAMPAIGNS = sa.Table(
    "campaigns",
    METADATA,
    sa.Column("scheme", sa.Text, primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, server_default="planned"),
    sa.Column("participation_percent", sa.SmallInteger, comment="a union must enrol at least so many of its members"),
    sa.Column("participation_all_below", sa.Integer, comment="a union of fewer members must enrol all"),
    sa.Column("opened_at", sa.DateTime(timezone=True)),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("state IN ('planned', 'open', 'closed')", name="campaigns_state"),
)
