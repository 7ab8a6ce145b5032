"""District batches (参保批次), their sums by class and their vouchers."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA
from unioncard.tables import now_column

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("number", sa.Text, primary_key=True, comment="CB + yyyymmdd + 4 digits"),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("district_code", sa.Text, nullable=False),
    sa.Column("scheme", sa.Text, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("lists", sa.Integer, nullable=False),
    sa.Column("heads", sa.Integer, nullable=False),
    sa.Column("fee_fen", sa.BigInteger, nullable=False),
    sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column("district_fen", sa.BigInteger, nullable=False),
    sa.Column("union_fen", sa.BigInteger, nullable=False),
    sa.Column("credit_fen", sa.BigInteger, nullable=False, comment="清算分配款 used; centralized campaigns only"),
    sa.Column("due_fen", sa.BigInteger, nullable=False, comment="district + union - credit"),
    sa.Column("received_fen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("operator_name", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("operator_phone", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("operator_email", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("submitted_by", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reviewed_at", sa.DateTime(timezone=True)),
    sa.Column("reviewed_by", sa.BigInteger),
    sa.Column("return_reason", sa.Text),
    sa.Column("due_on", sa.Date, comment="the last day of payment, included; known once passed"),
    sa.Column("vouchers", sa.Integer, nullable=False, server_default="0"),
    sa.Column("details_sent_at", sa.DateTime(timezone=True)),
    sa.Column("exclusions_checked_at", sa.DateTime(timezone=True)),
    sa.Column("written_off_at", sa.DateTime(timezone=True)),
    sa.Column("written_off_by", sa.BigInteger),
    sa.Column("voided_at", sa.DateTime(timezone=True)),
    sa.Column("void_reason", sa.Text),
    sa.Column("traceparent", sa.Text),
    sa.CheckConstraint("state IN ('reviewing', 'passed', 'written_off', 'returned', 'voided')", name="batches_state"),
    sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="batches_sum"),
    sa.CheckConstraint("due_fen = district_fen + union_fen - credit_fen AND due_fen >= 0", name="batches_due"),
    sa.CheckConstraint("state NOT IN ('passed', 'written_off') OR due_on IS NOT NULL", name="batches_due_on"),
    sa.Index("batches_district", "district_id", "number"),
    sa.Index("batches_unpaid", "due_on", postgresql_where=sa.text("state = 'passed'")),
)

BATCH_SUMS = sa.Table(
    "batch_sums",
    METADATA,
    sa.Column("batch_number", sa.Text, primary_key=True),
    sa.Column("class_code", sa.Text, primary_key=True),
    sa.Column("term", sa.Text, primary_key=True),
    sa.Column("heads", sa.Integer, nullable=False),
    sa.Column("fee_fen", sa.BigInteger, nullable=False),
    sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
    sa.Column("district_fen", sa.BigInteger, nullable=False),
    sa.Column("union_fen", sa.BigInteger, nullable=False),
)

BATCH_DAYS = sa.Table(
    "batch_days",
    METADATA,
    # The last number given out on a day, so that numbers have no gaps and no race.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

VOUCHERS = sa.Table(
    "vouchers",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("batch_number", sa.Text, nullable=False),
    sa.Column("object_key", sa.Text, nullable=False, unique=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("uploaded_by", sa.BigInteger, nullable=False),
    now_column("uploaded_at"),
    sa.UniqueConstraint("batch_number", "sha256", name="vouchers_once"),
)
