"""Commands that tell a district about its batch: a notice on the platform and by e-mail, and the payment details."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from insurance_svc.batches import notices, papers, store
from insurance_svc.batches.export import XLSX
from insurance_svc.batches.handlers import UNKNOWN
from insurance_svc.personal import PersonalData
from insurance_svc.settings import InsuranceSettings
from unioncard.contracts.insurance import (
    DetailsSent,
    NotifyPremium,
    PremiumNoticeKind,
    PremiumState,
    Scheme,
    SendPaymentDetails,
)
from unioncard.dates import shanghai_date
from unioncard.messaging.handling import Message, Outcome, Pending, Refused, Succeeded
from unioncard.notices import NewNotice, tell
from unioncard.partner_client import PartnerClient
from unioncard.partners import Call, NewCall, Operation, PartnerDown, record_calls
from unioncard.typesetting import PDF
from unioncard.unit_of_work import Transaction

PARTNER = "mail"

# Only of such a batch there is something to pay, or was.
_HAS_DETAILS = frozenset({PremiumState.PASSED, PremiumState.WRITTEN_OFF})


class _Taken(BaseModel):
    taken_at: AwareDatetime


async def notify(tx: Transaction, messages: Sequence[Message[NotifyPremium]]) -> Sequence[Outcome]:
    """Write the notices with a fixed number of statements, and note the e-mails; each occasion is told once."""
    rows = await store.by_numbers(tx.conn, sorted({message.data.batch_number for message in messages}))
    federation = await store.federation_ids(tx.conn)
    await tell(tx, [one for m in messages for one in _notices(m.data, rows, federation)])
    outcomes: list[Outcome] = []
    calls: list[NewCall] = []
    for message in messages:
        row = rows.get(message.data.batch_number)
        if row is None:
            outcomes.append(UNKNOWN)
        elif message.data.kind in notices.FOR_THE_CENTRE or row.scheme == Scheme.PERSONAL:
            # Nobody at the district answers for what members pay by themselves.
            outcomes.append(Succeeded(store.standing_of(row)))
        else:
            request = {"batch_number": row.number, "kind": message.data.kind.value}
            calls.append(NewCall(PARTNER, "notice", request, message.key, NotifyPremium.TYPE, message.traceparent))
            outcomes.append(Pending())
    await record_calls(tx, calls)
    return outcomes


def _notices(command: NotifyPremium, rows: Mapping[str, Any], federation: Sequence[int]) -> list[NewNotice]:
    row = rows.get(command.batch_number)
    if row is None:
        return []
    told = [] if command.kind in notices.FOR_THE_CENTRE else [row.district_id]
    if command.kind in notices.FOR_THE_CENTRE | notices.ESCALATED:
        told += federation
    return [
        NewNotice(
            organisation_id=one,
            kind=f"premium_{command.kind.value}",
            about=f"batch:{row.number}",
            title=notices.title(command.kind, row.number),
            text=notices.text(command.kind, _subject(row)),
            occurrence=command.occurrence,
        )
        for one in told
    ]


def _subject(row: Any) -> notices.Subject:
    return notices.Subject(
        number=row.number,
        scheme=row.scheme,
        coverage_year=row.coverage_year,
        heads=row.heads,
        due_fen=row.due_fen,
        received_fen=row.received_fen,
        due_on=row.due_on,
        vouchers=row.vouchers,
        reason=row.void_reason or row.return_reason,
    )


def notice_operation(settings: InsuranceSettings, personal: PersonalData, client: PartnerClient) -> Operation:
    """The e-mail of a notice. An address that is refused for good ends it: the platform's own notice stands."""

    async def ask(engine: AsyncEngine, call: Call) -> bool:
        async with engine.connect() as conn:
            row = (await store.by_numbers(conn, [call.request["batch_number"]]))[call.request["batch_number"]]
        kind = PremiumNoticeKind(call.request["kind"])
        content = {
            "to": personal.decrypt("operator_email", row.number, row.operator_email),
            "subject": notices.title(kind, row.number),
            "text": notices.text(kind, _subject(row)),
        }
        return await _send(client, settings, call.inbox_key, content) is not None

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        number = call.request["batch_number"]
        row = (await store.by_numbers(tx.conn, [number]))[number]
        action = "batch.notice-mailed" if answer else "batch.notice-mail-refused"
        after = {"kind": call.request["kind"]}
        tx.audit(action, f"batch:{number}", organisation_id=row.district_id, after=after)
        return Succeeded(store.standing_of(row))

    return Operation(ask, record)


