"""Who may write and read which topic, and the job that tells the broker: ``python -m compose.kafka_access``.

The table is the architecture's: events are written by the service whose facts they are, commands by the workflows,
replies by services alone. What is not in it is refused (``allow.everyone.if.no.acl.found=false``); ``admin`` may do
everything. Dead letters are written by whoever reads the topic. Rules are added, never taken away: remove one by hand.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from unioncard.messaging import kafka
from unioncard.messaging.topics import DEAD
from unioncard.settings import Settings, settings_or_exit


class Kind(IntEnum):
    """Kafka's numbers for kinds of resources."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """Kafka's numbers for operations. WRITE allows an idempotent producer too."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8


LITERAL, PREFIXED = 3, 4
ALLOW = 3


@dataclass(frozen=True, slots=True)
class Topic:
    """The users that write and that read a topic."""

    writers: tuple[str, ...]
    readers: tuple[str, ...]


TOPICS: Mapping[str, Topic] = {
    "member-svc.events": Topic(writers=("member-svc",), readers=("card-svc", "insurance-svc", "claims-svc")),
    "card-svc.commands": Topic(writers=("workflows",), readers=("card-svc",)),
    "card-svc.events": Topic(writers=("card-svc",), readers=("member-svc", "insurance-svc", "claims-svc", "workflows")),
    "insurance-svc.commands": Topic(writers=("workflows",), readers=("insurance-svc",)),
    "insurance-svc.events": Topic(writers=("insurance-svc",), readers=("workflows",)),
    "claims-svc.commands": Topic(writers=("workflows",), readers=("claims-svc",)),
    "claims-svc.events": Topic(writers=("claims-svc",), readers=("insurance-svc", "workflows")),
    "workflows.replies": Topic(
        writers=("member-svc", "card-svc", "insurance-svc", "claims-svc"), readers=("workflows",)
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the broker's access list: ``user`` may do ``operation``."""

    user: str
    kind: Kind
    name: str
    operation: Operation


def rules() -> Iterator[Rule]:
    """All rules, from :data:`TOPICS`."""
    for name, topic in TOPICS.items():
        for user in topic.writers:
            yield Rule(user, Kind.TOPIC, name, Operation.WRITE)
        for user in topic.readers:
            yield Rule(user, Kind.TOPIC, name, Operation.READ)
            yield Rule(user, Kind.TOPIC, name + DEAD, Operation.WRITE)
    for user in sorted({user for topic in TOPICS.values() for user in topic.readers}):
        # consumer groups are called after who reads: card-svc, workflows, workflows-replies …
        yield Rule(user, Kind.GROUP, user, Operation.READ)


async def allow(settings: Settings) -> int:
    """Tells the broker every rule; repeating it changes nothing. Returns how many there are."""
    client = kafka.admin(settings, "access")
    await client.start()
    try:
        wanted = list(rules())
        for rule in wanted:
            pattern = PREFIXED if rule.kind is Kind.GROUP else LITERAL
            request = CreateAclsRequest(rule.kind, rule.name, pattern, f"User:{rule.user}", "*", rule.operation, ALLOW)
            # aiokafka can speak this request, but offers no method for it.
            answer = await client._send_request(request)
            for code, message in answer.creation_responses:
                if code:
                    raise for_code(code)(f"{rule}: {message}")
        return len(wanted)
    finally:
        await client.close()


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(allow(settings_or_exit(Settings)))} rules\n")
