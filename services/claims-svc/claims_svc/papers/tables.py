"""Papers that were sent for a claim, and stamps put on them."""

import sqlalchemy as sa

from claims_svc.metadata import METADATA
from unioncard.tables import now_column

PAPERS = sa.Table(
    "papers",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object_key", sa.Text, nullable=False, comment="in the object store, encrypted there"),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, comment="of what was sent"),
    sa.Column("uploaded_by", sa.BigInteger, nullable=False),
    now_column("uploaded_at"),
    sa.UniqueConstraint("claim_number", "kind", "sha256", name="papers_once"),
)

STAMPS = sa.Table(
    "stamps",
    METADATA,
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), primary_key=True),
    sa.Column("paper", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, primary_key=True, comment="whose stamp: union or district"),
    sa.Column("organisation_id", sa.BigInteger, nullable=False),
    sa.Column("stamped_by", sa.BigInteger, nullable=False),
    sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("level IN ('union', 'district')", name="stamps_level"),
)
