"""What the bank has told of the accounts behind cards. Of most it has told nothing yet, and they have no row here."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

CARD_LIVES = sa.Table(
    "card_lives",
    METADATA,
    sa.Column("account_hash", sa.Text, primary_key=True, comment="hash of the first number the account had"),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="counted by the bank, one a change of the account"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("account_class", sa.SmallInteger, nullable=False),
    sa.Column("activated_on", sa.Date),
    sa.Column("lost_at", sa.DateTime(timezone=True)),
    sa.Column("numbers_kept", sa.Integer, nullable=False, comment="replacements that kept the current number"),
    sa.Column("number_end", sa.Text, nullable=False, comment="the last four digits of the current number"),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="at the bank"),
    sa.CheckConstraint("state IN ('open', 'lost_by_phone', 'lost_in_writing', 'cancelled')", name="card_lives_state"),
    sa.CheckConstraint("account_class IN (1, 2)", name="card_lives_class"),
    sa.CheckConstraint(
        "(state IN ('lost_by_phone', 'lost_in_writing')) = (lost_at IS NOT NULL)", name="card_lives_lost_when"
    ),
    sa.Index("card_lives_member", "member_id"),
)

CARD_NUMBERS = sa.Table(
    "card_numbers",
    METADATA,
    sa.Column("card_hash", sa.Text, primary_key=True),
    sa.Column("account_hash", sa.Text, nullable=False),
    comment="every number that an account in card_lives has had",
)

LIFE_FILES = sa.Table(
    "life_files",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
    comment="days whose life file has been taken over whole",
)

# With cards as c: the account that its number belongs to, as l.
LIFE_OF_CARD = """
    LEFT JOIN card_numbers cn ON cn.card_hash = c.card_hash
    LEFT JOIN card_lives l ON l.account_hash = cn.account_hash
"""
LIFE_COLUMNS = """
    CAST(c.issued_at AT TIME ZONE 'Asia/Shanghai' AS date) AS numbered_on, c.batch_number IS NULL AS legacy,
    l.state AS life_state, l.account_class, l.activated_on,
    CAST(l.lost_at AT TIME ZONE 'Asia/Shanghai' AS date) AS lost_on, l.numbers_kept
"""
