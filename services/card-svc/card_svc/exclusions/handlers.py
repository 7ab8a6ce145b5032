"""``card.exclusions.check.v1``: asks the population office about members; no card and no to-do record changes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from card_svc.checks import offices
from card_svc.exclusions import store
from card_svc.exclusions.rules import excluded
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.cards import CheckExclusions, ExclusionsFound
from unioncard.messaging.handling import Message, Outcome, Pending, Succeeded
from unioncard.partner_client import PartnerClient
from unioncard.partners import Call, NewCall, Operation, record_calls
from unioncard.unit_of_work import Transaction

OPERATION = "exclusions"


async def check_exclusions(tx: Transaction, messages: Sequence[Message[CheckExclusions]]) -> Sequence[Outcome]:
    """Note one call a command."""
    calls = [
        NewCall(
            offices.PARTNER,
            OPERATION,
            {"check_id": message.data.check_id, "member_ids": message.data.member_ids},
            message.key,
            CheckExclusions.TYPE,
            message.traceparent,
        )
        for message in messages
    ]
    await record_calls(tx, calls)
    return [Pending()] * len(calls)


def exclusions_operation(settings: CardSettings, personal: PersonalData, client: PartnerClient) -> Operation:
    """Ask the population office about the members that are known here."""

    async def ask(engine: AsyncEngine, call: Call) -> ExclusionsFound:
        wanted = call.request["member_ids"]
        async with engine.connect() as conn:
            rows = await store.people(conn, wanted)
        known = {row.id for row in rows}
        statuses: dict[int, str] = {}
        if rows:
            # A thousand people take some 30 ms to open: aside, so that everything else goes on.
            people = await asyncio.to_thread(offices.people, personal, rows)
            query_id = offices.query_id(call.request["check_id"], wanted[0], rows)
            statuses = await offices.statuses(client, f"{settings.population}/queries", query_id, people)
        return ExclusionsFound(excluded=excluded(statuses), unknown=[one for one in wanted if one not in known])

    async def record(_: Transaction, __: Call, answer: Any) -> Outcome:
        assert isinstance(answer, ExclusionsFound)  # as asked above
        return Succeeded(answer)

    return Operation(ask, record)
