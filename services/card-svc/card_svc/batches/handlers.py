"""The command that sends a batch to the bank, and the call it takes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from card_svc.batches import rules, store
from card_svc.batches.rules import BatchState
from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards import store as cards
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.cards import BatchDeadlines, Channel, SubmitBatch, SubmitBatchResult
from unioncard.holidays import Calendar
from unioncard.messaging.handling import Message, Outcome, Pending, Refused, Succeeded
from unioncard.partner_client import PartnerClient, refusal_of
from unioncard.partners import Call, NewCall, Operation, PartnerDown, record_calls
from unioncard.unit_of_work import Transaction

PARTNER = "bank"
_UNKNOWN = Refused("unknown-batch", "没有这个办卡批次")


class _Receipt(BaseModel):
    accepted_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    reason: str


async def submit_batches(tx: Transaction, messages: Sequence[Message[SubmitBatch]]) -> Sequence[Outcome]:
    """Note one call a batch; a batch that never was, or that is over, is answered at once."""
    batches = await store.by_numbers(tx.conn, [message.data.batch_number for message in messages])
    outcomes = [_known_outcome(batches.get(message.data.batch_number)) for message in messages]
    calls = [
        NewCall(PARTNER, "submit", {"batch_number": m.data.batch_number}, m.key, SubmitBatch.TYPE, m.traceparent)
        for m, outcome in zip(messages, outcomes, strict=True)
        if isinstance(outcome, Pending)
    ]
    await record_calls(tx, calls)
    return outcomes


def _known_outcome(row: Any) -> Outcome:
    if row is None:
        return _UNKNOWN
    if row.accepted_at is not None:
        due = BatchDeadlines(
            numbers_due_at=row.numbers_due_at,
            call_due_at=row.call_due_at,
            call_due_provisional=row.call_due_provisional,
        )
        return Succeeded(SubmitBatchResult(accepted_at=row.accepted_at, deadlines=due))
    if row.state == BatchState.REFUSED:
        return Refused("bank-refused", row.refused_reason)
    return Pending()


def submit_operation(
    settings: CardSettings, personal: PersonalData, client: PartnerClient, calendar: Calendar
) -> Operation:
    """POST the batch under its number; what it says was fixed at submission, so that a repeat is the same."""

    async def ask(engine: AsyncEngine, call: Call) -> datetime | _Refusal:
        number = call.request["batch_number"]
        async with engine.connect() as conn:
            batch = (await store.by_numbers(conn, [number]))[number]
            members = await store.members(conn, number)
        body = await asyncio.to_thread(_body, personal, batch, members)
        response = await client.post(f"{settings.bank}/batches", body, {"idempotency-key": number})
        if not response.is_success:
            return _Refusal(response.status_code, refusal_of(response))
        try:
            return _Receipt.model_validate_json(response.content).accepted_at
        except ValidationError:
            raise PartnerDown("a receipt that cannot be read") from None

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        number = call.request["batch_number"]
        batch = (await store.locked(tx.conn, [number]))[number]
        if isinstance(answer, _Refusal):
            return await _refused(tx, batch, answer)
        due = rules.deadlines(Channel(batch.channel), batch.submitted_at, calendar)
        accepted_at = await store.accept(tx.conn, number, answer, due)
        tx.audit("batch.accepted", f"batch:{number}", organisation_id=batch.union_id)
        return Succeeded(SubmitBatchResult(accepted_at=accepted_at, deadlines=due))

    return Operation(ask, record)


async def _refused(tx: Transaction, batch: Any, refusal: _Refusal) -> Outcome:
    if not rules.refuses_for_good(refusal.status):
        return Refused("bank-conflict", f"银行已有同号但内容不同的批次，请联系银行核对：{refusal.reason}")
    released = cards.changed(await store.refuse(tx, batch.number, refusal.reason))
    await cardlog.add(
        tx,
        Step.REFUSED,
        [one.member_id for one in released],
        batch_number=batch.number,
        reason=refusal.reason,
    )
    cards.publish(tx, released, batch.traceparent)
    tx.audit("batch.refused", f"batch:{batch.number}", organisation_id=batch.union_id, after={"status": refusal.status})
    return Refused("bank-refused", refusal.reason)


def _body(personal: PersonalData, batch: Any, members: Sequence[Any]) -> dict[str, Any]:
    decrypt = personal.decrypt
    return {
        "batch_number": batch.number,
        "channel": batch.channel,
        "outlet_code": batch.outlet_code,
        "contact_name": decrypt("contact_name", batch.number, batch.contact_name),
        "contact_mobile": decrypt("contact_mobile", batch.number, batch.contact_mobile),
        "members": [
            {
                "member_id": row.member_id,
                "member_number": row.member_number,
                "name": decrypt("name", row.member_id, row.name),
                "document_type": row.document_type,
                "document_number": decrypt("document_number", row.member_id, row.document_number),
                "document_expiry": row.document_expiry,
                "nationality": row.nationality,
                "sex": row.sex,
                "birth_date": row.birth_date,
                "mobile": decrypt("mobile", row.member_id, row.mobile),
                "address": decrypt("address", row.member_id, row.address),
            }
            for row in members
        ],
    }
