"""The whole process, killed and started again, on real Kafka and Temporal."""

import asyncio
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from temporalio.client import Client

from unioncard.contracts import Contract, Reply, cards
from unioncard.contracts.replies import CommandSucceeded
from unioncard.dates import shanghai_date
from unioncard.messaging.envelope import Envelope
from workflows.search_attributes import NEXT_DEADLINE, PHASE
from workflows.settings import WorkflowsSettings
from workflows_testing.card_office import MEMBERS, CardOffice, counts
from workflows_testing.crossings import EchoService, a_producer, enveloped, running
from workflows_testing.time_travel import eventually


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def a_process(settings: WorkflowsSettings) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``python -m workflows``, ready; killed at the end if it still lives."""
    port = free_port()
    environment = {
        **os.environ,
        "UNIONCARD_KAFKA": settings.kafka,
        "UNIONCARD_TEMPORAL": settings.temporal,
        "UNIONCARD_PORT": str(port),
        "UNIONCARD_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workflows", env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _ready(url))
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{url}/healthz")).status_code == 200
        except httpx.TransportError:
            return False


def answer_to(command: Envelope) -> Reply:
    """What card-svc would say of a batch whose cards are all issued and waiting."""
    issued = counts(issued=MEMBERS)
    soon = datetime.now(UTC) + timedelta(days=3)
    results: dict[str, Contract] = {
        cards.SubmitBatch.TYPE: cards.SubmitBatchResult(
            accepted_at=datetime.now(UTC),
            deadlines=cards.BatchDeadlines(numbers_due_at=soon, call_due_at=soon, call_due_provisional=False),
        ),
        cards.NotifyBatch.TYPE: cards.NotifyBatchResult(recipients=1, counts=issued, called_on=None, closed=False),
    }
    return CommandSucceeded(command=command.type, result=results[command.type].model_dump(mode="json"))


async def test_a_killed_process_loses_nothing(settings: WorkflowsSettings, client: Client) -> None:
    """Killed while the bank has the batch; the bank answers meanwhile; started again the batch goes on."""
    number = f"cbc036{uuid.uuid4().int % 10**12:012}"
    submitted = CardOffice().submitted(number)
    answered = cards.BatchAnswered(
        **submitted.model_dump(), counts=counts(issued=MEMBERS), answered_at=datetime.now(UTC)
    )
    called = cards.BatchCalled(**submitted.model_dump(), called_on=shanghai_date(datetime.now(UTC)))
    picked_up = cards.BatchPickedUp(**submitted.model_dump(), counts=counts(issued=MEMBERS, collected=MEMBERS))
    trace = uuid.uuid4().hex
    parent = f"00-{trace}-{uuid.uuid4().hex[:16]}-01"
    async with a_producer(settings) as producer:
        echo = EchoService(settings, producer, f"card-batch/{number}/")
        silent = True

        async def answers(commands: Sequence[Envelope]) -> Sequence[tuple[Envelope, Reply]]:
            return [] if silent else [(commands[-1], answer_to(commands[-1]))]

        async def publish(event: Contract) -> None:
            body = enveloped(event, key=number, traceparent=parent if event is submitted else None)
            await producer.send_and_wait(event.TOPIC, body, key=number.encode())

        echo.answers = answers
        async with running(echo.run):
            async with a_process(settings) as (process, url):
                await publish(submitted)
                await eventually(lambda: len(echo.commands) == 1)
                process.kill()
                await process.wait()
            silent = False
            await echo.reply(echo.commands[0], answer_to(echo.commands[0]))
            await publish(answered)
            async with a_process(settings) as (process, url):
                await eventually(lambda: len(echo.commands) == 2)
                await publish(called)
                await publish(picked_up)
                batch = client.get_workflow_handle(f"card-batch/{number}")
                end = await batch.result()
                shown = (await batch.describe()).typed_search_attributes
                assert (shown.get(PHASE), shown.get(NEXT_DEADLINE)) == ("已完成", None)
                assert (end["issued"], end["accounted"], end["closed"]) == (MEMBERS, MEMBERS, False)
                async with httpx.AsyncClient() as http:
                    metrics = (await http.get(f"{url}/metrics")).text
                assert 'replies_total{kind="command.succeeded.v1",outcome="done"}' in metrics
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 30) in (0, 128 + signal.SIGTERM)
    assert [one.idempotencykey for one in echo.commands] == [
        f"card-batch/{number}/submit",
        f"card-batch/{number}/notice/numbers_generated/1",
    ]
    # One trace from the submission on, through the kill.
    assert {(one.traceparent or "").split("-")[1] for one in echo.commands} == {trace}
