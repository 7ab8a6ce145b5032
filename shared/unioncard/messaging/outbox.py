"""The outbox: messages are written in the transaction that makes their facts, and a relay sends them afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard import telemetry
from unioncard.contracts.model import Command, Contract, Reply
from unioncard.messaging.envelope import MAX_REPLY_BYTES, Envelope, MessageTooLarge

log = structlog.get_logger()

# Any number that nobody else in a service's database uses.
RELAY_LOCK = 7236102
CHANNEL = "outbox"
RELAY_ROWS = 2000
RELAY_BYTES = 8 * 1024 * 1024

_INSERT = sa.text("""
    INSERT INTO outbox (priority, topic, key, body)
    SELECT * FROM unnest(CAST(:priorities AS smallint[]), CAST(:topics AS text[]),
                         CAST(:keys AS text[]), CAST(:bodies AS bytea[]))
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
            "priorities": [m.priority for m in messages],
            "topics": [m.topic for m in messages],
            "keys": [m.key for m in messages],
            "bodies": [m.body for m in messages],
        },
    )
    await conn.exec_driver_sql(f"NOTIFY {CHANNEL}")


class Relay:
    """Sends what is in one service's outbox. Any number may run; an advisory lock lets one work at a time.

    Rows are deleted once the broker has acknowledged them, so a crash between sending and deleting sends twice and
    the readers' inboxes count once. It never remembers a last id: transactions become visible out of order.
    """

    def __init__(self, url: str, producer: AIOKafkaProducer) -> None:
        self._url = url
        self._producer = producer

    async def run(self) -> None:
        """Send for ever; reconnects when the database goes away."""
        while True:
            try:
                await self._hold_lock_and_send()
            except (psycopg.OperationalError, OSError) as error:
                log.warning("outbox.reconnecting", error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _hold_lock_and_send(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=1) as conn:
            while not await self._locked(conn):
                await asyncio.sleep(1.0)
            await conn.execute(f"LISTEN {CHANNEL}".encode())
            while True:
                if await self.send_once(conn) < RELAY_ROWS:
                    await self._measure(conn)
                    # Woken by NOTIFY; once a second in any case, since a notification is lost when we reconnect.
                    async for _ in conn.notifies(timeout=1.0, stop_after=1):
                        pass

    async def _locked(self, conn: psycopg.AsyncConnection) -> bool:
        row = await (await conn.execute("SELECT pg_try_advisory_lock(%s)", (RELAY_LOCK,))).fetchone()
        return bool(row and row[0])

    async def send_once(self, conn: psycopg.AsyncConnection) -> int:
        """Send the next rows, most urgent first, and delete those acknowledged. Returns how many were read."""
        rows = await self._next(conn)
        if not rows:
            return 0
        sent: list[int] = []
        refused: list[tuple[int, str]] = []
        # send() only puts the message in the producer's buffer; its future is the broker's acknowledgement.
        waiting: list[tuple[int, str, asyncio.Future[object]]] = []
        for id_, topic, key, body in rows:
            try:
                waiting.append((id_, topic, await self._producer.send(topic, body, key=key.encode())))
            except MessageSizeTooLargeError:
                refused.append((id_, "MessageSizeTooLarge"))
            except KafkaError as error:
                log.warning("outbox.send_failed", error=type(error).__name__)
                break
        results = await asyncio.gather(*(future for _, _, future in waiting), return_exceptions=True)
        for (id_, topic, _), result in zip(waiting, results, strict=True):
            if isinstance(result, MessageSizeTooLargeError):
                refused.append((id_, "MessageSizeTooLarge"))
            elif not isinstance(result, BaseException):
                sent.append(id_)
                telemetry.messages_sent.labels(topic).inc()
        await self._settle(conn, sent, refused)
        if len(sent) + len(refused) < len(rows):
            log.warning("outbox.unsent", rows=len(rows) - len(sent) - len(refused))
            await asyncio.sleep(0.5)
        return len(rows)

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

    async def _settle(self, conn: psycopg.AsyncConnection, sent: list[int], refused: list[tuple[int, str]]) -> None:
        if sent:
            await conn.execute("DELETE FROM outbox WHERE id = ANY(%s)", (sent,))
        for id_, reason in refused:
            log.error("outbox.refused", id=id_, reason=reason)
            await conn.execute("UPDATE outbox SET refused = %s WHERE id = %s", (reason, id_))

    async def _measure(self, conn: psycopg.AsyncConnection) -> None:
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
