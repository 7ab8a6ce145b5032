"""The ledger: pairs of rows that add up to zero, never changed."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA
from unioncard.tables import now_column

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("posting", sa.Text, nullable=False, comment="business key: batch/CB…/due; counts once"),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False, comment="debit positive, credit negative"),
    sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
    now_column("at"),
    sa.UniqueConstraint("posting", "account", "district_id", name="ledger_once"),
    sa.Index("ledger_account", "account", "district_id", "coverage_year"),
)
