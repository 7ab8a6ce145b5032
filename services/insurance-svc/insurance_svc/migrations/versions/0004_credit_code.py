"""The credit code of each organisation, by which a district finds a union's lists (domain 8).

Empty until member-svc has published all organisations anew: ``python -m member_svc republish``.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("organisations", sa.Column("credit_code", sa.Text(), nullable=True, comment="统一社会信用代码"))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("organisations", "credit_code")
