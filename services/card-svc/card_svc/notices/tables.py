"""Notices, and who has read them."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("organisation_id", sa.BigInteger, nullable=False, comment="whose operators are told"),
    sa.Column("batch_number", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurrence", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("batch_number", "kind", "occurrence", "organisation_id", name="notices_once"),
    sa.Index("notices_organisation", "organisation_id", "id"),
)

NOTICE_READS = sa.Table(
    "notice_reads",
    METADATA,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("notice_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
)
