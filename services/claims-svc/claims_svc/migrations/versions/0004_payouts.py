"""Payouts, their batches, unit accounts and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "unit_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False, comment="户名, encrypted"),
        sa.Column("account_number", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("account_hash", sa.Text(), nullable=False),
        sa.Column("account_end", sa.Text(), nullable=False, comment="its last four digits, for lists"),
        sa.Column("bank", sa.Text(), nullable=False, comment="开户行"),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was named"),
        sa.Column("entered_by", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state = 'closed' OR (state = 'waiting') = (decided_by IS NULL)", name="unit_accounts_decided"
        ),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'refused', 'closed')", name="unit_accounts_state"),
        sa.CheckConstraint("decided_by <> entered_by", name="unit_accounts_four_eyes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("unit_accounts_account", "unit_accounts", ["account_hash"], unique=False)
    op.create_index(
        "unit_accounts_once",
        "unit_accounts",
        ["district_id", "account_hash"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'approved')"),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("posting", sa.Text(), nullable=False, comment="business key: payout/FK…/sent; counts once"),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False, comment="debit positive, credit negative"),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("posting", "account", "district_id", "coverage_year", "class_code", name="ledger_once"),
    )
    op.create_index("ledger_account", "ledger", ["account", "district_id", "coverage_year"], unique=False)
    op.create_index("ledger_claim", "ledger", ["claim_number"], unique=False)
    op.create_table(
        "payout_batches",
        sa.Column("number", sa.Text(), nullable=False, comment="FK + yyyymmdd + 4 digits"),
        sa.Column("on_day", sa.Date(), nullable=False, comment="the day of paying, by which cards are judged"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payouts", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paid", sa.Integer(), server_default="0", nullable=False),
        sa.Column("returned", sa.Integer(), server_default="0", nullable=False),
        sa.Column("left_out", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True, comment="when its content was fixed"),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True, comment="by the bank's own clock"),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True, comment="when the last news came"),
        sa.Column("refused_reason", sa.Text(), nullable=True, comment="the bank would not take it"),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('gathered', 'sending', 'sent', 'done')", name="payout_batches_state"),
        sa.CheckConstraint("waiting + paid + returned = payouts", name="payout_batches_counts"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(
        "payout_batches_open",
        "payout_batches",
        ["opened_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "payouts",
        sa.Column("number", sa.Text(), nullable=False, comment="batch number + place; a number an attempt"),
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("benefit", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False, comment="own_card, unit_account or heir"),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column(
            "told_at", sa.DateTime(timezone=True), nullable=True, comment="when card-svc answered about the card"
        ),
        sa.Column("unpayable", sa.Text(), nullable=True, comment="why it was left out"),
        sa.Column("limits_exempt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=True, comment="encrypted; fixed when sent"),
        sa.Column("account_number", sa.Text(), nullable=True, comment="encrypted; fixed when sent"),
        sa.Column("account_end", sa.Text(), nullable=True, comment="its last four digits, for lists"),
        sa.Column(
            "answered_at", sa.DateTime(timezone=True), nullable=True, comment="when the bank knew, by its own clock"
        ),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'paid', 'returned', 'left_out')", name="payouts_state"),
        sa.CheckConstraint("amount_fen > 0", name="payouts_amount"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("payouts_batch", "payouts", ["batch_number", "member_id"], unique=False)
    op.create_index("payouts_claim", "payouts", ["claim_number", "number"], unique=False)
    op.create_index(
        "payouts_claim_waiting", "payouts", ["claim_number"], unique=True, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("payouts_state", "payouts", ["state", "number"], unique=False)
    op.create_table(
        "payout_parts",
        sa.Column("payout_number", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name="payout_parts_amount"),
        sa.PrimaryKeyConstraint("payout_number", "policy_id"),
    )
    op.create_index("payout_parts_claim", "payout_parts", ["claim_number", "policy_id"], unique=False)
    op.create_table(
        "payout_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "payout_files",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        comment="days whose payout file has been taken over whole",
    )
    op.create_table(
        "payout_set_aside",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("payout_number", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "batch_number", "payout_number", "why", "status", "amount_fen", name="payout_set_aside_once"
        ),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("payout_set_aside")
    op.drop_table("payout_files")
    op.drop_table("payout_days")
    op.drop_table("payout_parts")
    op.drop_table("payouts")
    op.drop_table("payout_batches")
    op.drop_table("ledger")
    op.drop_table("unit_accounts")
