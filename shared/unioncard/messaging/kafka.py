"""Kafka clients, made the same way everywhere."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from unioncard.settings import Settings

CONTENT_TYPE = "application/cloudevents+json"
# The one header a structured CloudEvent needs on Kafka.
HEADERS = [("content-type", CONTENT_TYPE.encode())]

# The largest message a topic takes is 1 MiB; a dead letter about it is a third larger.
MAX_REQUEST_BYTES = 2 * 1024 * 1024


def _connection(settings: Settings, client: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "client_id": client,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": settings.kafka_ssl(),
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        assert settings.kafka_sasl_password is not None  # the settings insist on it
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return options


def producer(settings: Settings, client: str) -> AIOKafkaProducer:
    """Idempotent, all replicas must acknowledge. No linger: the relay already sends in batches."""
    return AIOKafkaProducer(
        **_connection(settings, client),
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=256 * 1024,
        max_request_size=MAX_REQUEST_BYTES,
        compression_type="lz4",
        partitioner=lambda key, partitions, _available: partition_of(key, partitions),
    )


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """The partition of a key, the same for every producer. The client's own choice (murmur2 in Python) takes longer
    than everything else it does with a message."""
    return partitions[crc32(key or b"") % len(partitions)]


class Sender:
    """Sends single messages for as long as the process lives. What :func:`producer` gives does not: an idempotent
    producer that lost a batch, to its size or to a broker away for too long, has a gap in its sequence and is refused
    by that partition for ever. So after an error the next message gets a new one."""

    def __init__(self, settings: Settings, client: str) -> None:
        self._settings = settings
        self._client = client
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect, or raise ``KafkaError``."""
        await self._working()

    async def stop(self) -> None:
        """Send what is under way, for two seconds at most."""
        producer, self._producer = self._producer, None
        await _stopped(producer)

    async def send_and_wait(self, topic: str, body: bytes, *, key: bytes) -> None:
        """Send and wait until all replicas have it, or raise ``KafkaError``: then it may have arrived or not."""
        producer = await self._working()
        try:
            await producer.send_and_wait(topic, body, key=key, headers=HEADERS)
        except KafkaError:
            if self._producer is producer:
                self._producer = None
                await _stopped(producer)
            raise

    async def _working(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                fresh = producer(self._settings, self._client)
                try:
                    await fresh.start()
                except KafkaError:
                    await _stopped(fresh)
                    raise
                self._producer = fresh
            return self._producer


async def _stopped(producer: AIOKafkaProducer | None) -> None:
    if producer is not None:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(2.0):
                await producer.stop()


def consumer(settings: Settings, client: str, group: str | None, topics: list[str]) -> AIOKafkaConsumer:
    """Starts at the earliest message and commits only when told to."""
    return AIOKafkaConsumer(
        *topics,
        **_connection(settings, client),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=300_000,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=250,
    )


def admin(settings: Settings, client: str) -> AIOKafkaAdminClient:
    """For making and describing topics."""
    return AIOKafkaAdminClient(**_connection(settings, client))
