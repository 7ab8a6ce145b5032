"""Telling readers of organisations that are new or changed."""

from collections.abc import Iterator, Sequence

import orjson

from member_svc.metadata import Row
from unioncard.contracts.members import Organisation, OrganisationsChanged
from unioncard.unit_of_work import Transaction

MESSAGE_ROWS = 1000
# Well below the limit of 512 KB, which counts the envelope too.
MESSAGE_BYTES = 480_000


def publish_organisations(tx: Transaction, rows: Sequence[Row]) -> int:
    """Publish them in messages of at most 1,000; returns how many messages."""
    messages = 0
    for chunk in _chunks([Organisation.model_validate(dict(row)) for row in rows]):
        tx.publish(OrganisationsChanged(organisations=chunk), key="organisations")
        messages += 1
    return messages


def _chunks(organisations: Sequence[Organisation]) -> Iterator[list[Organisation]]:
    chunk: list[Organisation] = []
    size = 0
    for one in organisations:
        length = len(orjson.dumps(one.model_dump(mode="json"))) + 1
        if chunk and (len(chunk) == MESSAGE_ROWS or size + length > MESSAGE_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += length
    if chunk:
        yield chunk
