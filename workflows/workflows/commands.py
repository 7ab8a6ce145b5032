"""How a workflow asks a service: one activity per command, whose type is the command's contract type.

The activity sends the command and returns without a result; the answer completes it (:mod:`workflows.replies`).
Temporal's retry policy is the only retry loop.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityCancellationType

from unioncard.contracts import Command, Contract

R = TypeVar("R", bound=Contract)

UNKNOWN_COMMAND = "unknown-command"
DEAD_LETTER = "dead-letter"
FAILED = "command-failed"

# A partner that is down for hours is asked once a minute; a service that hiccups is asked again at once.
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)
_answer_within = timedelta(minutes=5)


class Asked(BaseModel):
    """What the activity is given: the business key and the command's data."""

    model_config = ConfigDict(frozen=True)

    key: str
    data: Mapping[str, Any]


def set_answer_within(patience: timedelta) -> None:
    """Set, for this process, how long an answer may take before the command is sent again.

    Well above the worst backlog: with 3 s a slow handler was sent 784 commands for 450. Running commands keep theirs.
    """
    global _answer_within
    _answer_within = patience


async def ask(
    command: Command, *, key: str, result: type[R], summary: str, answer_within: timedelta | None = None
) -> R:
    """Have a service do something once, and wait for its answer, however long that takes.

    ``key`` is the business key that counts once. It holds no run id (a reset must not repeat the bank's work) and no
    activity id (they begin again at 1). ``summary`` is Chinese, for the Temporal UI. A refusal, or a command that was
    set aside as a dead letter, raises :class:`ApplicationError` with the refusal's code as its type.
    """
    try:
        answer = await workflow.execute_activity(
            command.TYPE,
            Asked(key=key, data=command.model_dump(mode="json")),
            result_type=result,
            start_to_close_timeout=answer_within or _answer_within,
            retry_policy=_RETRY,
            # By default a cancelled workflow would close while the bank works on.
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
        )
    except ActivityError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            raise ApplicationError(cause.message, type=cause.type, non_retryable=True) from error
        raise
    assert isinstance(answer, result)  # the converter was told so
    return answer
