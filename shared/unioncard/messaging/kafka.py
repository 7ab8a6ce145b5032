"""Kafka clients, made the same way everywhere."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

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
    return partitions[crc32(key) % len(partitions)]


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
