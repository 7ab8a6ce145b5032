"""Cards of the previous system: members found by number, and what was loaded of files in bulk."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index and the table."""
    op.create_index("members_number", "members", ["number"], unique=False)
    op.create_table(
        "bulk_chunks",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the whole file"),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False, comment="offset of its first line"),
        sa.Column("stop", sa.BigInteger(), nullable=False, comment="offset behind its last line"),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False, comment="were there already, the same"),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("digest", "start"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("bulk_chunks")
    op.drop_index("members_number", "members")
