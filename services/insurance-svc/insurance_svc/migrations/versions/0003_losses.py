"""What was paid for claims, by district, year, class and benefit."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "losses",
        sa.Column("payout_number", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("came_back", sa.Boolean(), nullable=False),
        sa.Column("benefit", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False, comment="paid positive, come back negative"),
        sa.CheckConstraint("came_back = (amount_fen < 0)", name="losses_came_back"),
        sa.PrimaryKeyConstraint("payout_number", "district_id", "coverage_year", "class_code", "came_back"),
    )
    op.create_index("losses_district", "losses", ["coverage_year", "district_id"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("losses")
