"""Telling readers of members that are new or changed: sealed, split by bytes, at most 1,000 in a message."""

import asyncio
from collections.abc import Mapping, Sequence

import orjson

from member_svc.members.sealing import ENCRYPTED, Sealing
from member_svc.metadata import Row
from unioncard.contracts.members import Member, MembersChanged
from unioncard.crypto import Seal, TransportSealer
from unioncard.unit_of_work import Transaction

MESSAGE_ROWS = 1000
# Well below the limit of 512 KB, which counts the envelope and the seal too.
MESSAGE_BYTES = 480_000


async def publish_members(
    tx: Transaction, rows: Sequence[Row], union_id: int | None, sealing: Sealing, sealer: TransportSealer
) -> int:
    """Publish members that are of one union, or have just left it, or (None) have had none for some time.

    Returns how many messages. ``rows`` have all columns of the table.
    """
    messages = await asyncio.to_thread(_messages, rows, union_id, sealing, sealer)
    for message in messages:
        tx.publish(message, key=str(union_id or 0), subject=f"union:{union_id or 0}")
    return len(messages)


def _messages(
    rows: Sequence[Row], union_id: int | None, sealing: Sealing, sealer: TransportSealer
) -> list[MembersChanged]:
    messages: list[MembersChanged] = []
    seal, members, size = sealer.new_message(), list[Member](), 0
    for row in rows:
        plain = sealing.open(row["id"], row)
        member = _sealed(row, plain, seal)
        length = len(orjson.dumps(member.model_dump(mode="json"))) + 1
        if members and (len(members) == MESSAGE_ROWS or size + length > MESSAGE_BYTES):
            messages.append(MembersChanged(union_id=union_id, seal=seal.header, members=members))
            seal, members, size = sealer.new_message(), [], 0
            member = _sealed(row, plain, seal)
        members.append(member)
        size += length
    if members:
        messages.append(MembersChanged(union_id=union_id, seal=seal.header, members=members))
    return messages


def _sealed(row: Row, plain: Mapping[str, str], seal: Seal) -> Member:
    encrypted = {field: seal.encrypt(field, row["id"], plain[field]) for field in ENCRYPTED}
    return Member.model_validate({name: row[name] for name in _PLAIN} | encrypted)


_PLAIN = tuple(name for name in Member.model_fields if name not in ENCRYPTED)
