"""The command that checks one chunk, and the call to the offices it takes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from card_svc.checks import store
from card_svc.checks.rules import reason_against
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.cards import CheckChunk, CheckChunkResult
from unioncard.messaging.handling import Message, Outcome, Pending, Refused, Succeeded
from unioncard.partner_client import PartnerClient
from unioncard.partners import Call, NewCall, Operation, PartnerDown, record_calls
from unioncard.unit_of_work import Transaction

PARTNER = "offices"


async def check_chunks(tx: Transaction, messages: Sequence[Message[CheckChunk]]) -> Sequence[Outcome]:
    """Note one call a chunk; a check or chunk that never was is refused."""
    chunks = await store.known(tx.conn, sorted({message.data.check_id for message in messages}))
    outcomes: list[Outcome] = []
    calls: list[NewCall] = []
    for message in messages:
        if 0 <= message.data.chunk < chunks.get(message.data.check_id, 0):
            request = {"check_id": message.data.check_id, "chunk": message.data.chunk}
            calls.append(NewCall(PARTNER, "check", request, message.key, CheckChunk.TYPE, message.traceparent))
            outcomes.append(Pending())
        else:
            outcomes.append(Refused("unknown-chunk", "没有这次系统校验，或没有这一组"))
    await record_calls(tx, calls)
    return outcomes


def check_operation(settings: CardSettings, personal: PersonalData, client: PartnerClient) -> Operation:
    """Ask both offices at once about the people of a chunk; names and numbers are opened here and nowhere else."""

    async def ask(engine: AsyncEngine, call: Call) -> dict[int, str | None]:
        check_id, chunk = call.request["check_id"], call.request["chunk"]
        async with engine.connect() as conn:
            rows = await store.people(conn, check_id, chunk)
        if not rows:
            return {}
        people = [
            {
                "ref": row.id,
                "name": personal.name(row.id, row.name),
                "document_number": personal.decrypt("document_number", row.id, row.document_number),
            }
            for row in rows
        ]
        question = {"query_id": _query_id(check_id, chunk, rows), "people": people}
        population, social_security = await asyncio.gather(
            _statuses(client, f"{settings.population}/queries", question),
            _statuses(client, f"{settings.social_security}/queries", question),
        )
        if not all(row.id in population and row.id in social_security for row in rows):
            raise PartnerDown("an answer leaves people out")
        return {row.id: reason_against(population[row.id], social_security[row.id]) for row in rows}

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        counts = await store.record(tx, call.request["check_id"], call.request["chunk"], answer)
        return Succeeded(
            CheckChunkResult(passed=counts["passed"], not_passed=counts["not_passed"], gone=counts["gone"])
        )

    return Operation(ask, record)


def _query_id(check_id: str, chunk: int, rows: Sequence[Any]) -> str:
    """The same for the same people with the same data: a second try after somebody left is another question."""
    return f"{check_id}/{chunk}/{len(rows)}-{sum(row.id * 31 + row.version for row in rows) % 2**32:x}"


async def _statuses(client: PartnerClient, url: str, question: dict[str, Any]) -> dict[int, str]:
    response = await client.post(url, question)
    if not response.is_success:
        # The offices refuse no person; a 4xx is a misunderstanding between programs, to be seen and mended.
        raise PartnerDown(f"HTTP {response.status_code}")
    try:
        return {int(result["ref"]): str(result["status"]) for result in response.json()["results"]}
    except (ValueError, KeyError, TypeError):
        raise PartnerDown("an answer that cannot be read") from None
