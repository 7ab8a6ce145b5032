"""The topics, made by command and never by accident (``python -m unioncard.messaging.topics``)."""

import asyncio
import sys
from collections.abc import Iterable

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from unioncard import contracts
from unioncard.contracts.model import Contract
from unioncard.messaging import kafka
from unioncard.settings import Settings, settings_or_exit

DEAD = ".dead"


def topic_names(of: Iterable[type[Contract]] | None = None) -> list[str]:
    """Every topic that these contracts name (all that are registered, if not said), and each one's of dead letters."""
    named = contracts.REGISTRY.values() if of is None else of
    live = sorted({contract.TOPIC for contract in named if contract.TOPIC})
    return [name + suffix for name in live for suffix in ("", DEAD)]


async def make_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing; returns their names. Safe to repeat and to run twice at once."""
    client = kafka.admin(settings, "topics")
    try:
        await client.start()
        there = set(await client.list_topics())
        missing = [name for name in topic_names() if name not in there]
        made: list[str] = []
        if missing:
            answer = await client.create_topics([_new_topic(name, settings) for name in missing])
            for name, code, *message in answer.topic_errors:
                if code == 0:
                    made.append(name)
                elif for_code(code) is not TopicAlreadyExistsError:
                    raise for_code(code)(f"{name}: {message}")
        return made
    finally:
        await client.close()


def _new_topic(name: str, settings: Settings) -> NewTopic:
    # Retention is above the longest outage; dead letters wait for people, so they stay for a year.
    days = 365 if name.endswith(DEAD) else settings.kafka_retention_days
    return NewTopic(
        name=name,
        num_partitions=1 if name.endswith(DEAD) else settings.kafka_partitions,
        replication_factor=settings.kafka_replication,
        topic_configs={
            "retention.ms": str(days * 86_400_000),
            # A dead letter carries a whole message in base64.
            "max.message.bytes": str(kafka.MAX_REQUEST_BYTES if name.endswith(DEAD) else 1024 * 1024),
            "min.insync.replicas": str(max(1, settings.kafka_replication - 1)),
        },
    )


if __name__ == "__main__":
    for made in asyncio.run(make_topics(settings_or_exit(Settings))):
        sys.stdout.write(f"{made}\n")
