"""When a batch's members have all been asked about at the population office."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; batches from before were not asked about."""
    op.add_column("batches", sa.Column("exclusions_checked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("batches", "exclusions_checked_at")
