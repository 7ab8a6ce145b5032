"""What unions moved to their district, and the bank statements of the centre's account."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA
from unioncard.tables import now_column

UNION_PAYMENTS = sa.Table(
    "union_payments",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("enrolment_id", sa.BigInteger, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False, comment="negative: taken back as a mistake"),
    sa.Column("paid_on", sa.Date, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.BigInteger, nullable=False),
    now_column("recorded_at"),
    sa.Index("union_payments_enrolment", "enrolment_id"),
)

STATEMENTS = sa.Table(
    "statements",
    METADATA,
    # One row a day of the account: a day without movements is loaded as an empty statement.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("loaded_by", sa.BigInteger, nullable=False),
    now_column("loaded_at"),
)

STATEMENT_LINES = sa.Table(
    "statement_lines",
    METADATA,
    sa.Column("bank_reference", sa.Text, primary_key=True, comment="the bank's own number of the movement"),
    sa.Column("day", sa.Date, nullable=False, comment="value date; decides whether it came in time"),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("counted_fen", sa.BigInteger, nullable=False, comment="the part of it that pays its batch"),
    sa.Column("payer", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("remark", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("batch_number", sa.Text, comment="that it was matched or attached to"),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("settled_by", sa.BigInteger),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    sa.Column("settlement", sa.Text, comment="how a person settled the row"),
    sa.Column("note", sa.Text),
    sa.CheckConstraint(
        "outcome IN ('exact', 'short', 'over', 'twice', 'late', 'wrong_reference')", name="statement_lines_outcome"
    ),
    sa.CheckConstraint("settlement IN ('attached', 'refunded', 'credited')", name="statement_lines_settlement"),
    sa.CheckConstraint("amount_fen > 0 AND counted_fen BETWEEN 0 AND amount_fen", name="statement_lines_amount"),
    sa.Index("statement_lines_batch", "batch_number"),
    sa.Index("statement_lines_open", "day", postgresql_where=sa.text("outcome <> 'exact' AND settlement IS NULL")),
)
