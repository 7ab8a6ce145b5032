"""Decisions, medical questions and signs of the centre's review."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""


def downgrade() -> None:
    """Take them away again."""
