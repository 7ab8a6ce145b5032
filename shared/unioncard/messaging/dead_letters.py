"""Dead letters: messages that no number of tries can handle, kept whole with the reason, to be seen and sent again.

They live in ``<topic>.dead``. A resend is recorded there too, so the topic alone tells what is still open. Ids derive
from where the message lay and who could not handle it: a letter written twice is listed once.
"""

import base64
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.model import Contract
from unioncard.messaging import kafka
from unioncard.messaging.envelope import Envelope, MalformedMessage, new_id
from unioncard.messaging.outbox import Outgoing
from unioncard.messaging.topics import DEAD, topic_names
from unioncard.settings import Settings


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it lay in a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    body: bytes


class DeadLetter(Contract):
    """A message set aside. ``reason`` names fields and error kinds, never their values."""

    TYPE: ClassVar[str] = "dead-letter.v1"
    id: str
    topic: str
    partition: int
    offset: int
    key: str
    group: str = Field(description="the consumer group that could not handle it")
    reason: str
    body: str = Field(description="the message's bytes in base64")


class DeadLetterResent(Contract):
    """An operator sent a dead letter to its topic again."""

    TYPE: ClassVar[str] = "dead-letter.resent.v1"
    id: str


def dead_letter(record: Record, group: str, reason: str, source: str) -> Outgoing:
    """The dead letter for a record, encoded."""
    place = f"{group}/{record.topic}/{record.partition}/{record.offset}"
    letter = DeadLetter(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, place)),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        group=group,
        reason=reason[:1000],
        body=base64.b64encode(record.body).decode(),
    )
    # Keys of the outbox are texts of PostgreSQL, which have no NUL; the letter itself keeps the key as it was.
    return Outgoing(2, record.topic + DEAD, record.key.replace("\0", ""), _encode(letter, letter.id, source))


def _encode(contract: Contract, subject: str, source: str) -> bytes:
    # Larger than other messages by a third, since it carries one whole: so not through Envelope.encode's limit.
    envelope = Envelope(
        id=new_id(),
        source=source,
        type=contract.TYPE,
        subject=subject,
        time=datetime.now(UTC),
        data=contract.model_dump(mode="json"),
    )
    return envelope.model_dump_json(exclude_none=True).encode()


@dataclass(frozen=True, slots=True)
class Listed:
    """A dead letter as an operator sees it."""

    letter: DeadLetter
    at: datetime
    resent: bool

    @property
    def type(self) -> str:
        """The type of the message inside, as far as it can be read."""
        try:
            return Envelope.decode(base64.b64decode(self.letter.body)).type
        except MalformedMessage:
            return "?"


async def list_dead_letters(settings: Settings) -> list[Listed]:
    """All dead letters of all topics, oldest first."""
    letters: dict[str, tuple[DeadLetter, datetime]] = {}
    resent: set[str] = set()
    for envelope in await _read_all(settings, [name for name in topic_names() if name.endswith(DEAD)]):
        if envelope.type == DeadLetter.TYPE:
            letter = DeadLetter.model_validate(envelope.data)
            letters.setdefault(letter.id, (letter, envelope.time))
        elif envelope.type == DeadLetterResent.TYPE:
            resent.add(DeadLetterResent.model_validate(envelope.data).id)
    listed = [Listed(letter, at, letter.id in resent) for letter, at in letters.values()]
    return sorted(listed, key=lambda one: one.at)


async def resend(settings: Settings, letter: DeadLetter) -> None:
    """Send the message to its topic again, then note that it was. Readers' inboxes make a second resend harmless."""
    producer = kafka.producer(settings, "dead-letters")
    try:
        await producer.start()
        body, key = base64.b64decode(letter.body), letter.key.encode()
        await producer.send_and_wait(letter.topic, body, key=key, headers=kafka.HEADERS)
        note = _encode(DeadLetterResent(id=letter.id), letter.id, "dead-letters")
        await producer.send_and_wait(letter.topic + DEAD, note, key=key, headers=kafka.HEADERS)
    finally:
        await producer.stop()


async def _read_all(settings: Settings, topics: list[str]) -> list[Envelope]:
    there = sorted(await _topics_there(settings) & set(topics))
    if not there:
        return []
    consumer = kafka.consumer(settings, "dead-letters", None, there)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Envelope] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(envelope for record in records if (envelope := _envelope_in(record.value)))
        return found
    finally:
        await consumer.stop()


async def _topics_there(settings: Settings) -> set[str]:
    client = kafka.admin(settings, "dead-letters")
    try:
        await client.start()
        return set(await client.list_topics())
    finally:
        await client.close()


def _envelope_in(body: bytes | None) -> Envelope | None:
    """What a topic of dead letters holds by other hands than ours is passed over: the list must not fail for it."""
    try:
        return Envelope.decode(body) if body else None
    except MalformedMessage:
        return None
