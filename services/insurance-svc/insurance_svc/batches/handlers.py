"""The command that judges a batch nobody paid."""

from collections.abc import Sequence

from insurance_svc.batches import review, store
from unioncard.contracts.insurance import VoidUnpaid
from unioncard.messaging.handling import Message, Outcome, Refused, Succeeded
from unioncard.unit_of_work import Transaction

UNKNOWN = Refused("unknown-batch", "没有这个参保批次")


async def void_unpaid(tx: Transaction, messages: Sequence[Message[VoidUnpaid]]) -> Sequence[Outcome]:
    """Void those whose last day is over and reconciled without the money; tell how each stands."""
    rows = {}
    # In one order, so that two sets of commands never wait for each other.
    for number in sorted({message.data.batch_number for message in messages}):
        rows[number] = await review.void_unless_paid(tx, number)
    found = [rows[message.data.batch_number] for message in messages]
    return [UNKNOWN if row is None else Succeeded(store.standing_of(row)) for row in found]
