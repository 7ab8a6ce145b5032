"""Decisions of the centre, medical questions and appeals. What people wrote may be medical, so it is encrypted."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from claims_svc.metadata import METADATA

DECISIONS = sa.Table(
    "claim_decisions",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), nullable=False),
    sa.Column("round", sa.SmallInteger, nullable=False, comment="how many appeals came before it"),
    sa.Column("approve", sa.Boolean, nullable=False),
    sa.Column("amounts", JSONB, nullable=False, comment="{policy id: fen}; empty where nothing is approved"),
    sa.Column("approved_fen", sa.BigInteger, nullable=False),
    sa.Column("reasons", JSONB, nullable=False, comment="[{code, rule, text}]"),
    sa.Column("note", sa.Text, comment="encrypted"),
    sa.Column("state", sa.Text, nullable=False, comment="waiting for its second eyes, final, or rejected by them"),
    sa.Column("proposed_by", sa.BigInteger, nullable=False),
    sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("confirmed_by", sa.BigInteger),
    sa.Column("confirmed_at", sa.DateTime(timezone=True)),
    sa.Column("confirmation_note", sa.Text, comment="encrypted"),
    sa.CheckConstraint("state IN ('waiting', 'final', 'rejected')", name="claim_decisions_state"),
    sa.CheckConstraint("confirmed_by <> proposed_by", name="claim_decisions_four_eyes"),
    sa.CheckConstraint("approve = (approved_fen > 0)", name="claim_decisions_amount"),
    sa.Index("claim_decisions_claim", "claim_number", "id"),
    sa.Index("claim_decisions_waiting", "claim_number", unique=True, postgresql_where=sa.text("state = 'waiting'")),
)

MEDICAL_QUESTIONS = sa.Table(
    "medical_questions",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), nullable=False),
    sa.Column("question", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("asked_by", sa.BigInteger, nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("answer", sa.Text, comment="encrypted"),
    sa.Column("answered_by", sa.BigInteger),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("answered_by <> asked_by", name="medical_questions_four_eyes"),
    sa.CheckConstraint("(answer IS NULL) = (answered_by IS NULL)", name="medical_questions_answered"),
    sa.Index("medical_questions_claim", "claim_number", "id"),
    sa.Index("medical_questions_open", "claim_number", unique=True, postgresql_where=sa.text("answered_by IS NULL")),
)

APPEALS = sa.Table(
    "appeals",
    METADATA,
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), primary_key=True),
    sa.Column("round", sa.SmallInteger, primary_key=True, autoincrement=False, comment="1: against the first decision"),
    sa.Column("reason", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("made_by", sa.BigInteger, nullable=False),
    sa.Column("made_by_role", sa.Text, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    # What it is against, as the claim said it: also what the rules alone decided is found here.
    sa.Column("against_state", sa.Text, nullable=False),
    sa.Column("against_by", sa.Text, nullable=False),
    sa.Column("against_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("against_reasons", JSONB, nullable=False),
    sa.Column("against_refused_fen", sa.BigInteger, nullable=False),
)
