"""The card log."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

CARD_LOG = sa.Table(
    "card_log",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="by the clock that judged"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("batch_number", sa.Text),
    sa.Column("reason", sa.Text, comment="in Chinese, for staff"),
    sa.Index("card_log_member", "member_id", "id"),
)
