"""Payouts, their batches, unit accounts and the ledger."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""


def downgrade() -> None:
    """Take them away again."""
