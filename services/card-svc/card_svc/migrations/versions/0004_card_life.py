"""The life of cards: what the bank tells of the accounts behind them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "card_lives",
        sa.Column("account_hash", sa.Text(), nullable=False, comment="hash of the first number the account had"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "sequence", sa.BigInteger(), nullable=False, comment="counted by the bank, one a change of the account"
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("account_class", sa.SmallInteger(), nullable=False),
        sa.Column("activated_on", sa.Date(), nullable=True),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("numbers_kept", sa.Integer(), nullable=False, comment="replacements that kept the current number"),
        sa.Column("number_end", sa.Text(), nullable=False, comment="the last four digits of the current number"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="at the bank"),
        sa.CheckConstraint(
            "state IN ('open', 'lost_by_phone', 'lost_in_writing', 'cancelled')", name="card_lives_state"
        ),
        sa.CheckConstraint("account_class IN (1, 2)", name="card_lives_class"),
        sa.CheckConstraint(
            "(state IN ('lost_by_phone', 'lost_in_writing')) = (lost_at IS NOT NULL)", name="card_lives_lost_when"
        ),
        sa.PrimaryKeyConstraint("account_hash"),
    )
    op.create_index("card_lives_member", "card_lives", ["member_id"], unique=False)
    op.create_table(
        "card_numbers",
        sa.Column("card_hash", sa.Text(), nullable=False),
        sa.Column("account_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card_hash"),
        comment="every number that an account in card_lives has had",
    )
    op.create_table(
        "life_files",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        comment="days whose life file has been taken over whole",
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("life_files")
    op.drop_table("card_numbers")
    op.drop_index("card_lives_member", "card_lives")
    op.drop_table("card_lives")
