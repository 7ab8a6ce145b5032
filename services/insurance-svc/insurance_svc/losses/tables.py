"""The read model of what was paid for claims."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

LOSSES = sa.Table(
    "losses",
    METADATA,
    # A payout counts once; what came back after it had been confirmed counts once more, the other way.
    sa.Column("payout_number", sa.Text, primary_key=True),
    sa.Column("district_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("class_code", sa.Text, primary_key=True),
    sa.Column("came_back", sa.Boolean, primary_key=True),
    sa.Column("benefit", sa.Text, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False, comment="paid positive, come back negative"),
    sa.CheckConstraint("came_back = (amount_fen < 0)", name="losses_came_back"),
    sa.Index("losses_district", "coverage_year", "district_id"),
)
