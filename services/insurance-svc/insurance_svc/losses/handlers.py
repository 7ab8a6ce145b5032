"""Follows claims-svc's payouts."""

from collections.abc import Sequence

from insurance_svc.losses import store
from unioncard.contracts.claims import PayoutSettled
from unioncard.messaging.handling import Message
from unioncard.unit_of_work import Transaction


async def follow_payouts(tx: Transaction, messages: Sequence[Message[PayoutSettled]]) -> None:
    """The handler of ``claims.payout.settled.v1``."""
    await store.take_over(tx.conn, [message.data for message in messages])
