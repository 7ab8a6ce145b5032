"""Batches, their members, and the numbers given out."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("union_id", sa.BigInteger, nullable=False),
    sa.Column("district_code", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # Copied, so that a change of the directory does not change what was agreed.
    sa.Column("outlet_code", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("outlet_name", sa.Text),
    sa.Column("outlet_address", sa.Text),
    sa.Column("contact_name", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("contact_mobile", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, comment="of the submission, continued by every later event"),
    sa.Column("accepted_at", sa.DateTime(timezone=True), comment="by the bank"),
    sa.Column("refused_reason", sa.Text),
    sa.Column("numbers_due_at", sa.DateTime(timezone=True)),
    sa.Column("call_due_at", sa.DateTime(timezone=True)),
    sa.Column("call_due_provisional", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("answered_at", sa.DateTime(timezone=True), comment="the bank's last news"),
    sa.Column("called_on", sa.Date),
    sa.Column("register_printed_at", sa.DateTime(timezone=True), comment="the first print"),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.Column("close_reason", sa.Text),
    # Counted anew from batch_members with every change, under the lock of this row.
    sa.Column("members", sa.Integer, nullable=False),
    sa.Column("issued", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("collected", sa.Integer, nullable=False, server_default="0"),
    sa.Column("in_person", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('submitted', 'accepted', 'refused', 'completed', 'closed')", name="batches_state"),
    sa.CheckConstraint("channel IN ('normal', 'special')", name="batches_channel"),
    sa.Index("batches_union", "union_id", "id"),
    sa.Index("batches_waiting", "submitted_at", postgresql_where=sa.text("issued + failed < members")),
)

BATCH_MEMBERS = sa.Table(
    "batch_members",
    METADATA,
    sa.Column("batch_number", sa.Text, primary_key=True),
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, nullable=False, comment="序号 in the register"),
    # What the bank is sent is fixed here: a second try must say the same, whatever has changed since.
    sa.Column("member_number", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("document_type", sa.Text, nullable=False),
    sa.Column("document_number", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("document_expiry", sa.Date),
    sa.Column("nationality", sa.Text),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("mobile", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("address", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("outcome", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("card_hash", sa.Text),
    sa.Column("reason_code", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    sa.Column("pickup", sa.Text),
    sa.Column("picked_up_on", sa.Date),
    sa.CheckConstraint("outcome IN ('waiting', 'issued', 'failed')", name="batch_members_outcome"),
    sa.CheckConstraint("pickup IN ('collected', 'in_person')", name="batch_members_pickup"),
    sa.CheckConstraint("pickup IS NULL OR outcome = 'issued'", name="batch_members_pickup_of_issued"),
    sa.Index("batch_members_member", "member_id"),
)

BATCH_NUMBERS = sa.Table(
    "batch_numbers",
    METADATA,
    sa.Column("stem", sa.Text, primary_key=True, comment="cbc + district + minute"),
    sa.Column("used", sa.Integer, nullable=False),
)
