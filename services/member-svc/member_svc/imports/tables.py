"""Imports (批量导入) and their items; a single addition or change is an import of one item."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from member_svc.metadata import METADATA

IMPORTS = sa.Table(
    "imports",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("union_id", sa.BigInteger, sa.ForeignKey("organisations.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("new_rows", sa.Integer, nullable=False),
    sa.Column("changed_rows", sa.Integer, nullable=False),
    sa.Column("returning_rows", sa.Integer, nullable=False),
    sa.Column("unchanged_rows", sa.Integer, nullable=False),
    sa.Column("bad_rows", sa.Integer, nullable=False),
    sa.Column("approved_rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("refused_rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("asked_by", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by", sa.BigInteger, sa.ForeignKey("accounts.id"), comment="the last who decided"),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text),
    sa.Column("request_key", sa.Text, unique=True, comment="refused by check: a repeat of the request is the same"),
    sa.Column("sheet_enc", sa.Text, comment="refused by check: the sender's cells and what is wrong with them"),
    sa.CheckConstraint("kind IN ('file', 'single')", name="imports_kind"),
    sa.CheckConstraint(
        "state IN ('refused_by_check', 'waiting', 'approved', 'partly_approved', 'refused')", name="imports_state"
    ),
    # One import at a time for a union (C20).
    sa.Index(
        "imports_one_at_a_time",
        "union_id",
        unique=True,
        postgresql_where=sa.text("state = 'waiting' AND kind = 'file'"),
    ),
    sa.Index("imports_union", "union_id", "id"),
    sa.Index("imports_waiting", "union_id", "id", postgresql_where=sa.text("state = 'waiting'")),
)

ITEMS = sa.Table(
    "import_items",
    METADATA,
    sa.Column("import_id", sa.BigInteger, sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    # No foreign key: a refused new member is deleted, its item stays.
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("name_enc", sa.Text, nullable=False),
    sa.Column("document_enc", sa.Text, nullable=False),
    sa.Column("before", JSONB, nullable=False, comment="the same columns as they were when it was asked"),
    sa.Column("changes", JSONB, nullable=False, comment="columns of members that change; empty for new ones"),
    sa.Column("decided_by", sa.BigInteger),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text),
    sa.CheckConstraint("kind IN ('new', 'change', 'return')", name="import_items_kind"),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="import_items_state"),
    # A member waits for one decision at a time.
    sa.Index("import_items_waiting", "member_id", unique=True, postgresql_where=sa.text("state = 'waiting'")),
)
