"""The first tables: crossings, read models, notices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False, comment="by the clock that judged"),
        sa.Column("actor", sa.Text(), nullable=False, comment="account:<id>, or the message that did it"),
        sa.Column("organisation_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="<noun>:<id>, never personal data"),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_log_organisation", "audit_log", ["organisation_id", "id"], unique=False)
    op.create_index("audit_log_subject", "audit_log", ["subject", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("account_id", "operation", "key"),
    )
    op.create_table(
        "inbox",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "answer",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="final answers only, without address",
        ),
        sa.Column("addresses", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('done', 'running', 'answered')", name="inbox_state"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("inbox_received_at", "inbox", ["received_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "members",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="counted by member-svc"),
        sa.Column("union_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True, comment="会员编号, NULL until approved"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("name_hash", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("document_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("members_document", "members", ["document_hash"], unique=False)
    op.create_index("members_name", "members", ["name_hash"], unique=False)
    op.create_index("members_union", "members", ["union_id", "id"], unique=False)
    op.create_index("members_number", "members", ["number"], unique=False)
    op.create_table(
        "notice_reads",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "notice_id"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False, comment="who is told"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False, comment="<noun>:<id>"),
        sa.Column("occurrence", sa.Integer(), server_default="1", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "kind", "about", "occurrence", name="notices_once"),
    )
    op.create_index("notices_organisation", "notices", ["organisation_id", "id"], unique=False)
    op.create_table(
        "organisations",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=True),
        sa.Column("central_enterprise", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "organisations_path", "organisations", ["path"], unique=False, postgresql_ops={"path": "text_pattern_ops"}
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "refused", sa.Text(), nullable=True, comment="why the broker will never take it; an operator must look"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "outbox_to_send", "outbox", ["priority", "id"], unique=False, postgresql_where=sa.text("refused IS NULL")
    )
    op.create_table(
        "partner_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "request",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="ids only; what is sent is read when it is sent",
        ),
        sa.Column("inbox_key", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("inbox_key"),
    )
    op.create_index("partner_calls_waiting", "partner_calls", ["partner", "id"], unique=False)
    op.create_table(
        "member_unions",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False, comment="its union, or the last one it was in"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="the member's, when it was there"),
        sa.PrimaryKeyConstraint("member_id"),
    )
    op.create_index("member_unions_union", "member_unions", ["union_id", "member_id"], unique=False)


def downgrade() -> None:
    """Take them away again."""
    for table in (
        "member_unions",
        "members",
        "notice_reads",
        "notices",
        "organisations",
        "partner_calls",
        "outbox",
        "inbox",
        "idempotency_keys",
        "audit_log",
    ):
        op.drop_table(table)
