"""What the bank said and could not be filed."""

import sqlalchemy as sa

from card_svc.metadata import METADATA
from unioncard.tables import now_column

SET_ASIDE = sa.Table(
    "set_aside",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("answer_id", sa.Text, nullable=False),
    sa.Column("batch_number", sa.Text, nullable=False),
    sa.Column("member_ref", sa.Text, nullable=False, comment="the member's id as the bank wrote it"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("card_number", sa.Text, comment="encrypted for the batch"),
    sa.Column("card_hash", sa.Text, nullable=False, server_default="", comment="'' without a card"),
    sa.Column("reason", sa.Text),
    now_column("received_at"),
    # The nightly file repeats what a callback said: one row for one contradiction.
    sa.UniqueConstraint("batch_number", "member_ref", "why", "status", "card_hash", name="set_aside_once"),
)
