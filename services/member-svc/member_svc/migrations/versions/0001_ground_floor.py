"""The ground floor: organisations, accounts, members, imports, card states, and the crossings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("member_ids")))
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False, comment="by the clock that judged"),
        sa.Column("actor", sa.Text(), nullable=False, comment="account:<id>, or the message that did it"),
        sa.Column("organisation_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="<noun>:<id>, never personal data"),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
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
        sa.Column("answer", postgresql.JSONB(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("account_id", "operation", "key"),
    )
    op.create_table(
        "inbox",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=True, comment="final answers only, without address"),
        sa.Column("addresses", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('done', 'running', 'answered')", name="inbox_state"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("inbox_received_at", "inbox", ["received_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "login_attempts",
        sa.Column("login_hash", sa.Text(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("login_hash"),
    )
    op.create_index("login_attempts_last", "login_attempts", ["last_failed_at"], unique=False)
    op.create_table(
        "member_cards",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member_id"),
    )
    op.create_table(
        "member_numbers",
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False, comment="the last of seven digits given out"),
        sa.PrimaryKeyConstraint("district_code"),
    )
    op.create_table(
        "organisation_staging",
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("district_code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("marked_central", sa.Boolean(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=True),
        sa.Column("head_name_enc", sa.Text(), nullable=True),
        sa.Column("head_phone_enc", sa.Text(), nullable=True),
        sa.Column("head_hash", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("line"),
        prefixes=["UNLOGGED"],
    )
    op.create_index("organisation_staging_code", "organisation_staging", ["code"], unique=False)
    op.create_table(
        "organisations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, comment="the operator's own code, key of the file"),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False, comment="/1/12/345/: ids from the root down, itself last"),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=True),
        sa.Column("marked_central", sa.Boolean(), nullable=False, comment="as the file says of this one"),
        sa.Column("central_enterprise", sa.Boolean(), nullable=False, comment="marked, or below one that is"),
        sa.Column("credit_code", sa.Text(), nullable=True, comment="统一社会信用代码"),
        sa.Column("head_name_enc", sa.Text(), nullable=True, comment="bound to the code"),
        sa.Column("head_phone_enc", sa.Text(), nullable=True, comment="bound to the code"),
        sa.Column("head_hash", sa.Text(), nullable=True, comment="keyed hash of both, to see a change"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("level IN ('federation', 'district', 'second_level', 'union')", name="organisations_level"),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["organisations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("organisations_parent", "organisations", ["parent_id", "id"], unique=False)
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
            "request", postgresql.JSONB(), nullable=False, comment="ids only; what is sent is read when it is sent"
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
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("login", sa.Text(), nullable=False, comment="e-mail address in lower case (G19 1, 6)"),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True, comment="role member only"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "password_changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("login"),
    )
    op.create_index("accounts_organisation", "accounts", ["organisation_id"], unique=False)
    op.create_table(
        "members",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=True, comment="none: without union"),
        sa.Column("number", sa.Text(), nullable=True, comment="会员编号: 10 digits, made on approval"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="0 until approved; readers keep the highest"),
        sa.Column("name_enc", sa.Text(), nullable=False),
        sa.Column("name_hash", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_enc", sa.Text(), nullable=False),
        sa.Column("document_hash", sa.Text(), nullable=False),
        sa.Column("document_expiry", sa.Date(), nullable=True, comment="9999-12-31: long-term"),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("mobile_enc", sa.Text(), nullable=False),
        sa.Column("address_enc", sa.Text(), nullable=False),
        sa.Column("education", sa.Text(), nullable=False),
        sa.Column("household", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('pending', 'normal', 'in_transfer', 'without_union')", name="members_state"),
        sa.CheckConstraint("(number IS NULL) = (version = 0)", name="members_number_when_approved"),
        sa.ForeignKeyConstraint(
            ["union_id"],
            ["organisations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_hash"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("members_name", "members", ["name_hash", "id"], unique=False)
    op.create_index("members_union", "members", ["union_id", "id"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("new_rows", sa.Integer(), nullable=False),
        sa.Column("changed_rows", sa.Integer(), nullable=False),
        sa.Column("returning_rows", sa.Integer(), nullable=False),
        sa.Column("unchanged_rows", sa.Integer(), nullable=False),
        sa.Column("bad_rows", sa.Integer(), nullable=False),
        sa.Column("approved_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused_rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True, comment="the last who decided"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "request_key", sa.Text(), nullable=True, comment="refused by check: a repeat of the request is the same"
        ),
        sa.Column(
            "sheet_enc",
            sa.Text(),
            nullable=True,
            comment="refused by check: the sender's cells and what is wrong with them",
        ),
        sa.CheckConstraint("kind IN ('file', 'single')", name="imports_kind"),
        sa.CheckConstraint(
            "state IN ('refused_by_check', 'waiting', 'approved', 'partly_approved', 'refused')", name="imports_state"
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["union_id"],
            ["organisations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_key"),
    )
    op.create_index(
        "imports_one_at_a_time",
        "imports",
        ["union_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting' AND kind = 'file'"),
    )
    op.create_index("imports_union", "imports", ["union_id", "id"], unique=False)
    op.create_index(
        "imports_waiting", "imports", ["union_id", "id"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "import_items",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name_enc", sa.Text(), nullable=False),
        sa.Column("document_enc", sa.Text(), nullable=False),
        sa.Column(
            "before", postgresql.JSONB(), nullable=False, comment="the same columns as they were when it was asked"
        ),
        sa.Column(
            "changes", postgresql.JSONB(), nullable=False, comment="columns of members that change; empty for new ones"
        ),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('new', 'change', 'return')", name="import_items_kind"),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="import_items_state"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
        ),
        sa.PrimaryKeyConstraint("import_id", "line"),
    )
    op.create_index(
        "import_items_waiting",
        "import_items",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
