"""The read model of members."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

MEMBERS = sa.Table(
    "members",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False, comment="counted by member-svc"),
    sa.Column("union_id", sa.BigInteger),
    sa.Column("number", sa.Text, comment="会员编号, NULL until approved"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("name_hash", sa.Text, nullable=False),
    sa.Column("document_type", sa.Text, nullable=False),
    sa.Column("document_number", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("document_hash", sa.Text, nullable=False),
    sa.Index("members_union", "union_id", "id"),
    sa.Index("members_number", "number"),
    sa.Index("members_name", "name_hash"),
    sa.Index("members_document", "document_hash"),
)
