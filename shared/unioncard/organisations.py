"""The copy of the organisation tree that every service but member-svc keeps (event-carried state transfer)."""

from collections.abc import Sequence

import sqlalchemy as sa

from unioncard.contracts.members import OrganisationsChanged
from unioncard.messaging.handling import Message
from unioncard.unit_of_work import Transaction

_UPSERT = """
    INSERT INTO organisations (id, parent_id, path, level, kind, name, district_code, central_enterprise, version)
    SELECT DISTINCT ON (id) * FROM unnest(
        CAST(:id AS bigint[]), CAST(:parent_id AS bigint[]), CAST(:path AS text[]), CAST(:level AS text[]),
        CAST(:kind AS text[]), CAST(:name AS text[]), CAST(:district_code AS text[]),
        CAST(:central_enterprise AS boolean[]), CAST(:version AS bigint[]))
        AS new(id, parent_id, path, level, kind, name, district_code, central_enterprise, version)
    ORDER BY id, version DESC
    ON CONFLICT (id) DO UPDATE SET
        parent_id = excluded.parent_id, path = excluded.path, level = excluded.level, kind = excluded.kind,
        name = excluded.name, district_code = excluded.district_code,
        central_enterprise = excluded.central_enterprise, version = excluded.version
    WHERE organisations.version < excluded.version
"""

_COLUMNS = ("id", "parent_id", "path", "level", "kind", "name", "district_code", "central_enterprise", "version")


def add_organisations_table(metadata: sa.MetaData) -> sa.Table:
    """The read model ``organisations``. ``path`` is ``/1/12/345/``, indexed for prefix search."""
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
        sa.Index("organisations_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
    )


async def follow_organisations(tx: Transaction, messages: Sequence[Message[OrganisationsChanged]]) -> None:
    """Event handler: take over what is newer than what we have, with one statement."""
    rows = [one.model_dump(mode="json") for message in messages for one in message.data.organisations]
    if rows:
        await tx.conn.execute(sa.text(_UPSERT), {name: [row[name] for row in rows] for name in _COLUMNS})