async def send_details(tx: Transaction, messages: Sequence[Message[SendPaymentDetails]]) -> Sequence[Outcome]:
    """Note one call a batch; details that were sent are not sent again."""
    rows = await store.by_numbers(tx.conn, sorted({message.data.batch_number for message in messages}))
    outcomes = [_known(rows.get(message.data.batch_number)) for message in messages]
    calls = [
        NewCall(
            PARTNER, "details", {"batch_number": m.data.batch_number}, m.key, SendPaymentDetails.TYPE, m.traceparent
        )
        for m, outcome in zip(messages, outcomes, strict=True)
        if isinstance(outcome, Pending)
    ]
    await record_calls(tx, calls)
    return outcomes


def _known(row: Any) -> Outcome:
    if row is None:
        return UNKNOWN
    if row.details_sent_at is not None:
        return Succeeded(DetailsSent(sent_at=row.details_sent_at))
    if row.state not in _HAS_DETAILS or row.scheme == Scheme.PERSONAL:
        return Refused("nothing-to-pay", "该批次没有应缴金额，不发送缴费明细")
    return Pending()


def details_operation(settings: InsuranceSettings, personal: PersonalData, client: PartnerClient) -> Operation:
    """The payment details (缴费明细) as Excel and PDF to the batch's e-mail address, one message a batch."""

    async def ask(engine: AsyncEngine, call: Call) -> datetime | None:
        number = call.request["batch_number"]
        async with engine.connect() as conn:
            row = await store.with_district(conn, number)
            sums = await store.sums(conn, number)
            prices = await store.prices(conn, number)
        today = shanghai_date(row.reviewed_at)
        pdf = await asyncio.to_thread(papers.notice, settings.font_paths, row, sums, today)
        sheet = await asyncio.to_thread(papers.details, row, prices)
        content = {
            "to": personal.decrypt("operator_email", number, row.operator_email),
            "subject": f"参保批次 {number} 缴费明细",
            "text": notices.text(PremiumNoticeKind.PASSED, _subject(row)),
            "attachments": [
                _attachment(f"{number}-缴费告知书.pdf", PDF, pdf),
                _attachment(f"{number}-缴费明细.xlsx", XLSX, sheet),
            ],
        }
        return await _send(client, settings, call.inbox_key, content)

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        number = call.request["batch_number"]
        if answer is None:
            return Refused("mail-refused", "邮件服务不接受该邮箱，请联系区局核对；缴费明细可在平台下载")
        row = await store.details_sent(tx, number)
        tx.audit("batch.details-sent", f"batch:{number}", organisation_id=row.district_id)
        return Succeeded(DetailsSent(sent_at=row.details_sent_at))

    return Operation(ask, record)


async def _send(
    client: PartnerClient, settings: InsuranceSettings, key: str, content: dict[str, Any]
) -> datetime | None:
    """When the partner took the message, None if it never will."""
    response = await client.post(f"{settings.mail}/messages", content, {"idempotency-key": key})
    if not response.is_success:
        return None
    try:
        return _Taken.model_validate_json(response.content).taken_at
    except ValidationError:
        raise PartnerDown("an answer that cannot be read") from None


def _attachment(name: str, media_type: str, content: bytes) -> dict[str, str]:
    return {"name": name, "media_type": media_type, "content": base64.b64encode(content).decode()}
