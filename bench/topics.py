"""The topics that benches make beside the platform's own, with the platform's settings."""

from collections.abc import Sequence

from aiokafka.admin import NewTopic

from unioncard.messaging import kafka
from unioncard.messaging.topics import make_topics
from unioncard.settings import Settings


async def make(settings: Settings, names: Sequence[str]) -> None:
    """The platform's topics and these."""
    await make_topics(settings)
    client = kafka.admin(settings, "bench")
    await client.start()
    try:
        await client.create_topics([NewTopic(name, settings.kafka_partitions, 1) for name in names])
    finally:
        await client.close()
