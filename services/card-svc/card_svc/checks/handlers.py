"""The command that checks one chunk, and the call to the offices it takes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from card_svc.checks import offices, store
from card_svc.checks.rules import reason_against
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.cards import CheckChunk, CheckChunkResult
from unioncard.messaging.handling import Message, Outcome, Pending, Refused, Succeeded
from unioncard.partner_client import PartnerClient
from unioncard.partners import Call, NewCall, Operation, record_calls
from unioncard.unit_of_work import Transaction


async def check_chunks(tx: Transaction, messages: Sequence[Message[CheckChunk]]) -> Sequence[Outcome]:
    """Note one call a chunk; a check or chunk that never was is refused."""
    chunks = await store.known(tx.conn, sorted({message.data.check_id for message in messages}))
    outcomes: list[Outcome] = []
    calls: list[NewCall] = []
    for message in messages:
        if 0 <= message.data.chunk < chunks.get(message.data.check_id, 0):
            request = {"check_id": message.data.check_id, "chunk": message.data.chunk}
            calls.append(NewCall(offices.PARTNER, "check", request, message.key, CheckChunk.TYPE, message.traceparent))
            outcomes.append(Pending())
        else:
            outcomes.append(Refused("unknown-chunk", "没有这次系统校验，或没有这一组"))
    await record_calls(tx, calls)
    return outcomes


def check_operation(settings: CardSettings, personal: PersonalData, client: PartnerClient) -> Operation:
    """Ask both offices at once about the people of a chunk."""

    async def ask(engine: AsyncEngine, call: Call) -> dict[int, str | None]:
        check_id, chunk = call.request["check_id"], call.request["chunk"]
        async with engine.connect() as conn:
            rows = await store.people(conn, check_id, chunk)
        if not rows:
            return {}
        people = offices.people(personal, rows)
        query_id = offices.query_id(check_id, chunk, rows)
        population, social_security = await asyncio.gather(
            offices.statuses(client, f"{settings.population}/queries", query_id, people),
            offices.statuses(client, f"{settings.social_security}/queries", query_id, people),
        )
        return {row.id: reason_against(population[row.id], social_security[row.id]) for row in rows}

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        counts = await store.record(tx, call.request["check_id"], call.request["chunk"], answer)
        return Succeeded(
            CheckChunkResult(passed=counts["passed"], not_passed=counts["not_passed"], gone=counts["gone"])
        )

    return Operation(ask, record)
