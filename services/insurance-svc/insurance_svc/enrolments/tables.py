"""Unions' lists (参保名单), their money, and each union's class of a year."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("union_id", sa.BigInteger, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("scheme", sa.Text, nullable=False, comment="whose calendar judges: centralized, instant, personal, …"),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("central", sa.Boolean, nullable=False, comment="priced as a central enterprise"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("batch_number", sa.Text),
    # The four sums; prices by term are in enrolment_prices.
    sa.Column("heads", sa.Integer, nullable=False),
    sa.Column("fee_fen", sa.BigInteger, nullable=False),
    sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column("district_fen", sa.BigInteger, nullable=False),
    sa.Column("union_fen", sa.BigInteger, nullable=False),
    sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False, comment="receipt, judges deadlines"),
    sa.Column("submitted_by", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True)),
    sa.Column("return_reason", sa.Text),
    # What the union has moved to the district for this list, as the district recorded it.
    sa.Column("paid_fen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("paid_on", sa.Date),
    sa.Column("traceparent", sa.Text),
    sa.CheckConstraint(
        "state IN ('submitted', 'basket', 'in_batch', 'returned', 'withdrawn', 'voided')", name="enrolments_state"
    ),
    sa.CheckConstraint("way IN ('centralized', 'newly_issued', 'no_cover', 'personal')", name="enrolments_way"),
    sa.CheckConstraint("(state = 'in_batch') <= (batch_number IS NOT NULL)", name="enrolments_batch"),
    sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="enrolments_sum"),
    sa.Index("enrolments_union", "union_id", "id"),
    sa.Index("enrolments_district", "district_id", "coverage_year", "scheme", "state"),
    sa.Index("enrolments_batch", "batch_number"),
)

ENROLMENT_PRICES = sa.Table(
    "enrolment_prices",
    METADATA,
    sa.Column("enrolment_id", sa.BigInteger, primary_key=True),
    sa.Column("term", sa.Text, primary_key=True),
    sa.Column("heads", sa.Integer, nullable=False),
    sa.Column("fee_fen", sa.BigInteger, nullable=False, comment="a head, as are the other three"),
    sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column("district_fen", sa.BigInteger, nullable=False),
    sa.Column("union_fen", sa.BigInteger, nullable=False),
    sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="enrolment_prices_sum"),
)

UNION_CLASSES = sa.Table(
    "union_classes",
    METADATA,
    # Held while any submission of that year stands (domain 5); gone when the last one is returned or voided.
    sa.Column("union_id", sa.BigInteger, primary_key=True),
    sa.Column("coverage_year", sa.SmallInteger, primary_key=True),
    sa.Column("class_code", sa.Text, nullable=False),
)
