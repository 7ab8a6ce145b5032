"""Transfer-outs, and what was loaded of files in bulk.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "members",
        sa.Column(
            "left_reason", sa.Text(), nullable=True, comment="转出原因, while without union after a transfer-out"
        ),
    )
    op.create_check_constraint("members_left_without_union", "members", "left_reason IS NULL OR union_id IS NULL")
    op.create_table(
        "transfer_outs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False, comment="that let go"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bad_rows", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "request_key", sa.Text(), nullable=True, comment="refused by check: a repeat of the request is the same"
        ),
        sa.Column(
            "sheet_enc",
            sa.Text(),
            nullable=True,
            comment="refused by check: the sender's cells and what is wrong with them",
        ),
        sa.CheckConstraint("kind IN ('chosen', 'file')", name="transfer_outs_kind"),
        sa.CheckConstraint("state IN ('refused_by_check', 'done')", name="transfer_outs_state"),
        sa.ForeignKeyConstraint(["asked_by"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["union_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_key"),
    )
    op.create_index("transfer_outs_union", "transfer_outs", ["union_id", "id"], unique=False)
    op.create_table(
        "transfer_out_items",
        sa.Column("transfer_out_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name_enc", sa.Text(), nullable=False),
        sa.Column("document_enc", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('left', 'retired', 'retired_veteran', 'died', 'expelled', 'other')",
            name="transfer_out_items_reason",
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"]),
        sa.ForeignKeyConstraint(["transfer_out_id"], ["transfer_outs.id"]),
        sa.PrimaryKeyConstraint("transfer_out_id", "line"),
    )
    op.create_index("transfer_out_items_member", "transfer_out_items", ["member_id"], unique=False)
    op.create_table(
        "bulk_chunks",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the whole file"),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False, comment="offset of its first line"),
        sa.Column("stop", sa.BigInteger(), nullable=False, comment="offset behind its last line"),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False, comment="were there already, the same"),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("digest", "start"),
    )
