"""What every contract has in common, and the registry that finds one by its type."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from unioncard.messaging.envelope import Envelope, MalformedMessage, describe

REGISTRY: dict[str, "type[Contract]"] = {}


class Contract(BaseModel):
    """The data of one type of message. Unknown fields are ignored, so that a writer may be newer than its reader."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    TYPE: ClassVar[str] = ""
    TOPIC: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.TYPE:
            return
        if REGISTRY.setdefault(cls.TYPE, cls) is not cls:
            raise TypeError(f"two contracts are called {cls.TYPE}")


class Event(Contract):
    """Something that happened; its writer does not know who listens."""


class Command(Contract):
    """Something one service is asked to do once for its ``idempotencykey``, and answers with ``RESULT``."""

    RESULT: ClassVar[type[Contract]]


class Reply(Contract):
    """The answer to a command, on its way to the workflow that waits."""


def product_contracts() -> list[type[Contract]]:
    """The platform's own, by type; a bench or a test may have registered others beside them in the same process."""
    return [REGISTRY[name] for name in sorted(REGISTRY) if REGISTRY[name].__module__.startswith("unioncard.")]


def contract_of(envelope: Envelope) -> Contract:
    """The data of an envelope as its contract, or :class:`MalformedMessage`."""
    model = REGISTRY.get(envelope.type)
    if model is None:
        raise MalformedMessage(f"unknown type {envelope.type}")
    try:
        return model.model_validate(envelope.data)
    except ValidationError as error:
        raise MalformedMessage(f"{envelope.type}: {describe(error)}") from None
