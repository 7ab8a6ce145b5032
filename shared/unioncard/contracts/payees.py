"""Whether money can reach a member's card, asked of card-svc before a payout (domain 4, card life)."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.cards import COMMANDS, EVENTS
from unioncard.contracts.model import Command, Contract, Event


class Unpayable(StrEnum):
    """Why a payout cannot arrive."""

    NO_CARD = "no_card"
    CANCELLED = "cancelled"
    NOT_ACTIVATED = "not_activated"
    """Class II and not activated for six months: nothing comes in any more (G19 Q93)."""
    LOST = "lost"
    """Reported lost in writing, or by phone within the last seven days, and not replaced yet."""


class Payee(Contract):
    """One member's answer. The number is encrypted for claims-svc: field ``card_number``, subject the member's id."""

    member_id: int
    reason: Unpayable | None = Field(description="None: money can arrive")
    card_number: str | None
    number_end: str | None = Field(description="its last four digits, for lists")
    limits_exempt: bool = Field(
        False, description="a payout of the federation to a class II card, whose limits it passes"
    )


class PayeesTold(Event):
    """The answers to one chunk of :class:`CheckPayees`; only claims-svc can read the numbers."""

    TYPE: ClassVar[str] = "card.payees.told.v1"
    TOPIC: ClassVar[str] = EVENTS
    batch_number: str
    chunk: int
    on: date
    seal: dict[str, str] = Field(description="the message's data key, wrapped for each reader with its transport key")
    payees: list[Payee] = Field(max_length=1000)


class PayeesChecked(Contract):
    """How many can be paid."""

    payable: int
    unpayable: int


class CheckPayees(Command):
    """Can money reach these members' cards on that day, and at which numbers?

    The numbers go to claims-svc by :class:`PayeesTold`, written in the same transaction, never through a reply. Key
    ``payout-batch/<number>/payees/<chunk>``; result :class:`PayeesChecked`.
    """

    TYPE: ClassVar[str] = "card.payees.check.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayeesChecked
    batch_number: str
    chunk: int
    on: date
    member_ids: list[int] = Field(min_length=1, max_length=1000)
