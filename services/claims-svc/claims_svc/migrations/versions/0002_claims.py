"""Claims, their papers and stamps, and the catalogue of illnesses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBERS = sa.Sequence("claim_numbers", maxvalue=999_999, cycle=True)


def upgrade() -> None:
    """Make them."""
    op.execute(sa.schema.CreateSequence(_NUMBERS))
    op.create_table(
        "claims",
        sa.Column("number", sa.Text(), nullable=False, comment="GF + district + yyyymmdd + 6 digits"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("union_id", sa.BigInteger(), nullable=False, comment="the member's union when it was filed"),
        sa.Column("district_id", sa.BigInteger(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("filed_by_role", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.BigInteger(), nullable=False, comment="account"),
        sa.Column("benefit", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_day", sa.Date(), nullable=False, comment="diagnosis, accident, death or admission"),
        sa.Column("last_day", sa.Date(), nullable=False, comment="of a stay its last night, else the event's day"),
        sa.Column("illness_code", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column(
            "event_hash", sa.Text(), nullable=True, comment="what is not paid twice; NULL for a stay, whose days speak"
        ),
        sa.Column("accident_hash", sa.Text(), nullable=True, comment="the accident, whether it disabled or killed"),
        sa.Column("first_diagnosis", sa.Boolean(), nullable=False),
        sa.Column("in_patient", sa.Boolean(), nullable=False),
        sa.Column("hospital", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("hospital_place", sa.Text(), nullable=True),
        sa.Column("hospital_level", sa.SmallInteger(), nullable=True),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True, comment="unit account, once the district has named it"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "standing", sa.Boolean(), server_default=sa.true(), nullable=False, comment="its event counts as claimed"
        ),
        sa.Column("missing", sa.SmallInteger(), server_default="0", nullable=False, comment="papers still missing"),
        sa.Column(
            "district_stamp", sa.Boolean(), server_default=sa.false(), nullable=False, comment="the district's is"
        ),
        sa.Column("policy_id", sa.BigInteger(), nullable=True, comment="the first of its parts' policies"),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=True),
        sa.Column("class_code", sa.Text(), nullable=True),
        sa.Column("cover_state", sa.Text(), nullable=True),
        sa.Column("cover_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_until", sa.Date(), nullable=True),
        sa.Column(
            "listed",
            sa.Boolean(),
            nullable=True,
            comment="the illness is in the year's catalogue; NULL: none, or not known",
        ),
        sa.Column("claimed_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("approved_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="[{code, rule, text}]",
        ),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), nullable=True, comment="first instant too late for papers and stamps"
        ),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="account:<id>, or rule"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "appeal_until", sa.DateTime(timezone=True), nullable=True, comment="first instant too late to appeal"
        ),
        sa.Column("appeals", sa.SmallInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('to_pay', 'paying', 'paid', 'returned', 'refused', 'closed')"
            " OR approved_fen + refused_fen = claimed_fen",
            name="claims_decided_whole",
        ),
        sa.CheckConstraint(
            "approved_fen >= 0 AND refused_fen >= 0 AND approved_fen + refused_fen <= claimed_fen", name="claims_money"
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(
        "claims_accident_once",
        "claims",
        ["member_id", "accident_hash"],
        unique=True,
        postgresql_where=sa.text("standing AND accident_hash IS NOT NULL"),
    )
    op.create_index("claims_district", "claims", ["district_id", "filed_at", "number"], unique=False)
    op.create_index(
        "claims_event_once",
        "claims",
        ["member_id", "event_hash"],
        unique=True,
        postgresql_where=sa.text("standing AND event_hash IS NOT NULL"),
    )
    op.create_index("claims_member", "claims", ["member_id", "number"], unique=False)
    op.create_index("claims_state", "claims", ["state", "filed_at", "number"], unique=False)
    op.create_index("claims_union", "claims", ["union_id", "filed_at", "number"], unique=False)
    op.create_table(
        "illness_catalogues",
        sa.Column("coverage_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("illnesses", sa.SmallInteger(), nullable=False, comment="how many kinds the terms speak of"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("coverage_year", "class_code"),
    )
    op.create_table(
        "illness_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column(
            "before", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="what stood when it was proposed"
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("proposed_by", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'refused')", name="illness_changes_state"),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="illness_changes_four_eyes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("illness_changes_waiting", "illness_changes", ["state", "id"], unique=False)
    op.create_table(
        "illnesses",
        sa.Column("coverage_year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("listed", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="above 1: changed by four eyes"),
        sa.PrimaryKeyConstraint("coverage_year", "class_code", "code"),
    )
    op.create_table(
        "claim_days",
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_number"],
            ["claims.number"],
        ),
        sa.PrimaryKeyConstraint("claim_number", "day"),
    )
    op.create_index(
        "claim_days_once", "claim_days", ["member_id", "day"], unique=True, postgresql_where=sa.text("standing")
    )
    op.create_index(
        "claim_days_policy", "claim_days", ["policy_id"], unique=False, postgresql_where=sa.text("standing")
    )
    op.create_table(
        "claim_parts",
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("coverage_year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=False, comment="the policy's: whose losses these are"),
        sa.Column("nights", sa.SmallInteger(), nullable=False, comment="asked for"),
        sa.Column("days", sa.SmallInteger(), nullable=False, comment="that count"),
        sa.Column("limit_days", sa.SmallInteger(), nullable=True, comment="the policy's maximum"),
        sa.Column("claimed_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payable_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("approved_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("0 <= approved_fen AND approved_fen <= claimed_fen", name="claim_parts_approved"),
        sa.ForeignKeyConstraint(
            ["claim_number"],
            ["claims.number"],
        ),
        sa.PrimaryKeyConstraint("claim_number", "policy_id"),
    )
    op.create_table(
        "heirs",
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("document_number", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("bank", sa.Text(), nullable=False, comment="开户行, encrypted"),
        sa.Column("account_number", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("account_hash", sa.Text(), nullable=False),
        sa.Column("account_end", sa.Text(), nullable=False, comment="its last four digits"),
        sa.ForeignKeyConstraint(
            ["claim_number"],
            ["claims.number"],
        ),
        sa.PrimaryKeyConstraint("claim_number"),
    )
    op.create_index("heirs_account", "heirs", ["account_hash"], unique=False)
    op.create_table(
        "papers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False, comment="in the object store, encrypted there"),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of what was sent"),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column(
            "uploaded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["claim_number"],
            ["claims.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("claim_number", "kind", "sha256", name="papers_once"),
    )
    op.create_table(
        "stamps",
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("paper", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False, comment="whose stamp: union or district"),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("stamped_by", sa.BigInteger(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level IN ('union', 'district')", name="stamps_level"),
        sa.ForeignKeyConstraint(
            ["claim_number"],
            ["claims.number"],
        ),
        sa.PrimaryKeyConstraint("claim_number", "paper", "level"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    """Take them away again."""
    for table in (
        "stamps",
        "papers",
        "heirs",
        "claim_parts",
        "claim_days",
        "claims",
        "illness_changes",
        "illnesses",
        "illness_catalogues",
    ):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(_NUMBERS))
