"""The catalogue of illnesses by coverage year and class, and changes of it that wait for a second pair of eyes."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from claims_svc.metadata import METADATA

CATALOGUES = sa.Table(
    "illness_catalogues",
    METADATA,
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("class_code", sa.Text, primary_key=True),
    sa.Column("illnesses", sa.SmallInteger, nullable=False, comment="how many kinds the terms speak of"),
    sa.Column("source", sa.Text, nullable=False),
)

ILLNESSES = sa.Table(
    "illnesses",
    METADATA,
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("class_code", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1", comment="above 1: changed by four eyes"),
)

ILLNESS_CHANGES = sa.Table(
    "illness_changes",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("before", JSONB, comment="what stood when it was proposed"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("proposed_by", sa.BigInteger, nullable=False),
    sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by", sa.BigInteger),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("decision_reason", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="illness_changes_state"),
    sa.CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="illness_changes_four_eyes"),
    sa.Index("illness_changes_waiting", "state", "id"),
)
