"""The envelope of every message: CloudEvents 1.0 in structured JSON mode."""

import os
from typing import Any, Literal, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

# Above this the broker or a reader would choke; 1,000 members with encrypted fields are 425-474 KB.
MAX_MESSAGE_BYTES = 512 * 1024
MAX_REPLY_BYTES = 64 * 1024


class MalformedMessage(Exception):
    """The bytes are no envelope, or the data does not fit its contract. Says which field, never its value."""


class MessageTooLarge(Exception):
    """The encoded message is over the limit; it must be split before it reaches the outbox."""


class Envelope(BaseModel):
    """CloudEvents 1.0. ``idempotencykey`` and ``replyto`` are extensions of ours, as is ``traceparent`` of W3C."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=100, description="the service that speaks")
    type: str = Field(min_length=1, max_length=100, description="contract name with its version")
    subject: str | None = Field(None, max_length=200, description="what it is about: a business number, never a person")
    time: AwareDatetime = Field(description="when it was sent, by the wall clock")
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = Field(None, max_length=100, description="W3C trace context")
    idempotencykey: str | None = Field(
        None, min_length=1, max_length=200, description="commands: the business key that counts once"
    )
    replyto: str | None = Field(
        None, max_length=4000, description="commands: where the answer goes, opaque to services"
    )
    data: dict[str, Any]

    def encode(self) -> bytes:
        """The message as bytes; raises :class:`MessageTooLarge` above 512 KB."""
        body = orjson.dumps({name: value for name, value in self.__dict__.items() if value is not None})
        if len(body) > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(f"{self.type}: {len(body)} bytes, at most {MAX_MESSAGE_BYTES}")
        return body

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The envelope in these bytes, or :class:`MalformedMessage` that names the field at fault."""
        try:
            envelope = cls.model_validate_json(body)
        except ValidationError as error:
            raise MalformedMessage(describe(error)) from None
        if b"\\u0000" in body:
            envelope._refuse_nul()
        return envelope

    def _refuse_nul(self) -> None:
        """PostgreSQL has no NUL in texts: a message with one here could be neither counted nor set aside."""
        for name, value in self.__dict__.items():
            if isinstance(value, str) and "\0" in value:
                raise MalformedMessage(f"{name}: NUL character")


def describe(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values (they may be personal)."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'body'}: {problem['type']}"
        for problem in error.errors(include_input=False, include_url=False)[:5]
    )


def new_id() -> str:
    """A fresh message id: 128 random bits."""
    return os.urandom(16).hex()
