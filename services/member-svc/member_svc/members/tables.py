"""Members. What names a person is encrypted and bound to the member's id; hashes serve equality and uniqueness."""

import sqlalchemy as sa

from member_svc.metadata import METADATA
from unioncard.tables import now_column

MEMBER_IDS = sa.Sequence("member_ids", metadata=METADATA)

MEMBERS = sa.Table(
    "members",
    METADATA,
    # Ids are drawn before the insert, since the ciphertexts are bound to them.
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("union_id", sa.BigInteger, sa.ForeignKey("organisations.id"), comment="none: without union"),
    sa.Column("number", sa.Text, unique=True, comment="会员编号: 10 digits, made on approval"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, comment="0 until approved; readers keep the highest"),
    sa.Column("name_enc", sa.Text, nullable=False),
    sa.Column("name_hash", sa.Text, nullable=False),
    sa.Column("document_type", sa.Text, nullable=False),
    sa.Column("document_enc", sa.Text, nullable=False),
    sa.Column("document_hash", sa.Text, nullable=False, unique=True),
    sa.Column("document_expiry", sa.Date, comment="9999-12-31: long-term"),
    sa.Column("nationality", sa.Text),
    sa.Column("sex", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("mobile_enc", sa.Text, nullable=False),
    sa.Column("address_enc", sa.Text, nullable=False),
    sa.Column("education", sa.Text, nullable=False),
    sa.Column("household", sa.Text, nullable=False),
    sa.Column("grade", sa.Text, nullable=False),
    sa.Column("post", sa.Text, nullable=False),
    now_column("created_at"),
    sa.Column("left_reason", sa.Text, comment="转出原因, while without union after a transfer-out"),
    sa.CheckConstraint("state IN ('pending', 'normal', 'in_transfer', 'without_union')", name="members_state"),
    sa.CheckConstraint("left_reason IS NULL OR union_id IS NULL", name="members_left_without_union"),
    sa.CheckConstraint("(number IS NULL) = (version = 0)", name="members_number_when_approved"),
    sa.Index("members_union", "union_id", "id"),
    sa.Index("members_name", "name_hash", "id"),
)

MEMBER_NUMBERS = sa.Table(
    "member_numbers",
    METADATA,
    sa.Column("district_code", sa.Text, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False, comment="the last of seven digits given out"),
)
