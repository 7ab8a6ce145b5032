"""The copy of the organisation tree that every service but member-svc keeps (event-carried state transfer)."""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from unioncard.contracts.members import OrganisationsChanged
from unioncard.messaging.handling import Message
from unioncard.unit_of_work import Transaction

# Every column of the copy with its type in PostgreSQL; the last one only where lists are searched by it.
_COLUMNS = {
    "id": "bigint",
    "parent_id": "bigint",
    "path": "text",
    "level": "text",
    "kind": "text",
    "name": "text",
    "district_code": "text",
    "central_enterprise": "boolean",
    "version": "bigint",
}
_WITH_CREDIT_CODE = _COLUMNS | {"credit_code": "text"}


def _upsert(columns: Mapping[str, str], *, also: str = "false") -> sa.TextClause:
    """Take what is newer than what is there; and at the same version where ``also`` holds."""
    names = ", ".join(columns)
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    return sa.text(f"""
        INSERT INTO organisations ({names})
        SELECT DISTINCT ON (id) * FROM unnest({arrays}) AS new({names}) ORDER BY id, version DESC
        ON CONFLICT (id) DO UPDATE SET {changes}
        WHERE organisations.version < excluded.version OR (organisations.version = excluded.version AND {also})
    """)  # noqa: S608  # the words above


_UPSERT = _upsert(_COLUMNS)
# A copy from before it had the column is completed when member-svc publishes all organisations anew.
_UPSERT_WITH_CREDIT_CODE = _upsert(_WITH_CREDIT_CODE, also="organisations.credit_code IS NULL")


def add_organisations_table(metadata: sa.MetaData, *, with_credit_code: bool = False) -> sa.Table:
    """The read model ``organisations``. ``path`` is ``/1/12/345/``, indexed for prefix search."""
    more = [sa.Column("credit_code", sa.Text, comment="统一社会信用代码")] if with_credit_code else []
    return sa.Table(
        "organisations",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("parent_id", sa.BigInteger),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("district_code", sa.Text),
        sa.Column("central_enterprise", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        *more,
        sa.Index("organisations_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
    )


async def follow_organisations(tx: Transaction, messages: Sequence[Message[OrganisationsChanged]]) -> None:
    """Event handler: take over what is newer than what we have, with one statement."""
    await _take(tx, messages, _UPSERT, _COLUMNS)


async def follow_organisations_with_credit_code(
    tx: Transaction, messages: Sequence[Message[OrganisationsChanged]]
) -> None:
    """:func:`follow_organisations` for a copy that has the column."""
    await _take(tx, messages, _UPSERT_WITH_CREDIT_CODE, _WITH_CREDIT_CODE)


async def _take(
    tx: Transaction,
    messages: Sequence[Message[OrganisationsChanged]],
    upsert: sa.TextClause,
    columns: Collection[str],
) -> None:
    rows = [one.model_dump(mode="json") for message in messages for one in message.data.organisations]
    if rows:
        await tx.conn.execute(upsert, {name: [row[name] for row in rows] for name in columns})
