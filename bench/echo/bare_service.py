"""The same without any promise: ``python -m bench.echo.bare_service <topic> [insert]``.

Consumes, sends each message back, commits its offset. No envelope, inbox, outbox or database; with ``insert`` one
row a message, a transaction a batch.
"""

import asyncio
import sys

import orjson
import psycopg
import uvloop

from bench.echo.contracts import BARE_REPLIES
from bench.echo.service import database
from unioncard.messaging import kafka
from unioncard.service import calm_collector
from unioncard.settings import Settings, settings_or_exit

_INSERT = "INSERT INTO facts (number, text) SELECT * FROM unnest(%s::bigint[], %s::text[])"


async def serve(topic: str, insert: bool) -> None:
    """Until killed."""
    settings = settings_or_exit(Settings)
    calm_collector()
    conn = await psycopg.AsyncConnection.connect(database(settings).app_url) if insert else None
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    consumer = kafka.consumer(settings, "bare", f"bare-{topic}-{insert}", [topic])
    producer = kafka.producer(settings, "bare")
    await consumer.start()
    await producer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=500, max_records=settings.kafka_batch)
        messages = [orjson.loads(record.value) for records in polled.values() for record in records]
        if not messages:
            continue
        if conn is not None:
            data = [message["data"] for message in messages]
            await conn.execute(_INSERT, ([one["number"] for one in data], [one["text"] for one in data]))
            await conn.commit()
        sent = [
            await producer.send(BARE_REPLIES, orjson.dumps(message), key=str(number).encode())
            for number, message in enumerate(messages)
        ]
        await asyncio.gather(*sent)
        await consumer.commit()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], "insert" in sys.argv[2:]))
