"""The last four digits of card numbers, which other services show."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; ``republish`` fills it for the cards there are: only the service can read their numbers."""
    op.add_column(
        "cards",
        sa.Column(
            "number_end",
            sa.Text(),
            nullable=True,
            comment="its last four digits, for readers that may not know the number",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("cards", "number_end")
