"""Branch → outlet → address."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

OUTLETS = sa.Table(
    "outlets",
    METADATA,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("branch", sa.Text, nullable=False, comment="发卡支行"),
    sa.Column("name", sa.Text, nullable=False, comment="经办网点"),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, comment="false when it is missing from the last directory"),
    sa.Index("outlets_branch", "branch", "code"),
)
