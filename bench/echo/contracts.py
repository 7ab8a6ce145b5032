"""The bench's own messages."""

from typing import ClassVar

from unioncard.contracts import Command, Contract

TOPIC = "bench.commands"
BARE_COMMANDS = "bench.bare.commands"
BARE_REPLIES = "bench.bare.replies"

#: As long as the data of a small real command.
TEXT = "cbc363202601051200/0123456789/0123456789/0123456789/0123456789"


class Echo(Command):
    """Do nothing, once, and say so. Result :class:`Echoed`."""

    TYPE: ClassVar[str] = "bench.echo.v1"
    TOPIC: ClassVar[str] = TOPIC
    number: int
    text: str


class Echoed(Contract):
    """What comes back. ``fact`` is the row that the command made."""

    number: int
    fact: int
