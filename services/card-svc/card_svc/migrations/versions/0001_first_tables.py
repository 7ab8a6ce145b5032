"""The first tables: crossings, organisations, members, to-do list, checks, batches, bank, notices, card log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table of the first release."""
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
        "batch_members",
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False, comment="序号 in the register"),
        sa.Column("member_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("document_expiry", sa.Date(), nullable=True),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("address", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("outcome", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("card_hash", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pickup", sa.Text(), nullable=True),
        sa.Column("picked_up_on", sa.Date(), nullable=True),
        sa.CheckConstraint("outcome IN ('waiting', 'issued', 'failed')", name="batch_members_outcome"),
        sa.CheckConstraint("pickup IN ('collected', 'in_person')", name="batch_members_pickup"),
        sa.CheckConstraint("pickup IS NULL OR outcome = 'issued'", name="batch_members_pickup_of_issued"),
        sa.PrimaryKeyConstraint("batch_number", "member_id"),
    )
    op.create_index("batch_members_member", "batch_members", ["member_id"], unique=False)
    op.create_table(
        "batch_numbers",
        sa.Column("stem", sa.Text(), nullable=False, comment="cbc + district + minute"),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stem"),
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outlet_code", sa.Text(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("outlet_name", sa.Text(), nullable=True),
        sa.Column("outlet_address", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("contact_mobile", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=True, comment="of the submission, continued by every later event"),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True, comment="by the bank"),
        sa.Column("refused_reason", sa.Text(), nullable=True),
        sa.Column("numbers_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_due_provisional", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True, comment="the bank's last news"),
        sa.Column("called_on", sa.Date(), nullable=True),
        sa.Column("register_printed_at", sa.DateTime(timezone=True), nullable=True, comment="the first print"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("collected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("in_person", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("channel IN ('normal', 'special')", name="batches_channel"),
        sa.CheckConstraint(
            "state IN ('submitted', 'accepted', 'refused', 'completed', 'closed')", name="batches_state"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("batches_union", "batches", ["union_id", "id"], unique=False)
    op.create_index(
        "batches_waiting",
        "batches",
        ["submitted_at"],
        unique=False,
        postgresql_where=sa.text("issued + failed < members"),
    )
    op.create_table(
        "card_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="by the clock that judged"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("batch_number", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="in Chinese, for staff"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("card_log_member", "card_log", ["member_id", "id"], unique=False)
    op.create_table(
        "cards",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="counted here, one a change of state"),
        sa.Column("channel", sa.Text(), nullable=True, comment="of the last application"),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True, comment="申办时间: put on the to-do list"),
        sa.Column("batch_number", sa.Text(), nullable=True, comment="of the last batch"),
        sa.Column("card_number", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("card_hash", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_code", sa.Text(), nullable=True),
        sa.Column("failed_reason", sa.Text(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=True),
        sa.Column("document_expiry", sa.Date(), nullable=True),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("completed_for", sa.Text(), nullable=True, comment="hash of the document number"),
        sa.CheckConstraint("(state = 'issued') = (card_hash IS NOT NULL)", name="cards_issued_with_number"),
        sa.CheckConstraint("state IN ('none', 'to_do', 'in_batch', 'issued', 'failed')", name="cards_state"),
        sa.PrimaryKeyConstraint("member_id"),
        sa.UniqueConstraint("card_hash"),
    )
    op.create_index("cards_batch", "cards", ["batch_number"], unique=False)
    op.create_table(
        "check_members",
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True, comment="NULL while it runs"),
        sa.CheckConstraint("outcome IN ('passed', 'not_passed', 'gone')", name="check_members_outcome"),
        sa.PrimaryKeyConstraint("check_id", "chunk", "member_id"),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
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
        sa.Column("document_expiry", sa.Date(), nullable=True),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("address", sa.Text(), nullable=False, comment="encrypted"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("members_document", "members", ["document_hash"], unique=False)
    op.create_index("members_name", "members", ["name_hash"], unique=False)
    op.create_index("members_union", "members", ["union_id", "id"], unique=False)
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
        sa.Column("organisation_id", sa.BigInteger(), nullable=False, comment="whose operators are told"),
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_number", "kind", "occurrence", "organisation_id", name="notices_once"),
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
        "outlets",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False, comment="发卡支行"),
        sa.Column("name", sa.Text(), nullable=False, comment="经办网点"),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, comment="false when it is missing from the last directory"),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index("outlets_branch", "outlets", ["branch", "code"], unique=False)
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
        "set_aside",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("member_ref", sa.Text(), nullable=False, comment="the member's id as the bank wrote it"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("card_number", sa.Text(), nullable=True, comment="encrypted for the batch"),
        sa.Column("card_hash", sa.Text(), server_default="", nullable=False, comment="'' without a card"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_number", "member_ref", "why", "status", "card_hash", name="set_aside_once"),
    )
    op.create_table(
        "todo",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_state", sa.Text(), nullable=False, comment="where the card goes back to when removed"),
        sa.Column("document_hash", sa.Text(), nullable=False, comment="the document that is (to be) checked"),
        sa.Column("check_state", sa.Text(), server_default="unchecked", nullable=False),
        sa.Column("check_id", sa.Text(), nullable=True),
        sa.Column("check_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("channel IN ('normal', 'special')", name="todo_channel"),
        sa.CheckConstraint("check_state IN ('unchecked', 'checking', 'passed', 'not_passed')", name="todo_check_state"),
        sa.CheckConstraint("previous_state IN ('none', 'failed')", name="todo_previous_state"),
        sa.PrimaryKeyConstraint("member_id"),
    )
    op.create_index("todo_union", "todo", ["union_id", "channel", "member_id"], unique=False)


def downgrade() -> None:
    """Back to an empty database."""
    for table in (
        "audit_log",
        "batch_members",
        "batch_numbers",
        "batches",
        "card_log",
        "cards",
        "check_members",
        "checks",
        "idempotency_keys",
        "inbox",
        "members",
        "notice_reads",
        "notices",
        "organisations",
        "outbox",
        "outlets",
        "partner_calls",
        "set_aside",
        "todo",
    ):
        op.drop_table(table)
