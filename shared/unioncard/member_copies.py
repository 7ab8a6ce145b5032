"""The read model of members that a service keeps: what is newer takes the place of what is there, in one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.members import MembersChanged
from unioncard.messaging.handling import EventHandler, Message
from unioncard.personal import PersonalFields
from unioncard.unit_of_work import Transaction

# (column, type): the order in which the arrays are given
_COLUMNS = (
    ("id", "bigint"),
    ("version", "bigint"),
    ("union_id", "bigint"),
    ("number", "text"),
    ("state", "text"),
    ("kind", "text"),
    ("name", "text"),
    ("name_hash", "text"),
    ("document_type", "text"),
    ("document_number", "text"),
    ("document_hash", "text"),
)


def add_members_table(metadata: sa.MetaData) -> sa.Table:
    """The table ``members`` of a service that keeps no more of them than all do."""
    return sa.Table(
        "members",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False, comment="counted by member-svc"),
        sa.Column("union_id", sa.BigInteger),
        sa.Column("number", sa.Text, comment="会员编号, NULL until approved"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False, comment="encrypted"),
        sa.Column("name_hash", sa.Text, nullable=False),
        sa.Column("document_type", sa.Text, nullable=False),
        sa.Column("document_number", sa.Text, nullable=False, comment="encrypted"),
        sa.Column("document_hash", sa.Text, nullable=False),
        sa.Index("members_union", "union_id", "id"),
        sa.Index("members_number", "number"),
        sa.Index("members_name", "name_hash"),
        sa.Index("members_document", "document_hash"),
    )


def follow_members(
    personal: PersonalFields, upsert: Callable[[AsyncConnection, Sequence[dict[str, Any]]], Awaitable[object]]
) -> EventHandler:
    """The handler of ``member.members.changed.v1``: opens what came and hands the rows to the service's store."""

    async def follow(tx: Transaction, messages: Sequence[Message[MembersChanged]]) -> None:
        rows = await asyncio.to_thread(personal.resealed, [message.data for message in messages])
        await upsert(tx.conn, rows)

    return follow


class MemberCopies:
    """The table ``members`` of a service: the columns that all have, and ``more`` of them, each with its type."""

    def __init__(self, *more: tuple[str, str]) -> None:
        columns = _COLUMNS + more
        self._names = [name for name, _ in columns]
        names = ", ".join(self._names)
        self._upsert = sa.text(f"""
            INSERT INTO members ({names})
            SELECT DISTINCT ON (id) {names}
            FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns)}) AS new({names})
            ORDER BY id, version DESC
            ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in self._names[1:])}
            WHERE members.version < excluded.version
            RETURNING id
        """)  # noqa: S608  # our own names

    async def upsert(self, conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Take over what is newer than what we have; returns whom that changed."""
        if not rows:
            return []
        values = {name: [row[name] for row in rows] for name in self._names}
        return list((await conn.execute(self._upsert, values)).scalars())
