"""What member-svc learns of cards: shown in lists, and it guards document numbers (G19 22)."""

from collections.abc import Sequence

from member_svc.cards import store
from unioncard.contracts.cards import CardsChanged
from unioncard.messaging.handling import Message
from unioncard.unit_of_work import Transaction


async def follow_cards(tx: Transaction, messages: Sequence[Message[CardsChanged]]) -> None:
    """Event handler: versions decide, not the order of arrival."""
    cards = [card for message in messages for card in message.data.cards]
    if cards:
        await store.take_over(tx.conn, cards)
