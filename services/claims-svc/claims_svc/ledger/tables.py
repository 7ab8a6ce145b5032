"""The ledger: rows that add up to zero, never changed."""

import sqlalchemy as sa

from claims_svc.metadata import METADATA
from unioncard.tables import now_column

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("posting", sa.Text, nullable=False, comment="business key: payout/FK…/sent; counts once"),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("claim_number", sa.Text, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False, comment="debit positive, credit negative"),
    sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
    now_column("at"),
    # A claim over two policies posts to the books of both.
    sa.UniqueConstraint("posting", "account", "district_id", "coverage_year", "class_code", name="ledger_once"),
    sa.Index("ledger_account", "account", "district_id", "coverage_year"),
    sa.Index("ledger_claim", "claim_number"),
)
