"""When a batch's members have all been asked about at the population office."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BEFORE = "code of the office: retired, unemployment_benefit …"
_NOW = "what the office says: retired or deceased"


def upgrade() -> None:
    """Add the column; batches from before were not asked about."""
    op.add_column("batches", sa.Column("exclusions_checked_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("exclusions", "reason", comment=_NOW, existing_comment=_BEFORE)


def downgrade() -> None:
    """Take it away."""
    op.alter_column("exclusions", "reason", comment=_BEFORE, existing_comment=_NOW)
    op.drop_column("batches", "exclusions_checked_at")
