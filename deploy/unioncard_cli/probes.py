"""Does a part really answer? Each probe returns when it does and raises when it does not (yet).

The clients are imported where they are used: they take a second, which ``unioncard status`` should not.
"""

import asyncio

from unioncard_cli.place import HOST, Place

PATIENCE_S = 5.0


class NotReady(Exception):
    """The part answers, but not with what a ready one says."""


async def postgres(place: Place) -> None:
    """A query is answered (during recovery none is)."""
    import psycopg

    url = place.environment()["UNIONCARD_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=int(PATIENCE_S)) as connection:
        await connection.execute("SELECT 1")


async def kafka(place: Place) -> None:
    """The broker tells its metadata, and there is a controller that can make topics."""
    from unioncard.messaging import kafka as kafka_clients
    from unioncard.settings import Settings, read_settings

    if not place.external("kafka"):
        # first without the client, which complains loudly of a port that nobody listens to yet
        _, writer = await asyncio.open_connection(HOST, place.port("kafka"))
        writer.close()
    settings = read_settings(Settings, kafka=place.environment()["UNIONCARD_KAFKA"])
    client = kafka_clients.admin(settings, "probe")
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
