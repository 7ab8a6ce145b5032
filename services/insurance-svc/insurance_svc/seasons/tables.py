"""Rules as data: what a coverage year is made of, and the changes that wait for a second pair of eyes."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from insurance_svc.metadata import METADATA

RATES = sa.Table(
    "rates",
    METADATA,
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("class_code", sa.Text, primary_key=True, comment="档次: A, A+, B, B+, BASIC"),
    sa.Column("term", sa.Text, primary_key=True),
    sa.Column("fee_fen", sa.BigInteger, nullable=False),
    sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column("central_subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column(
        "assumed", sa.Boolean, nullable=False, comment="the source gives the fee only; the subsidy is taken as 0"
    ),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.CheckConstraint("term IN ('full', 'half')", name="rates_term"),
    sa.CheckConstraint("fee_fen > 0 AND subsidy_fen BETWEEN 0 AND fee_fen", name="rates_subsidy"),
    sa.CheckConstraint("central_subsidy_fen BETWEEN 0 AND fee_fen", name="rates_central_subsidy"),
)

BENEFITS = sa.Table(
    "benefits",
    METADATA,
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("class_code", sa.Text, primary_key=True),
    sa.Column("benefit", sa.Text, primary_key=True),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("per", sa.Text, nullable=False),
    sa.Column("limit_fen", sa.BigInteger),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.CheckConstraint("per IN ('event', 'day')", name="benefits_per"),
)

CALENDAR = sa.Table(
    "calendar",
    METADATA,
    sa.Column("scheme", sa.Text, primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("phase", sa.Text, primary_key=True),
    # 0: for everybody; a district's own row goes before it (per-district exception, re-opening)
    sa.Column("district_id", sa.BigInteger, primary_key=True, server_default="0"),
    sa.Column("first_day", sa.Date),
    sa.Column("last_day", sa.Date),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.CheckConstraint("first_day IS NOT NULL OR last_day IS NOT NULL", name="calendar_day"),
    sa.CheckConstraint("last_day >= first_day", name="calendar_order"),
)

CENTRAL_ENTERPRISES = sa.Table(
    "central_enterprises",
    METADATA,
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("district_code", sa.Text, primary_key=True, comment="区局编号 of the bureau or industry union"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False, server_default="true", comment="false: taken off by a change"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
)

RULE_CHANGES = sa.Table(
    "rule_changes",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("wanted", JSONB, nullable=False),
    sa.Column("before", JSONB, comment="the row as the proposer saw it; NULL: there was none"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("proposed_by", sa.BigInteger, nullable=False, comment="account"),
    sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by", sa.BigInteger, comment="account, never the proposer"),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("decision_reason", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="rule_changes_state"),
    sa.CheckConstraint("decided_by <> proposed_by", name="rule_changes_four_eyes"),
)
