"""The workflow side as the platform runs it: ``python -m bench.echo.worker``.

Worker with the commands' activity, and the consumer of replies, in one process as in ``python -m workflows``.
"""

import asyncio
import sys

import uvloop

from bench.echo.workflow import FULL_QUEUE, Rounds
from unioncard.messaging import kafka
from unioncard.messaging.consumer import Consumer
from unioncard.service import calm_collector
from unioncard.settings import settings_or_exit
from unioncard.telemetry import start_telemetry
from workflows import replies
from workflows.client import connect
from workflows.settings import WorkflowsSettings
from workflows.worker import make_worker, promote


async def serve() -> None:
    """Until killed."""
    settings = settings_or_exit(WorkflowsSettings)
    start_telemetry("workflows", settings)
    calm_collector()
    client = await connect(settings)
    producer = kafka.Sender(settings, "workflows")
    await producer.start()
    homecoming = Consumer(
        settings,
        client="workflows",
        group=replies.GROUP,
        topics=replies.TOPICS,
        processor=replies.ReplyProcessor(client, producer),
    )
    worker = make_worker(client, producer, build=settings.worker_build, task_queue=FULL_QUEUE, workflows=[Rounds])

    async def ready() -> None:
        await promote(client, settings.worker_build)
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    await asyncio.gather(worker.run(), homecoming.run(), ready())


if __name__ == "__main__":
    uvloop.run(serve())
