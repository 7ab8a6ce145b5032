"""System checks and whom each of their chunks covers."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

CHECKS = sa.Table(
    "checks",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("union_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("chunks", sa.Integer, nullable=False),
)

CHECK_MEMBERS = sa.Table(
    "check_members",
    METADATA,
    sa.Column("check_id", sa.Text, primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.Text, comment="NULL while it runs"),
    sa.CheckConstraint("outcome IN ('passed', 'not_passed', 'gone')", name="check_members_outcome"),
)
