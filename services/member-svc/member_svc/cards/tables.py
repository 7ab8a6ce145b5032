"""Card states of members, as card-svc tells them."""

import sqlalchemy as sa

from member_svc.metadata import METADATA

MEMBER_CARDS = sa.Table(
    "member_cards",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
