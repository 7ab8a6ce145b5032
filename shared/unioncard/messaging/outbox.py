"""The outbox: messages are written in the transaction that makes their facts, and a relay sends them afterwards."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard import telemetry
from unioncard.contracts.model import Command, Contract, Reply
from unioncard.messaging import kafka
from unioncard.messaging.envelope import MAX_REPLY_BYTES, Envelope, MessageTooLarge

log = structlog.get_logger()

# Any number that nobody else in a service's database uses.
RELAY_LOCK = 7236102
CHANNEL = "outbox"
RELAY_ROWS = 2000
RELAY_BYTES = 8 * 1024 * 1024
# Longer than the producer itself tries (its request time-out is 40 s).
SEND_WITHIN_S = 90.0

_INSERT = sa.text("""
    WITH written AS (
        INSERT INTO outbox (priority, topic, key, body)
        SELECT * FROM unnest(CAST(:priorities AS smallint[]), CAST(:topics AS text[]),
                             CAST(:keys AS text[]), CAST(:bodies AS bytea[]))
    )
    SELECT pg_notify(:channel, '')
""")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One encoded message on its way to a topic."""

    priority: int
    topic: str
    key: str
    body: bytes


def outgoing(envelope: Envelope, contract: type[Contract], key: str) -> Outgoing:
    """Encode a message for the outbox; raises :class:`MessageTooLarge` before anything is stored.

    Replies and commands overtake bulk events, since a workflow waits for them.
    """
    body = envelope.encode()
    if issubclass(contract, Reply) and len(body) > MAX_REPLY_BYTES:
        raise MessageTooLarge(f"{envelope.type}: {len(body)} bytes, replies at most {MAX_REPLY_BYTES}")
    priority = 0 if issubclass(contract, Reply) else 1 if issubclass(contract, Command) else 2
    return Outgoing(priority, contract.TOPIC, key, body)


async def insert(conn: AsyncConnection, messages: Sequence[Outgoing]) -> None:
    """Write messages with one statement, and wake the relay when the transaction commits."""
    if not messages:
        return
    await conn.execute(
        _INSERT,
        {
            "channel": CHANNEL,
            "priorities": [m.priority for m in messages],
            "topics": [m.topic for m in messages],
            "keys": [m.key for m in messages],
            "bodies": [m.body for m in messages],
        },
    )


@dataclass(slots=True)
class _Parcel:
    """Messages for one partition that travel together."""

    topic: str
    partition: int
    batch: BatchBuilder
    ids: list[int]


async def _packed(
    producer: AIOKafkaProducer, rows: Sequence[tuple[int, str, str, bytes]], singly: bool
) -> list[_Parcel]:
    """The rows in parcels, those of one partition in their order. One by one a message costs the producer ten times
    as much, in futures and look-ups."""
    partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {row[1] for row in rows}}
    parcels: list[_Parcel] = []
    newest: dict[tuple[str, int], _Parcel] = {}
    for id_, topic, key, body in rows:
        key_bytes = key.encode()
        place = topic, kafka.partition_of(key_bytes, partitions[topic])
        parcel = None if singly else newest.get(place)
        if parcel is None or _added(parcel, key_bytes, body) is None:
            parcel = newest[place] = _Parcel(*place, producer.create_batch(), [])
            parcels.append(parcel)
            # The first message is taken whatever its size; the broker judges it.
            _added(parcel, key_bytes, body)
        parcel.ids.append(id_)
    return parcels


def _added(parcel: _Parcel, key: bytes, body: bytes) -> object | None:
    """None where the parcel is full."""
    added: object | None = parcel.batch.append(timestamp=None, key=key, value=body, headers=kafka.HEADERS)
    return added


