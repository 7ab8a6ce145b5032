"""Unit accounts (单位账户) that a district has named for payouts."""

import sqlalchemy as sa

from claims_svc.metadata import METADATA

UNIT_ACCOUNTS = sa.Table(
    "unit_accounts",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("holder_name", sa.Text, nullable=False, comment="户名, encrypted"),
    sa.Column("account_number", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("account_hash", sa.Text, nullable=False),
    sa.Column("account_end", sa.Text, nullable=False, comment="its last four digits, for lists"),
    sa.Column("bank", sa.Text, nullable=False, comment="开户行"),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("reason", sa.Text, nullable=False, comment="why it was named"),
    sa.Column("entered_by", sa.BigInteger, nullable=False),
    sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by", sa.BigInteger),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("closed_by", sa.BigInteger),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.Column("close_reason", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'refused', 'closed')", name="unit_accounts_state"),
    sa.CheckConstraint("decided_by <> entered_by", name="unit_accounts_four_eyes"),
    sa.CheckConstraint("state = 'closed' OR (state = 'waiting') = (decided_by IS NULL)", name="unit_accounts_decided"),
    sa.Index(
        "unit_accounts_once",
        "district_id",
        "account_hash",
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'approved')"),
    ),
    sa.Index("unit_accounts_account", "account_hash"),
)
