"""The activity behind every command: sends it, and leaves the completion to the answer."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from unioncard.contracts import REGISTRY, Command
from unioncard.messaging.envelope import Envelope, MessageTooLarge, describe, new_id
from unioncard.messaging.kafka import Sender
from unioncard.telemetry import current_traceparent
from workflows import metrics
from workflows.addresses import ReplyAddress
from workflows.commands import UNKNOWN_COMMAND, Asked

SOURCE = "workflows"


class CommandSender:
    """Sends commands for workflows."""

    def __init__(self, producer: Sender) -> None:
        self._producer = producer

    @activity.defn(dynamic=True)
    async def send(self, args: Sequence[RawValue]) -> None:
        """Send the command that the activity's type names, then wait for its answer without a worker.

        An unknown type or data that does not fit fails for good; Kafka's errors are tried again by Temporal.
        """
        info = activity.info()
        asked: Asked = activity.payload_converter().from_payload(args[0].payload, Asked)
        contract = REGISTRY.get(info.activity_type)
        if contract is None or not issubclass(contract, Command):
            raise ApplicationError(
                f"no command is called {info.activity_type}", type=UNKNOWN_COMMAND, non_retryable=True
            )
        body = _encoded(contract, asked, info)
        # Acknowledged by all replicas before the activity returns: from here on the answer is on its way.
        await self._producer.send_and_wait(contract.TOPIC, body, key=asked.key.encode())
        metrics.commands_sent.labels(contract.TYPE).inc()
        activity.raise_complete_async()


def _encoded(contract: type[Command], asked: Asked, info: activity.Info) -> bytes:
    assert info.workflow_id is not None  # only workflows ask
    assert info.workflow_run_id is not None
    address = ReplyAddress(info.workflow_id, info.workflow_run_id, info.activity_id, info.attempt, info.task_token)
    try:
        data = contract.model_validate(asked.data)
        return Envelope(
            id=new_id(),
            source=SOURCE,
            type=contract.TYPE,
            subject=asked.key,
            time=datetime.now(UTC),
            traceparent=current_traceparent(),
            idempotencykey=asked.key,
            replyto=address.encode(),
            data=data.model_dump(mode="json"),
        ).encode()
    except ValidationError as error:
        raise ApplicationError(
            f"{contract.TYPE}: {describe(error)}", type=UNKNOWN_COMMAND, non_retryable=True
        ) from None
    except MessageTooLarge as error:
        raise ApplicationError(str(error), type=UNKNOWN_COMMAND, non_retryable=True) from None