class Relay:
    """Sends what is in one service's outbox. Any number may run; an advisory lock lets one work at a time.

    Rows are deleted once the broker has acknowledged them, so a crash between sending and deleting sends twice and
    the readers' inboxes count once. It never remembers a last id: transactions become visible out of order.
    """

    def __init__(self, url: str, make_producer: Callable[[], AIOKafkaProducer]) -> None:
        self._url = url
        self._make_producer = make_producer
        self._measured_at = 0.0
        self._singly = False

    async def run(self) -> None:
        """Send for ever; starts anew when the database or the broker goes away."""
        while True:
            try:
                await self._hold_lock_and_send()
            except (psycopg.OperationalError, psycopg.InterfaceError, KafkaError, OSError) as error:
                log.warning("outbox.reconnecting", error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _hold_lock_and_send(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, prepare_threshold=1, connect_timeout=10
        ) as conn:
            await self._lock(conn)
            await conn.execute(f"LISTEN {CHANNEL}".encode())
            while True:
                await self._send_with_new_producer(conn)

    async def _send_with_new_producer(self, conn: psycopg.AsyncConnection) -> None:
        """Send until a message fails. An idempotent producer that lost a batch, even one that the broker refused for
        its size, has a gap in its sequence, and the broker takes nothing more from it for that partition."""
        # Also while the broker is away and nothing below is reached: that is when the age of the oldest row tells.
        await self._measure(conn)
        producer = self._make_producer()
        try:
            await producer.start()
            while await self._send_and_wait(conn, producer):
                pass
        finally:
            # Whatever it still holds was not acknowledged, so its row is there and is sent again by the next one.
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(2.0):
                    await producer.stop()

    async def _send_and_wait(self, conn: psycopg.AsyncConnection, producer: AIOKafkaProducer) -> bool:
        rows = await self._next(conn)
        good = True
        if rows:
            # A client that hangs says nothing; what it held is sent again by the next one.
            async with asyncio.timeout(SEND_WITHIN_S):
                good = await self._send(conn, producer, rows)
        if time.monotonic() - self._measured_at > 1.0:
            await self._measure(conn)
        if good and len(rows) < RELAY_ROWS and sum(len(row[3]) for row in rows) < RELAY_BYTES:
            # That was all. What was committed since is told by a notification, which waits for us if we are late; once
            # a second we look in any case, since one is lost when we reconnect.
            async for _ in conn.notifies(timeout=1.0, stop_after=1):
                pass
        return good

    async def _lock(self, conn: psycopg.AsyncConnection) -> None:
        """Waits for our turn. By asking again: a server that ends breaks a sleeping relay's connection unseen."""
        while True:
            row = await (await conn.execute("SELECT pg_try_advisory_lock(%s)", (RELAY_LOCK,))).fetchone()
            if row and row[0]:
                return
            await asyncio.sleep(1.0)

    async def _send(
        self, conn: psycopg.AsyncConnection, producer: AIOKafkaProducer, rows: Sequence[tuple[int, str, str, bytes]]
    ) -> bool:
        """Send these rows and delete those acknowledged. Answers whether the producer can go on."""
        sent: list[int] = []
        refused: list[int] = []
        failed: Counter[str] = Counter()
        # send_batch() only puts it in the producer's buffer; its future is the broker's acknowledgement.
        waiting: list[tuple[_Parcel, asyncio.Future[object]]] = []
        try:
            for parcel in await _packed(producer, rows, self._singly):
                future = await producer.send_batch(parcel.batch, parcel.topic, partition=parcel.partition)
                waiting.append((parcel, future))
        except KafkaError as error:
            failed[type(error).__name__] += 1
        self._singly = False
        results = await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
        for (parcel, _), result in zip(waiting, results, strict=True):
            if isinstance(result, MessageSizeTooLargeError) and len(parcel.ids) == 1:
                refused += parcel.ids
            elif isinstance(result, MessageSizeTooLargeError):
                # The broker takes less than a full parcel. Which message is too large, if any, shows one by one.
                self._singly = True
                failed[type(result).__name__] += len(parcel.ids)
            elif isinstance(result, BaseException):
                failed[type(result).__name__] += len(parcel.ids)
            else:
                sent += parcel.ids
                telemetry.messages_sent.labels(parcel.topic).inc(len(parcel.ids))
        await self._settle(conn, sent, refused)
        if failed:
            log.warning("outbox.unsent", errors=dict(failed))
            await asyncio.sleep(0.5)
        return not (failed or refused)

    async def _next(self, conn: psycopg.AsyncConnection) -> list[tuple[int, str, str, bytes]]:
        # The running sum bounds memory by bytes: 2,000 small replies, or some sixteen full member events.
        cursor = await conn.execute(
            """
            SELECT id, topic, key, body FROM (
                SELECT *, sum(octet_length(body)) OVER (ORDER BY priority, id) - octet_length(body) AS before
                FROM (SELECT id, priority, topic, key, body FROM outbox WHERE refused IS NULL
                      ORDER BY priority, id LIMIT %s) AS first
            ) AS summed WHERE before < %s ORDER BY priority, id
            """,
            (RELAY_ROWS, RELAY_BYTES),
            binary=True,
        )
        return await cursor.fetchall()

    async def _settle(self, conn: psycopg.AsyncConnection, sent: list[int], refused: list[int]) -> None:
        if sent:
            await conn.execute("DELETE FROM outbox WHERE id = ANY(%s)", (sent,))
        if refused:
            log.error("outbox.refused", ids=refused, reason="MessageSizeTooLarge")
            await conn.execute("UPDATE outbox SET refused = 'MessageSizeTooLarge' WHERE id = ANY(%s)", (refused,))

    async def _measure(self, conn: psycopg.AsyncConnection) -> None:
        self._measured_at = time.monotonic()
        cursor = await conn.execute(
            """
            SELECT count(*) FILTER (WHERE refused IS NULL), count(refused),
                   coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE refused IS NULL)), 0)
            FROM outbox
            """
        )
        row = await cursor.fetchone()
        assert row is not None  # an aggregate without GROUP BY has one row
        telemetry.outbox_waiting.set(row[0])
        telemetry.outbox_refused.set(row[1])
        telemetry.outbox_oldest_age.set(float(row[2]))
