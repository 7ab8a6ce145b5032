"""The to-do list."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

TODO = sa.Table(
    "todo",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("union_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("previous_state", sa.Text, nullable=False, comment="where the card goes back to when removed"),
    sa.Column("document_hash", sa.Text, nullable=False, comment="the document that is (to be) checked"),
    sa.Column("check_state", sa.Text, nullable=False, server_default="unchecked"),
    sa.Column("check_id", sa.Text),
    sa.Column("check_started_at", sa.DateTime(timezone=True)),
    sa.Column("checked_at", sa.DateTime(timezone=True)),
    sa.Column("check_reason", sa.Text),
    sa.CheckConstraint("channel IN ('normal', 'special')", name="todo_channel"),
    sa.CheckConstraint("previous_state IN ('none', 'failed')", name="todo_previous_state"),
    sa.CheckConstraint("check_state IN ('unchecked', 'checking', 'passed', 'not_passed')", name="todo_check_state"),
    sa.Index("todo_union", "union_id", "channel", "member_id"),
)
