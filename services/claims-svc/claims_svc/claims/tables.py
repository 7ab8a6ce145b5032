"""Claims, the days in hospital they count, and what they ask of each policy. What is medical is encrypted."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from claims_svc.metadata import METADATA


def _money(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


NUMBERS = sa.Sequence("claim_numbers", metadata=METADATA, maxvalue=999_999, cycle=True)

CLAIMS = sa.Table(
    "claims",
    METADATA,
    sa.Column("number", sa.Text, primary_key=True, comment="GF + district + yyyymmdd + 6 digits"),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("union_id", sa.BigInteger, nullable=False, comment="the member's union when it was filed"),
    sa.Column("district_id", sa.BigInteger, nullable=False),
    sa.Column("district_code", sa.Text, nullable=False),
    sa.Column("filed_by_role", sa.Text, nullable=False),
    sa.Column("filed_by", sa.BigInteger, nullable=False, comment="account"),
    sa.Column("benefit", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("event_day", sa.Date, nullable=False, comment="diagnosis, accident, death or admission"),
    sa.Column("last_day", sa.Date, nullable=False, comment="of a stay its last night, else the event's day"),
    sa.Column("illness_code", sa.Text, comment="encrypted"),
    sa.Column("event_hash", sa.Text, comment="what is not paid twice; NULL for a stay, whose days speak"),
    sa.Column("accident_hash", sa.Text, comment="the accident, whether it disabled or killed"),
    sa.Column("first_diagnosis", sa.Boolean, nullable=False),
    sa.Column("in_patient", sa.Boolean, nullable=False),
    sa.Column("hospital", sa.Text, comment="encrypted"),
    sa.Column("hospital_place", sa.Text),
    sa.Column("hospital_level", sa.SmallInteger),
    sa.Column("payee", sa.Text, nullable=False),
    sa.Column("account_id", sa.BigInteger, comment="unit account, once the district has named it"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("standing", sa.Boolean, nullable=False, server_default=sa.true(), comment="its event counts as claimed"),
    sa.Column("missing", sa.SmallInteger, nullable=False, server_default="0", comment="papers still missing"),
    sa.Column("district_stamp", sa.Boolean, nullable=False, server_default=sa.false(), comment="the district's is"),
    sa.Column("policy_id", sa.BigInteger, comment="the first of its parts' policies"),
    sa.Column("coverage_year", sa.SmallInteger),
    sa.Column("class_code", sa.Text),
    sa.Column("cover_state", sa.Text),
    sa.Column("cover_checked_at", sa.DateTime(timezone=True)),
    sa.Column("file_until", sa.Date),
    sa.Column("listed", sa.Boolean, comment="the illness is in the year's catalogue; NULL: none, or not known"),
    _money("claimed_fen"),
    _money("approved_fen"),
    _money("refused_fen"),
    sa.Column("reasons", JSONB, nullable=False, server_default=sa.text("'[]'"), comment="[{code, rule, text}]"),
    sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("due_at", sa.DateTime(timezone=True), comment="first instant too late for papers and stamps"),
    sa.Column("decided_by", sa.Text, comment="account:<id>, or rule"),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("appeal_until", sa.DateTime(timezone=True), comment="first instant too late to appeal"),
    sa.Column("appeals", sa.SmallInteger, nullable=False, server_default="0"),
    sa.CheckConstraint(
        "approved_fen >= 0 AND refused_fen >= 0 AND approved_fen + refused_fen <= claimed_fen", name="claims_money"
    ),
    sa.CheckConstraint(
        "state NOT IN ('to_pay', 'paying', 'paid', 'returned', 'refused', 'closed')"
        " OR approved_fen + refused_fen = claimed_fen",
        name="claims_decided_whole",
    ),
    # The same event once: of two unions that file at the same moment one finds the other's claim.
    sa.Index(
        "claims_event_once",
        "member_id",
        "event_hash",
        unique=True,
        postgresql_where=sa.text("standing AND event_hash IS NOT NULL"),
    ),
    sa.Index(
        "claims_accident_once",
        "member_id",
        "accident_hash",
        unique=True,
        postgresql_where=sa.text("standing AND accident_hash IS NOT NULL"),
    ),
    sa.Index("claims_member", "member_id", "number"),
    sa.Index("claims_union", "union_id", "filed_at", "number"),
    sa.Index("claims_district", "district_id", "filed_at", "number"),
    sa.Index("claims_state", "state", "filed_at", "number"),
)

CLAIM_DAYS = sa.Table(
    "claim_days",
    METADATA,
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("policy_id", sa.BigInteger, nullable=False),
    sa.Column("standing", sa.Boolean, nullable=False, server_default=sa.true()),
    # A night in hospital counts once, whoever claims it.
    sa.Index("claim_days_once", "member_id", "day", unique=True, postgresql_where=sa.text("standing")),
    sa.Index("claim_days_policy", "policy_id", postgresql_where=sa.text("standing")),
)

CLAIM_PARTS = sa.Table(
    "claim_parts",
    METADATA,
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), primary_key=True),
    sa.Column("policy_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("coverage_year", sa.SmallInteger, nullable=False),
    sa.Column("class_code", sa.Text, nullable=False),
    sa.Column("district_id", sa.BigInteger, nullable=False, comment="the policy's: whose losses these are"),
    sa.Column("covered_from", sa.Date, nullable=False, comment="the policy's first day"),
    sa.Column("nights", sa.SmallInteger, nullable=False, comment="asked for"),
    sa.Column("days", sa.SmallInteger, nullable=False, comment="that count"),
    sa.Column("limit_days", sa.SmallInteger, comment="the policy's maximum"),
    _money("claimed_fen"),
    _money("payable_fen"),
    _money("approved_fen"),
    sa.CheckConstraint("0 <= approved_fen AND approved_fen <= claimed_fen", name="claim_parts_approved"),
)

HEIRS = sa.Table(
    "heirs",
    METADATA,
    sa.Column("claim_number", sa.Text, sa.ForeignKey("claims.number"), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("document_number", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("bank", sa.Text, nullable=False, comment="开户行, encrypted"),
    sa.Column("account_number", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("account_hash", sa.Text, nullable=False),
    sa.Column("account_end", sa.Text, nullable=False, comment="its last four digits"),
    sa.Index("heirs_account", "account_hash"),
)
