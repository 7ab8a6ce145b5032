"""Answers on their way home: each completes or fails the activity that waits for it."""

from collections.abc import Sequence

from opentelemetry.trace import SpanKind
from temporalio.client import AsyncActivityHandle, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from unioncard import telemetry
from unioncard.contracts import Reply, contract_of
from unioncard.contracts.replies import TOPIC, CommandFailed, CommandRefused, CommandSucceeded
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.messaging.kafka import Sender
from workflows import metrics
from workflows.addresses import ReplyAddress
from workflows.client import RPC_TIMEOUT
from workflows.commands import DEAD_LETTER, FAILED
from workflows.crossing import each, set_aside, temporal_answers

GROUP = "workflows-replies"
TOPICS = [TOPIC]


class ReplyProcessor:
    """Brings answers to Temporal; a repeat finds nothing that waits and changes nothing."""

    def __init__(self, client: Client, producer: Sender, group: str = GROUP) -> None:
        self._client = client
        self._producer = producer
        self._group = group

    async def process(self, records: Sequence[Record]) -> None:
        """See :class:`~unioncard.messaging.consumer.Processor`."""
        await each(self._bring, [self._opened(record) for record in records])

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep an answer that Temporal would never take; its workflow will ask again when its patience ends."""
        await set_aside(self._producer, record, self._group, reason)

    def _opened(self, record: Record) -> tuple[Envelope, Reply, ReplyAddress]:
        envelope = Envelope.decode(record.body)
        reply = contract_of(envelope)
        if not isinstance(reply, Reply):
            raise MalformedMessage(f"{envelope.type}: not an answer")
        return envelope, reply, ReplyAddress.decode(envelope.replyto)

    async def _bring(self, opened: tuple[Envelope, Reply, ReplyAddress]) -> None:
        envelope, reply, address = opened
        with telemetry.span(f"reply {envelope.type}", kind=SpanKind.CONSUMER, parent=envelope.traceparent):
            async with temporal_answers():
                outcome = await self._answer_if_awaited(reply, address)
        metrics.replies.labels(envelope.type, outcome).inc()

    async def _answer_if_awaited(self, reply: Reply, address: ReplyAddress) -> str:
        try:
            await self._answer(reply, address)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            # The activity is done, or its workflow is gone. That the namespace is right was checked at start.
            return "gone"
        return "done"

    async def _answer(self, reply: Reply, address: ReplyAddress) -> None:
        match reply:
            case CommandSucceeded(result=result):
                await self._activity(address).complete(result, rpc_timeout=RPC_TIMEOUT)
            case CommandRefused(code=code, detail=detail):
                refusal = ApplicationError(detail, type=code, non_retryable=True)
                await self._activity(address).fail(refusal, rpc_timeout=RPC_TIMEOUT)
            case CommandFailed(dead=True, reason=reason):
                dead = ApplicationError(reason, type=DEAD_LETTER, non_retryable=True)
                await self._activity(address).fail(dead, rpc_timeout=RPC_TIMEOUT)
            case CommandFailed(reason=reason):
                # By token: it belongs to one try, and the failure of an earlier one must not fail the current.
                one_try = self._client.get_async_activity_handle(task_token=address.token)
                await one_try.fail(ApplicationError(reason, type=FAILED), rpc_timeout=RPC_TIMEOUT)
            case _:
                raise MalformedMessage("an answer of a kind unknown here")

    def _activity(self, address: ReplyAddress) -> AsyncActivityHandle:
        """By ids: the answer counts whichever try earned it."""
        return self._client.get_async_activity_handle(
            workflow_id=address.workflow_id, run_id=address.run_id, activity_id=address.activity_id
        )
