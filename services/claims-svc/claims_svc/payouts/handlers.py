"""Commands about payouts, card-svc's answers about cards, and the calls to the bank they take."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from pydantic import AwareDatetime, BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from claims_svc.claims.bulk import change_all
from claims_svc.ledger import store as ledger
from claims_svc.ledger.rules import returned, sent
from claims_svc.payouts import events, store
from claims_svc.payouts.answers import file_answers
from claims_svc.payouts.gathering import gather
from claims_svc.payouts.instructions import instructions
from claims_svc.payouts.models import PayoutFilePage
from claims_svc.payouts.rules import NUMBER_GONE, REFUSED_BY_BANK, PayoutState
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from unioncard import signatures
from unioncard.contracts.claims import (
    ClaimState,
    FetchPayoutFile,
    GatherPayouts,
    PayeeChunk,
    PayoutBatchState,
    PayoutFileFetched,
    PayoutsGathered,
    ShowPayees,
    ShowPayoutBatch,
    SubmitPayouts,
)
from unioncard.contracts.model import Contract
from unioncard.contracts.payees import PayeesTold, Unpayable
from unioncard.dates import shanghai_date
from unioncard.messaging.handling import CommandHandler, EventHandler, Message, Outcome, Pending, Refused, Succeeded
from unioncard.partner_client import PartnerClient, refusal_of
from unioncard.partners import Call, NewCall, NotReady, Operation, PartnerDown, record_calls
from unioncard.service import Context
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import Transaction, UnitOfWork

PARTNER = "bank"
# Every page is filed as it comes, so a retry finds most of it done.
FETCH_TIMEOUT_S = 600.0
_UNKNOWN = Refused("unknown-batch", "没有这个划款批次")
# Answers that say what we sent is wrong, not that somebody else's is there.
_FOR_GOOD = frozenset({400, 413, 422})


class _Receipt(BaseModel):
    accepted_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    reason: str


async def gather_payouts(tx: Transaction, messages: Sequence[Message[GatherPayouts]]) -> Sequence[Outcome]:
    """Put all claims that are to be paid into batches; what the second of two finds is what came meanwhile."""
    outcomes: list[Outcome] = []
    for message in messages:
        batches, payouts = await gather(tx, message.data.day)
        outcomes.append(Succeeded(PayoutsGathered(batches=batches, payouts=payouts)))
    return outcomes


async def show_payees(tx: Transaction, messages: Sequence[Message[ShowPayees]]) -> Sequence[Outcome]:
    """Whose cards the batches are to reach."""
    outcomes: list[Outcome] = []
    for message in messages:
        row = await store.batch(tx.conn, message.data.batch_number)
        if row is None:
            outcomes.append(_UNKNOWN)
            continue
        members = await store.members_to_ask(tx.conn, row.number)
        outcomes.append(Succeeded(PayeeChunk(member_ids=members, state=PayoutBatchState(row.state))))
    return outcomes


async def show_batches(tx: Transaction, messages: Sequence[Message[ShowPayoutBatch]]) -> Sequence[Outcome]:
    """How the batches stand."""
    rows = [await store.batch(tx.conn, message.data.batch_number) for message in messages]
    return [_UNKNOWN if row is None else Succeeded(events.standing(row)) for row in rows]


def follow_payees(personal: PersonalData) -> EventHandler:
    """The handler of ``card.payees.told.v1``: numbers opened with the message's key, encrypted with ours.

    card-svc may not have heard yet that a number is gone, which the bank has told us by sending the money back.
    """

    async def follow(tx: Transaction, messages: Sequence[Message[PayeesTold]]) -> None:
        told = [message.data for message in messages]
        gone = await store.numbers_gone(tx.conn, sorted({one.batch_number for one in told}))
        await store.tell(tx, await asyncio.to_thread(_told, personal, told, gone))

    return follow


def _told(
    personal: PersonalData, messages: Sequence[PayeesTold], gone: Sequence[tuple[int, str]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    dead = {(member, personal.decrypt("card_number", member, number)) for member, number in gone}
    known = {member for member, _ in gone}
    for message in messages:
        numbers = personal.card_numbers(message)
        for payee in message.payees:
            number = numbers.get(payee.member_id)
            # Without a number there is nothing to pay to, whatever else was said.
            reason: str | None = payee.reason or (None if number else Unpayable.NO_CARD)
            if reason is None and number and payee.member_id in known:
                plain = personal.decrypt("card_number", payee.member_id, number)
                reason = NUMBER_GONE if (payee.member_id, plain) in dead else None
            rows.append(
                {
                    "batch": message.batch_number,
                    "member": payee.member_id,
                    "reason": reason,
                    "number": number,
                    "number_end": payee.number_end,
                    "exempt": payee.limits_exempt,
                }
            )
    return rows


async def submit_payouts(tx: Transaction, messages: Sequence[Message[SubmitPayouts]]) -> Sequence[Outcome]:
    """Leave out whom money cannot reach, fix what the bank is sent, and note the call; once for each batch.

    While card-svc's answer is missing nothing is fixed, and the call gives the command back.
    """
    batches = await store.locked(tx.conn, sorted({message.data.batch_number for message in messages}))
    outcomes: list[Outcome] = []
    for message in messages:
        row = batches.get(message.data.batch_number)
        if row is None:
            outcomes.append(_UNKNOWN)
            continue
        if row.state == PayoutBatchState.GATHERED and not await store.is_untold(tx.conn, row.number):
            row = batches[row.number] = await _fix(tx, row.number)
        asked = row.state in (PayoutBatchState.GATHERED, PayoutBatchState.SENDING)
        outcomes.append(Pending() if asked else Succeeded(events.standing(row)))
    calls = [
        NewCall(PARTNER, "payouts", {"batch_number": m.data.batch_number}, m.key, SubmitPayouts.TYPE, m.traceparent)
        for m, outcome in zip(messages, outcomes, strict=True)
        if isinstance(outcome, Pending)
    ]
    await record_calls(tx, calls)
    return outcomes


async def send_again(tx: Transaction, number: str, key: str) -> None:
    """Ask the bank once more with what was fixed; nobody waits for this reply but the batch itself."""
    await store.set_batch(tx, number, refused_reason=None)
    inbox_key = f"payout-batch/{number}/again/{key}"
    again = NewCall(PARTNER, "payouts", {"batch_number": number}, inbox_key, SubmitPayouts.TYPE, current_traceparent())
    await record_calls(tx, [again])


async def _fix(tx: Transaction, number: str) -> Any:
    rows = await store.fix(tx, number)
    await store.set_batch(tx, number, state=PayoutBatchState.SENDING.value, sent_at=tx.now)
    left = [row.claim_number for row in rows if row.state == PayoutState.LEFT_OUT]
    await change_all(tx, left, [ClaimState.PAYING], ClaimState.RETURNED)
    going = await store.shares(tx.conn, [row.number for row in rows if row.state == PayoutState.WAITING])
    await ledger.post(tx, [sent(share) for share, _ in going])
    (row,) = await store.recount(tx, [number], None)
    after = {"payouts": row.payouts, "amount_fen": row.amount_fen, "left_out": row.left_out}
    tx.audit("payout-batch.sending", f"payout-batch:{number}", after=after)
    return row


def submit_operation(settings: ClaimsSettings, personal: PersonalData, client: PartnerClient, secret: str) -> Operation:
    """POST the batch under its number, signed, with its control totals; a repeat says the same."""

    async def ask(engine: AsyncEngine, call: Call) -> datetime | _Refusal:
        number = call.request["batch_number"]
        async with engine.connect() as conn:
            batch = await store.batch(conn, number)
            rows = await store.payouts(conn, number)
        if batch is None or batch.state == PayoutBatchState.GATHERED:
            raise NotReady("card-svc has not told yet which cards can be paid")
        body = await asyncio.to_thread(instructions, personal, batch, rows)
        signature = signatures.sign(secret, orjson.dumps(body), datetime.now(UTC))
        headers = {"idempotency-key": number, signatures.HEADER: signature}
        response = await client.post(f"{settings.bank}/payouts", body, headers)
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
        # Answers may have been quicker than the receipt: then it is done already, and stays so.
        state = PayoutBatchState.SENT.value if batch.state == PayoutBatchState.SENDING else batch.state
        await store.set_batch(tx, number, state=state, accepted_at=batch.accepted_at or answer)
        (row,) = await store.recount(tx, [number], None)
        tx.audit("payout-batch.accepted", f"payout-batch:{number}")
        return Succeeded(events.standing(row))

    return Operation(ask, record)


async def _refused(tx: Transaction, batch: Any, refusal: _Refusal) -> Outcome:
    await store.set_batch(tx, batch.number, refused_reason=refusal.reason)
    if refusal.status not in _FOR_GOOD:
        # Somebody else's batch is there under this number, or we are not believed: a person must ask the bank.
        return Refused("bank-conflict", f"银行未受理，请联系银行核对：{refusal.reason}")
    rows = await store.leave_out(tx, batch.number, REFUSED_BY_BANK)
    await change_all(tx, [row.claim_number for row in rows], [ClaimState.PAYING], ClaimState.RETURNED)
    shares = await store.shares(tx.conn, [row.number for row in rows])
    await ledger.post(tx, [returned(share) for share, _ in shares])
    await store.recount(tx, [batch.number], None)
    tx.audit("payout-batch.refused", f"payout-batch:{batch.number}", after={"status": refusal.status})
    return Refused("bank-refused", refusal.reason)


async def fetch_files(tx: Transaction, messages: Sequence[Message[FetchPayoutFile]]) -> Sequence[Outcome]:
    """Note one call a day."""
    calls = [
        NewCall(PARTNER, "payout-file", {"day": m.data.day.isoformat()}, m.key, FetchPayoutFile.TYPE, m.traceparent)
        for m in messages
    ]
    await record_calls(tx, calls)
    return [Pending()] * len(messages)


def fetch_operation(settings: ClaimsSettings, client: PartnerClient, work: UnitOfWork) -> Operation:
    """Page through the payout file since the last one that was taken over, the first time from the very beginning.

    Each page is a transaction of its own.
    """

    async def ask(engine: AsyncEngine, call: Call) -> PayoutFileFetched:
        day = date.fromisoformat(call.request["day"])
        async with engine.connect() as conn:
            last, oldest = await store.last_file(conn), await store.oldest_waiting(conn)
        params = {"date": day.isoformat()}
        if last is not None:
            # What came on its very last minutes too, and whatever a batch that still waits may have missed.
            since = min(last, day) - timedelta(days=1)
            params["since"] = (min(since, shanghai_date(oldest)) if oldest else since).isoformat()
        totals = {"answers": 0, "news": 0, "set_aside": 0}
        while True:
            page = await _page(client, f"{settings.bank}/payouts/file", params)
            async with work.begin("partner:bank") as tx:
                filed = await file_answers(tx, page.batches)
                if page.next_cursor is None:
                    # Of a day that is yet to come, only what has happened by now was in it.
                    await store.note_file(tx, min(day, shanghai_date(tx.now)))
            totals["answers"] += filed.results
            totals["news"] += filed.news
            totals["set_aside"] += filed.set_aside
            if page.next_cursor is None:
                return PayoutFileFetched(**totals)
            params["cursor"] = page.next_cursor

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        tx.audit("payout-file.fetched", f"payout-file:{call.request['day']}", after=answer.model_dump())
        return Succeeded(answer)

    return Operation(ask, record, timeout_s=FETCH_TIMEOUT_S)


async def _page(client: PartnerClient, url: str, params: dict[str, str]) -> PayoutFilePage:
    response = await client.get(url, params)
    if not response.is_success:
        raise PartnerDown(f"HTTP {response.status_code}")
    try:
        return PayoutFilePage.model_validate_json(response.content)
    except ValidationError:
        raise PartnerDown("a payout file that cannot be read") from None


def operations(
    context: Context, settings: ClaimsSettings, personal: PersonalData, client: PartnerClient
) -> Mapping[str, Operation]:
    """The calls to the bank by the name under which they are noted."""
    return {
        "payouts": submit_operation(settings, personal, client, context.keys.partner_secret(PARTNER)),
        "payout-file": fetch_operation(settings, client, context.work),
    }


HANDLERS: Mapping[type[Contract], CommandHandler] = {
    GatherPayouts: gather_payouts,
    ShowPayees: show_payees,
    ShowPayoutBatch: show_batches,
    SubmitPayouts: submit_payouts,
    FetchPayoutFile: fetch_files,
}
