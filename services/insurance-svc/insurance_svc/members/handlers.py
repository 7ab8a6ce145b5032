"""Follows member-svc's members."""

import asyncio
from collections.abc import Sequence

from insurance_svc.members import store
from insurance_svc.personal import PersonalData
from unioncard.contracts.members import MembersChanged
from unioncard.messaging.handling import EventHandler, Message
from unioncard.unit_of_work import Transaction


def follow_members(personal: PersonalData) -> EventHandler:
    """The handler of ``member.members.changed.v1``. Cover stays as it is: the policy goes with the member."""

    async def follow(tx: Transaction, messages: Sequence[Message[MembersChanged]]) -> None:
        rows = await asyncio.to_thread(personal.resealed, [message.data for message in messages])
        await store.upsert(tx.conn, rows)

    return follow
