"""Does a part really answer? Each probe returns when it does and raises when it does not (yet)."""

import asyncio

import psycopg
from aiokafka.admin import AIOKafkaAdminClient

from unioncard.settings import Settings, read_settings
from unioncard_cli.place import HOST, Place

PATIENCE_S = 2.0


class NotReady(Exception):
    """The part answers, but not with what a ready one says."""


async def postgres(place: Place) -> None:
    """A query is answered (during recovery none is)."""
    url = place.environment()["UNIONCARD_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=int(PATIENCE_S)) as connection:
        await connection.execute("SELECT 1")


async def kafka(place: Place) -> None:
    """The broker tells its metadata, and there is a controller that can make topics."""
    settings = read_settings(Settings, kafka=place.environment()["UNIONCARD_KAFKA"])
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka,
        security_protocol=settings.kafka_security_protocol,
        ssl_context=settings.kafka_ssl(),
        sasl_mechanism=settings.kafka_sasl_mechanism,
        sasl_plain_username=settings.kafka_sasl_username,
        sasl_plain_password=settings.kafka_sasl_password.get_secret_value() if settings.kafka_sasl_password else None,
        request_timeout_ms=int(PATIENCE_S * 1000),
    )
    try:
        await client.start()
        cluster = await client.describe_cluster()
        if not cluster["brokers"] or cluster["controller_id"] < 0:
            raise NotReady("no broker or no controller yet")
    finally:
        await client.close()


async def temporal(place: Place) -> None:
    """The Web UI answers, and through it the server knows our namespace."""
    namespace = place.environment()["UNIONCARD_TEMPORAL_NAMESPACE"]
    await http_ok(place.port("temporal-ui"), f"/api/v1/namespaces/{namespace}")


async def http_ok(port: int, path: str = "/healthz") -> None:
    """``GET path`` on a local port answers 200."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        await writer.drain()
        status = (await reader.readline()).split()
        if len(status) < 2 or status[1] != b"200":
            raise NotReady(f"port {port} {path} says {b' '.join(status[1:]).decode(errors='replace') or 'nothing'}")
    finally:
        writer.close()
