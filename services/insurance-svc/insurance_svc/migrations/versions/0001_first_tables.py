"""The first tables: crossings, read models, rules, lists, policies, batches, payments, ledger, settlement, notices."""

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
        "batch_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "batch_sums",
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("district_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_number", "class_code", "term"),
    )
    op.create_table(
        "batches",
        sa.Column("number", sa.Text(), nullable=False, comment="CB + yyyymmdd + 4 digits"),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lists", sa.Integer(), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("district_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False, comment="清算分配款 used; centralized campaigns only"),
        sa.Column("due_fen", sa.BigInteger(), nullable=False, comment="district + union - credit"),
        sa.Column("received_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("operator_phone", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("operator_email", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.BigInteger(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True, comment="the last day of payment, included; known once passed"),
        sa.Column("vouchers", sa.Integer(), server_default="0", nullable=False),
        sa.Column("details_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_off_by", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('reviewing', 'passed', 'written_off', 'returned', 'voided')", name="batches_state"
        ),
        sa.CheckConstraint("state NOT IN ('passed', 'written_off') OR due_on IS NOT NULL", name="batches_due_on"),
        sa.CheckConstraint("due_fen = district_fen + union_fen - credit_fen AND due_fen >= 0", name="batches_due"),
        sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="batches_sum"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("batches_district", "batches", ["district_id", "number"], unique=False)
    op.create_index("batches_unpaid", "batches", ["due_on"], unique=False, postgresql_where=sa.text("state = 'passed'"))
    op.create_table(
        "benefits",
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("benefit", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("per IN ('event', 'day')", name="benefits_per"),
        sa.PrimaryKeyConstraint("coverage_year", "class_code", "benefit"),
    )
    op.create_table(
        "calendar",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("first_day IS NOT NULL OR last_day IS NOT NULL", name="calendar_day"),
        sa.CheckConstraint("last_day >= first_day", name="calendar_order"),
        sa.PrimaryKeyConstraint("scheme", "coverage_year", "phase", "district_id"),
    )
    op.create_table(
        "campaigns",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column(
            "participation_percent",
            sa.SmallInteger(),
            nullable=True,
            comment="a union must enrol at least so many of its members",
        ),
        sa.Column(
            "participation_all_below", sa.Integer(), nullable=True, comment="a union of fewer members must enrol all"
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('planned', 'open', 'closed')", name="campaigns_state"),
        sa.PrimaryKeyConstraint("scheme", "coverage_year"),
    )
    op.create_table(
        "cards",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="counted by card-svc"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "numbered_on", sa.Date(), nullable=True, comment="the day in Shanghai on which the card number was made"
        ),
        sa.Column("number_end", sa.Text(), nullable=True, comment="the card number's last four digits, for lists"),
        sa.PrimaryKeyConstraint("member_id"),
    )
    op.create_table(
        "central_enterprises",
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False, comment="区局编号 of the bureau or industry union"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "listed", sa.Boolean(), server_default="true", nullable=False, comment="false: taken off by a change"
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("coverage_year", "district_code"),
    )
    op.create_table(
        "enrolment_prices",
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False, comment="a head, as are the other three"),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("district_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="enrolment_prices_sum"),
        sa.PrimaryKeyConstraint("enrolment_id", "term"),
    )
    op.create_table(
        "enrolments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "scheme", sa.Text(), nullable=False, comment="whose calendar judges: centralized, instant, personal, …"
        ),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("central", sa.Boolean(), nullable=False, comment="priced as a central enterprise"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("batch_number", sa.Text(), nullable=True),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("district_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False, comment="receipt, judges deadlines"),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'in_batch') <= (batch_number IS NOT NULL)", name="enrolments_batch"),
        sa.CheckConstraint(
            "state IN ('submitted', 'basket', 'in_batch', 'returned', 'withdrawn', 'voided')", name="enrolments_state"
        ),
        sa.CheckConstraint("way IN ('centralized', 'newly_issued', 'no_cover', 'personal')", name="enrolments_way"),
        sa.CheckConstraint("fee_fen = subsidy_fen + district_fen + union_fen", name="enrolments_sum"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("enrolments_batch", "enrolments", ["batch_number"], unique=False)
    op.create_index(
        "enrolments_district", "enrolments", ["district_id", "coverage_year", "scheme", "state"], unique=False
    )
    op.create_index("enrolments_union", "enrolments", ["union_id", "id"], unique=False)
    op.create_table(
        "exclusions",
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="code of the office: retired, unemployment_benefit …"),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("member_id", "coverage_year"),
    )
    op.create_table(
        "fee_splits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("central", sa.Boolean(), nullable=False, comment="for central enterprises, whose subsidy differs"),
        sa.Column("union_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("district_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("district_fen >= 0 AND union_fen >= 0", name="fee_splits_shares"),
        sa.CheckConstraint("valid_to >= valid_from", name="fee_splits_validity"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "district_id", "coverage_year", "class_code", "term", "central", "union_id", name="fee_splits_once"
        ),
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
        "ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("posting", sa.Text(), nullable=False, comment="business key: batch/CB…/due; counts once"),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False, comment="debit positive, credit negative"),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("posting", "account", "district_id", name="ledger_once"),
    )
    op.create_index("ledger_account", "ledger", ["account", "district_id", "coverage_year"], unique=False)
    op.create_table(
        "legacy_policies",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("legacy_policies_member", "legacy_policies", ["member_id"], unique=False)
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
        "policies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, cache=1000), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("first_half", sa.SmallInteger(), nullable=True),
        sa.Column("second_half", sa.SmallInteger(), nullable=True),
        sa.Column("void", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("first_half IS NOT NULL OR second_half IS NOT NULL", name="policies_half"),
        sa.CheckConstraint("last_day >= first_day", name="policies_days"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("policies_enrolment", "policies", ["enrolment_id", "id"], unique=False)
    op.create_index("policies_void", "policies", ["member_id"], unique=False, postgresql_where=sa.text("void"))
    op.create_index(
        "policies_first_half",
        "policies",
        ["member_id", "first_half"],
        unique=True,
        postgresql_where=sa.text("NOT void AND first_half IS NOT NULL"),
    )
    op.create_index(
        "policies_second_half",
        "policies",
        ["member_id", "second_half"],
        unique=True,
        postgresql_where=sa.text("NOT void AND second_half IS NOT NULL"),
    )
    op.create_table(
        "rates",
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False, comment="档次: A, A+, B, B+, BASIC"),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("central_subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column(
            "assumed", sa.Boolean(), nullable=False, comment="the source gives the fee only; the subsidy is taken as 0"
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("term IN ('full', 'half')", name="rates_term"),
        sa.CheckConstraint("central_subsidy_fen BETWEEN 0 AND fee_fen", name="rates_central_subsidy"),
        sa.CheckConstraint("fee_fen > 0 AND subsidy_fen BETWEEN 0 AND fee_fen", name="rates_subsidy"),
        sa.PrimaryKeyConstraint("coverage_year", "class_code", "term"),
    )
    op.create_table(
        "rule_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "before",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the row as the proposer saw it; NULL: there was none",
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("proposed_by", sa.BigInteger(), nullable=False, comment="account"),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True, comment="account, never the proposer"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="rule_changes_state"),
        sa.CheckConstraint("decided_by <> proposed_by", name="rule_changes_four_eyes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settlements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False, comment="surplus positive, shortfall negative"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("entered_by", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="settlements_state"),
        sa.CheckConstraint("decided_by <> entered_by", name="settlements_four_eyes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "settlements_once",
        "settlements",
        ["district_id", "coverage_year"],
        unique=True,
        postgresql_where=sa.text("state <> 'refused'"),
    )
    op.create_table(
        "statement_lines",
        sa.Column("bank_reference", sa.Text(), nullable=False, comment="the bank's own number of the movement"),
        sa.Column("day", sa.Date(), nullable=False, comment="value date; decides whether it came in time"),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("counted_fen", sa.BigInteger(), nullable=False, comment="the part of it that pays its batch"),
        sa.Column("payer", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("remark", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("batch_number", sa.Text(), nullable=True, comment="that it was matched or attached to"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("settled_by", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settlement", sa.Text(), nullable=True, comment="how a person settled the row"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('exact', 'short', 'over', 'twice', 'late', 'wrong_reference')", name="statement_lines_outcome"
        ),
        sa.CheckConstraint("settlement IN ('attached', 'refunded', 'credited')", name="statement_lines_settlement"),
        sa.CheckConstraint("amount_fen > 0 AND counted_fen BETWEEN 0 AND amount_fen", name="statement_lines_amount"),
        sa.PrimaryKeyConstraint("bank_reference"),
    )
    op.create_index("statement_lines_batch", "statement_lines", ["batch_number"], unique=False)
    op.create_index(
        "statement_lines_open",
        "statement_lines",
        ["day"],
        unique=False,
        postgresql_where=sa.text("outcome <> 'exact' AND settlement IS NULL"),
    )
    op.create_table(
        "statements",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("loaded_by", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "union_classes",
        sa.Column("union_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("union_id", "coverage_year"),
    )
    op.create_table(
        "union_payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False, comment="negative: taken back as a mistake"),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("union_payments_enrolment", "union_payments", ["enrolment_id"], unique=False)
    op.create_table(
        "vouchers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch_number", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column(
            "uploaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_number", "sha256", name="vouchers_once"),
        sa.UniqueConstraint("object_key"),
    )


def downgrade() -> None:
    """Back to an empty database."""
    for table in (
        "audit_log",
        "batch_days",
        "batch_sums",
        "batches",
        "benefits",
        "calendar",
        "campaigns",
        "cards",
        "central_enterprises",
        "enrolment_prices",
        "enrolments",
        "exclusions",
        "fee_splits",
        "idempotency_keys",
        "inbox",
        "ledger",
        "legacy_policies",
        "members",
        "notice_reads",
        "notices",
        "organisations",
        "outbox",
        "partner_calls",
        "policies",
        "rates",
        "rule_changes",
        "settlements",
        "statement_lines",
        "statements",
        "union_classes",
        "union_payments",
        "vouchers",
    ):
        op.drop_table(table)
