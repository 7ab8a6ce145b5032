"""Policies: one row a member and cover, and the half-years it takes."""

import sqlalchemy as sa

from insurance_svc.metadata import METADATA

POLICIES = sa.Table(
    "policies",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(cache=1000), primary_key=True),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Column("enrolment_id", sa.BigInteger, nullable=False),
    sa.Column("term", sa.Text, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    # The year whose first (January to June) or second half this policy takes. Two unique indexes over them are what
    # makes two policies for one member and day impossible, with one row a policy.
    sa.Column("first_half", sa.SmallInteger),
    sa.Column("second_half", sa.SmallInteger),
    # Returned, withdrawn or voided with its list. Everything else about its state follows from list and batch.
    sa.Column("void", sa.Boolean, nullable=False, server_default="false"),
    sa.CheckConstraint("last_day >= first_day", name="policies_days"),
    sa.CheckConstraint("first_half IS NOT NULL OR second_half IS NOT NULL", name="policies_half"),
    sa.Index(
        "policies_first_half",
        "member_id",
        "first_half",
        unique=True,
        postgresql_where=sa.text("NOT void AND first_half IS NOT NULL"),
    ),
    sa.Index(
        "policies_second_half",
        "member_id",
        "second_half",
        unique=True,
        postgresql_where=sa.text("NOT void AND second_half IS NOT NULL"),
    ),
    sa.Index("policies_enrolment", "enrolment_id", "id"),
    # A member's history; the two above hold what stands.
    sa.Index("policies_void", "member_id", postgresql_where=sa.text("void")),
)

LEGACY_POLICIES = sa.Table(
    "legacy_policies",
    METADATA,
    # From the system before this one: kept apart, without dates (domain 5, G19 60, 61).
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("member_id", sa.BigInteger, nullable=False),
    sa.Index("legacy_policies_member", "member_id"),
)
