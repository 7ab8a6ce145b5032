"""The same shape without any promise: ``python -m bench.echo.bare_worker``.

A worker whose activity sends a message and completes later, and a consumer that completes by ids. No envelope, no
contracts, no traces; as many completions at once as the platform makes. Temporal is asked for the same: pollers and
worker versions are what they are for the platform.
"""

import asyncio
import sys
from datetime import timedelta
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaProducer
from temporalio import activity
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig

from bench.echo.contracts import BARE_COMMANDS, BARE_REPLIES
from bench.echo.workflow import BARE_ACTIVITY, BARE_QUEUE, Rounds
from unioncard.messaging import kafka
from unioncard.service import calm_collector
from unioncard.settings import Settings, settings_or_exit
from workflows.crossing import CONCURRENCY
from workflows.settings import WorkflowsSettings
from workflows.worker import DEPLOYMENT, WORKFLOW_TASKS, promote


class Sender:
    """The activity."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @activity.defn(name=BARE_ACTIVITY)
    async def send(self, payload: list[Any]) -> None:
        """Send, and leave the completion to the answer."""
        info = activity.info()
        assert info.workflow_id is not None
        ids = [info.workflow_id, info.workflow_run_id, info.activity_id]
        body = orjson.dumps({"ids": ids, "data": payload})
        await self._producer.send_and_wait(BARE_COMMANDS, body, key=info.workflow_id.encode())
        activity.raise_complete_async()


async def bring(settings: Settings, client: Client) -> None:
    """Complete what was answered."""
    consumer = kafka.consumer(settings, "bare", "bare-replies", [BARE_REPLIES])
    await consumer.start()
    gate = asyncio.Semaphore(CONCURRENCY)

    async def complete(body: bytes) -> None:
        answer = orjson.loads(body)
        workflow_id, run_id, activity_id = answer["ids"]
        handle = client.get_async_activity_handle(workflow_id=workflow_id, run_id=run_id, activity_id=activity_id)
        async with gate:
            await handle.complete(answer["data"], rpc_timeout=timedelta(seconds=10))

    while True:
        polled = await consumer.getmany(timeout_ms=500, max_records=settings.kafka_batch)
        bodies = [record.value for records in polled.values() for record in records]
        if bodies:
            await asyncio.gather(*(complete(body) for body in bodies))
            await consumer.commit()


async def serve() -> None:
    """Until killed."""
    settings = settings_or_exit(WorkflowsSettings)
    calm_collector()
    client = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    producer = kafka.producer(settings, "bare")
    await producer.start()
    worker = Worker(
        client,
        task_queue=BARE_QUEUE,
        workflows=[Rounds],
        activities=[Sender(producer).send],
        **WORKFLOW_TASKS,
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        deployment_config=WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(DEPLOYMENT, settings.worker_build),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        ),
    )

    async def ready() -> None:
        await promote(client, settings.worker_build)
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    await asyncio.gather(worker.run(), bring(settings, client), ready())


if __name__ == "__main__":
    uvloop.run(serve())
