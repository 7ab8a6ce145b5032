"""Payout batches, payouts, what each takes from which policy, and what the bank said that fits none of them."""

import sqlalchemy as sa

from claims_svc.metadata import METADATA
from unioncard.tables import now_column


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


PAYOUT_BATCHES = sa.Table(
    "payout_batches",
    METADATA,
    sa.Column("number", sa.Text, primary_key=True, comment="FK + yyyymmdd + 4 digits"),
    sa.Column("on_day", sa.Date, nullable=False, comment="the day of paying, by which cards are judged"),
    sa.Column("state", sa.Text, nullable=False),
    # Payouts without those that were left out: what the bank is sent, and the control totals.
    sa.Column("payouts", sa.Integer, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    _count("waiting"),
    _count("paid"),
    _count("returned"),
    _count("left_out"),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
    sa.Column("sent_at", sa.DateTime(timezone=True), comment="when its content was fixed"),
    sa.Column("accepted_at", sa.DateTime(timezone=True), comment="by the bank's own clock"),
    sa.Column("answered_at", sa.DateTime(timezone=True), comment="when the last news came"),
    sa.Column("refused_reason", sa.Text, comment="the bank would not take it"),
    sa.Column("traceparent", sa.Text),
    sa.CheckConstraint("state IN ('gathered', 'sending', 'sent', 'done')", name="payout_batches_state"),
    sa.CheckConstraint("waiting + paid + returned = payouts", name="payout_batches_counts"),
    sa.Index("payout_batches_open", "opened_at", postgresql_where=sa.text("state <> 'done'")),
)

PAYOUTS = sa.Table(
    "payouts",
    METADATA,
    sa.Column("number", sa.Text, primary_key=True, comment="batch number + place; a number an attempt"),
    sa.Column("batch_number", sa.Text, nullable=False),
    sa.Column("claim_number", sa.Text, nullable=False),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("union_id", sa.BigInteger, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("benefit", sa.Text, nullable=False),
    sa.Column("payee", sa.Text, nullable=False, comment="own_card, unit_account or heir"),
    sa.Column("account_id", sa.BigInteger),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("told_at", sa.DateTime(timezone=True), comment="when card-svc answered about the card"),
    sa.Column("unpayable", sa.Text, comment="why it was left out"),
    sa.Column("limits_exempt", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("holder_name", sa.Text, comment="encrypted; fixed when sent"),
    sa.Column("account_number", sa.Text, comment="encrypted; fixed when sent"),
    sa.Column("account_end", sa.Text, comment="its last four digits, for lists"),
    sa.Column("answered_at", sa.DateTime(timezone=True), comment="when the bank knew, by its own clock"),
    sa.Column("paid_at", sa.DateTime(timezone=True)),
    sa.Column("returned_at", sa.DateTime(timezone=True)),
    sa.Column("reason_code", sa.Text),
    sa.Column("reason", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'paid', 'returned', 'left_out')", name="payouts_state"),
    sa.CheckConstraint("amount_fen > 0", name="payouts_amount"),
    # One attempt at a time, whatever else is wrong.
    sa.Index("payouts_claim_waiting", "claim_number", unique=True, postgresql_where=sa.text("state = 'waiting'")),
    sa.Index("payouts_batch", "batch_number", "member_id"),
    sa.Index("payouts_claim", "claim_number", "number"),
    sa.Index("payouts_state", "state", "number"),
)

PAYOUT_PARTS = sa.Table(
    "payout_parts",
    METADATA,
    sa.Column("payout_number", sa.Text, primary_key=True),
    sa.Column("policy_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("claim_number", sa.Text, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount_fen > 0", name="payout_parts_amount"),
    sa.Index("payout_parts_claim", "claim_number", "policy_id"),
)

PAYOUT_DAYS = sa.Table(
    "payout_days",
    METADATA,
    # The last batch number given out on a day.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

PAYOUT_FILES = sa.Table(
    "payout_files",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
    comment="days whose payout file has been taken over whole",
)

PAYOUT_SET_ASIDE = sa.Table(
    "payout_set_aside",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("answer_id", sa.Text, nullable=False),
    sa.Column("batch_number", sa.Text, nullable=False),
    sa.Column("payout_number", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text),
    now_column("received_at"),
    # The nightly file repeats what a callback said: one row for one contradiction.
    sa.UniqueConstraint("batch_number", "payout_number", "why", "status", "amount_fen", name="payout_set_aside_once"),
)
