"""清算: each district's surplus or shortfall of a year, entered by the centre with four eyes."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

SETTLEMENTS = sa.Table(
    "settlements",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False, comment="surplus positive, shortfall negative"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("entered_by", sa.BigInteger, nullable=False),
    sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by", sa.BigInteger),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="settlements_state"),
    sa.CheckConstraint("decided_by <> entered_by", name="settlements_four_eyes"),
    sa.Index(
        "settlements_once",
        "district_id",
        "coverage_year",
        unique=True,
        postgresql_where=sa.text("state <> 'refused'"),
    ),
)
