"""The read model of members, and the union that each was last in."""

import sqlalchemy as sa

from claims_svc.metadata import METADATA
from unioncard.member_copies import add_members_table

MEMBERS = add_members_table(METADATA)

MEMBER_UNIONS = sa.Table(
    "member_unions",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("union_id", sa.BigInteger, nullable=False, comment="its union, or the last one it was in"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="the member's, when it was there"),
    sa.Index("member_unions_union", "union_id", "member_id"),
)
