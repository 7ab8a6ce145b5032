"""Accounts and their failed logins."""

import sqlalchemy as sa

from member_svc.metadata import METADATA
from unioncard.tables import now_column

ACCOUNTS = sa.Table(
    "accounts",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("login", sa.Text, nullable=False, unique=True, comment="e-mail address in lower case (G19 1, 6)"),
    sa.Column("password_hash", sa.Text, nullable=False, comment="argon2id"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("organisation_id", sa.BigInteger, sa.ForeignKey("organisations.id"), nullable=False),
    sa.Column("member_id", sa.BigInteger, comment="role member only"),
    now_column("created_at"),
    now_column("password_changed_at"),
    sa.Index("accounts_organisation", "organisation_id"),
)

LOGIN_ATTEMPTS = sa.Table(
    "login_attempts",
    METADATA,
    # A hash, and kept for unknown logins too: a lock must not tell which logins exist.
    sa.Column("login_hash", sa.Text, primary_key=True),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("locked_until", sa.DateTime(timezone=True)),
    sa.Index("login_attempts_last", "last_failed_at"),
)
