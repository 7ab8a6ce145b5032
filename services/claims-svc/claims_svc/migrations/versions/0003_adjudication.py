"""Decisions, medical questions and appeals of the centre's review, and when a part's cover began."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "claim_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False, comment="how many appeals came before it"),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column(
            "amounts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="{policy id: fen}; empty where nothing is approved",
        ),
        sa.Column("approved_fen", sa.BigInteger(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="[{code, rule, text}]"),
        sa.Column("note", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="waiting for its second eyes, final, or rejected by them"
        ),
        sa.Column("proposed_by", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmation_note", sa.Text(), nullable=True, comment="encrypted"),
        sa.CheckConstraint("state IN ('waiting', 'final', 'rejected')", name="claim_decisions_state"),
        sa.CheckConstraint("confirmed_by <> proposed_by", name="claim_decisions_four_eyes"),
        sa.CheckConstraint("approve = (approved_fen > 0)", name="claim_decisions_amount"),
        sa.ForeignKeyConstraint(["claim_number"], ["claims.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("claim_decisions_claim", "claim_decisions", ["claim_number", "id"])
    op.create_index(
        "claim_decisions_waiting",
        "claim_decisions",
        ["claim_number"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "medical_questions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True, comment="encrypted"),
        sa.Column("answered_by", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("answered_by <> asked_by", name="medical_questions_four_eyes"),
        sa.CheckConstraint("(answer IS NULL) = (answered_by IS NULL)", name="medical_questions_answered"),
        sa.ForeignKeyConstraint(["claim_number"], ["claims.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("medical_questions_claim", "medical_questions", ["claim_number", "id"])
    op.create_index(
        "medical_questions_open",
        "medical_questions",
        ["claim_number"],
        unique=True,
        postgresql_where=sa.text("answered_by IS NULL"),
    )
    op.create_table(
        "appeals",
        sa.Column("claim_number", sa.Text(), nullable=False),
        sa.Column(
            "round", sa.SmallInteger(), autoincrement=False, nullable=False, comment="1: against the first decision"
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("made_by", sa.BigInteger(), nullable=False),
        sa.Column("made_by_role", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("against_state", sa.Text(), nullable=False),
        sa.Column("against_by", sa.Text(), nullable=False),
        sa.Column("against_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("against_reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("against_refused_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["claim_number"], ["claims.number"]),
        sa.PrimaryKeyConstraint("claim_number", "round"),
    )
    op.add_column("claim_parts", sa.Column("covered_from", sa.Date(), nullable=False, comment="the policy's first day"))


def downgrade() -> None:
    """Take them away again."""
    op.drop_column("claim_parts", "covered_from")
    op.drop_table("appeals")
    op.drop_table("medical_questions")
    op.drop_table("claim_decisions")
