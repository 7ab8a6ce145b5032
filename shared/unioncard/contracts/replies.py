"""Answers to commands. The envelope's ``replyto`` brings them home, its ``idempotencykey`` says to which command."""

from typing import Any, ClassVar

from pydantic import Field

from unioncard.contracts.model import Reply

TOPIC = "workflows.replies"


class CommandSucceeded(Reply):
    """The command was done, now or when it first came. Final."""

    TYPE: ClassVar[str] = "command.succeeded.v1"
    TOPIC: ClassVar[str] = TOPIC
    command: str = Field(description="the command's type")
    result: dict[str, Any]


class CommandRefused(Reply):
    """A business refusal: doing it again changes nothing. Final."""

    TYPE: ClassVar[str] = "command.refused.v1"
    TOPIC: ClassVar[str] = TOPIC
    command: str
    code: str = Field(description="stable name of the refusal, for programs")
    detail: str = Field(description="the reason in Chinese, for people")


class CommandFailed(Reply):
    """It did not work this time. Never stored; the workflow's retry policy decides what is next."""

    TYPE: ClassVar[str] = "command.failed.v1"
    TOPIC: ClassVar[str] = TOPIC
    command: str
    reason: str = Field(description="in English, without personal data")
    dead: bool = Field(False, description="the command was set aside as a dead letter; trying again will not help")
