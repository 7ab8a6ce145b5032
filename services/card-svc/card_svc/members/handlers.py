"""Follows member-svc's members."""

import asyncio
from collections.abc import Sequence

from card_svc.members import store
from card_svc.personal import PersonalData
from card_svc.todo import store as todo
from unioncard.contracts.members import MembersChanged
from unioncard.messaging.handling import EventHandler, Message
from unioncard.unit_of_work import Transaction


def follow_members(personal: PersonalData) -> EventHandler:
    """The handler of ``member.members.changed.v1``. Who left a union leaves its to-do list as well."""

    async def follow(tx: Transaction, messages: Sequence[Message[MembersChanged]]) -> None:
        rows = await asyncio.to_thread(personal.resealed, [message.data for message in messages])
        changed = await store.upsert(tx.conn, rows)
        if changed:
            await todo.follow_members(tx, changed)

    return follow
