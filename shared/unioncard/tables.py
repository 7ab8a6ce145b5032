"""Tables that every service's database has: the crossings and the audit. Each service adds them to its metadata."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

# Tables that the application role may only read and add to.
APPEND_ONLY = frozenset({"audit_log"})

# How many rows one transaction of a purge deletes at most.
PURGE_ROWS = 10_000


def now_column(name: str) -> sa.Column[object]:
    """An instant that the database fills in."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp())


def add_crossing_tables(metadata: sa.MetaData) -> None:
    """Outbox, inbox, calls to partners, idempotency keys and audit."""
    sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        now_column("created_at"),
        sa.Column("refused", sa.Text, comment="why the broker will never take it; an operator must look"),
        sa.Index("outbox_to_send", "priority", "id", postgresql_where=sa.text("refused IS NULL")),
    )
    sa.Table(
        "inbox",
        metadata,
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answer", JSONB, comment="final answers only, without address"),
        sa.Column("addresses", ARRAY(sa.Text), nullable=False, server_default="{}"),
        now_column("received_at"),
        sa.CheckConstraint("state IN ('done', 'running', 'answered')", name="inbox_state"),
        sa.Index("inbox_received_at", "received_at", postgresql_using="brin"),
    )
    sa.Table(
        "partner_calls",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("request", JSONB, nullable=False, comment="ids only; what is sent is read when it is sent"),
        sa.Column("inbox_key", sa.Text, nullable=False, unique=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("lease", sa.BigInteger, nullable=False, server_default="0"),
        now_column("created_at"),
        sa.Index("partner_calls_waiting", "partner", "id"),
    )
    sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("account_id", sa.BigInteger, primary_key=True),
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("answer", JSONB),
        now_column("created_at"),
    )
    sa.Table(
        "audit_log",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        now_column("at"),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False, comment="by the clock that judged"),
        sa.Column("actor", sa.Text, nullable=False, comment="account:<id>, or the message that did it"),
        sa.Column("organisation_id", sa.BigInteger),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="<noun>:<id>, never personal data"),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Column("traceparent", sa.Text),
        sa.Index("audit_log_subject", "subject", "id"),
        sa.Index("audit_log_organisation", "organisation_id", "id"),
    )
