"""Transfer-outs (转出记录) and their members. What was done is done at once; there is nothing to approve."""

import sqlalchemy as sa

from member_svc.metadata import METADATA

TRANSFER_OUTS = sa.Table(
    "transfer_outs",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("union_id", sa.BigInteger, sa.ForeignKey("organisations.id"), nullable=False, comment="that let go"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("bad_rows", sa.Integer, nullable=False),
    sa.Column("asked_by", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("request_key", sa.Text, unique=True, comment="refused by check: a repeat of the request is the same"),
    sa.Column("sheet_enc", sa.Text, comment="refused by check: the sender's cells and what is wrong with them"),
    sa.CheckConstraint("kind IN ('chosen', 'file')", name="transfer_outs_kind"),
    sa.CheckConstraint("state IN ('refused_by_check', 'done')", name="transfer_outs_state"),
    sa.Index("transfer_outs_union", "union_id", "id"),
)

TRANSFER_OUT_ITEMS = sa.Table(
    "transfer_out_items",
    METADATA,
    sa.Column("transfer_out_id", sa.BigInteger, sa.ForeignKey("transfer_outs.id"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("member_id", sa.BigInteger, sa.ForeignKey("members.id"), nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    # As they were on the day: what becomes of the member elsewhere is not this union's to see.
    sa.Column("name_enc", sa.Text, nullable=False),
    sa.Column("document_enc", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.CheckConstraint(
        "reason IN ('left', 'retired', 'retired_veteran', 'died', 'expelled', 'other')",
        name="transfer_out_items_reason",
    ),
    sa.Index("transfer_out_items_member", "member_id"),
)
