"""Notices to organisations, each occasion once; and who has read them."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("organisation_id", sa.BigInteger, nullable=False, comment="who is told"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False, comment="<noun>:<id>"),
    sa.Column("occurrence", sa.Integer, nullable=False, server_default="1"),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("organisation_id", "kind", "about", "occurrence", name="notices_once"),
    sa.Index("notices_organisation", "organisation_id", "id"),
)

NOTICE_READS = sa.Table(
    "notice_reads",
    METADATA,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("notice_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
)
