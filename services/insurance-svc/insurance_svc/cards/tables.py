"""The read model of card states."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

CARDS = sa.Table(
    "cards",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False, comment="counted by card-svc"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("numbered_on", sa.Date, comment="the day in Shanghai on which the card number was made"),
    sa.Column("number_end", sa.Text, comment="the card number's last four digits, for lists"),
)
