"""Follows card-svc's card states."""

from collections.abc import Sequence

from insurance_svc.cards import store
from unioncard.contracts.cards import CardsChanged
from unioncard.messaging.handling import Message
from unioncard.unit_of_work import Transaction


async def follow_cards(tx: Transaction, messages: Sequence[Message[CardsChanged]]) -> None:
    """The handler of ``card.cards.changed.v1``."""
    await store.take_over(tx.conn, [card for message in messages for card in message.data.cards])
