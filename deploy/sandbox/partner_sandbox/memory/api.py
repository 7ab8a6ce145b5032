"""Ask the sandbox what it was sent: whether anything came twice, or never."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from partner_sandbox.behaviour import Partner
from partner_sandbox.mail import store as mail_store
from partner_sandbox.memory import store
from partner_sandbox.payouts import store as payouts_store
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused
from partner_sandbox.sandbox import TheSandbox

router = APIRouter(prefix="/memory", tags=["memory"])

Cursor = Annotated[int, Field(ge=0, lt=2**63)]
Limit = Annotated[int, Field(ge=1, le=1000)]


class OfficeCounts(BaseModel):
    """What one office was asked. A query that came again is a repeat; its people count once."""

    queries_received: int
    repeats: int
    conflicting_repeats: int
    people_received: int


class MailCounts(BaseModel):
    """What the mail partner was given. A key that came again is a repeat."""

    messages_received: int
    repeats: int
    conflicting_repeats: int


class PayoutCounts(BaseModel):
    """What the bank was asked to pay. Batches and payouts count once, however often they came."""

    batches_received: int
    repeats: int
    conflicting_repeats: int
    answers_pending: int
    payouts_again: int = Field(description="payouts refused since they had come in another batch")
    payouts_received: int
    payouts_paid: int = Field(description="money that arrived and did not come back")
    payouts_returned: int
    paid_fen: int
    returned_fen: int


class Summary(BaseModel):
    """Counts since the last reset. Batches and members count once, however often they came."""

    batches_received: int = Field(description="different batch numbers accepted")
    repeats: int = Field(description="batches that came again with the same content")
    conflicting_repeats: int = Field(description="batches refused since their number had other content")
    members_received: int
    members_issued: int
    members_failed: int
    cards_issued: int = Field(description="different card numbers made")
    double_issues: int = Field(description="cards made for members who held one of another batch")
    batches_answered: int
    answers_pending: int = Field(description="batches accepted whose outcomes are not known yet")
    callbacks_planned: int
    callbacks_sent: int = Field(description="tries to deliver, failed ones included")
    callbacks_acknowledged: int
    callbacks_pending: int
    callbacks_refused: int = Field(description="card-svc said 4xx")
    callbacks_given_up: int
    duplicate_callbacks: int
    unknown_batch_callbacks: int
    requests_received: int
    malformed_requests: int
    faults_played: int
    population: OfficeCounts
    social_security: OfficeCounts
    mail: MailCounts
    card_accounts: dict[str, int] = Field(description="accounts to which something happened after they were opened")
    payouts: PayoutCounts


@router.get("/summary")
async def summary(sandbox: TheSandbox) -> Summary:
    """All counts, of one moment."""
    return Summary(**await sandbox.store.read(store.summary))


@router.get("/batches")
async def batches(sandbox: TheSandbox, cursor: Cursor = 0, limit: Limit = 200) -> Response:
    """``{batches, next_cursor}``: each batch with how often it came and how its members fared."""
    return _page("batches", await sandbox.store.read(store.batches, cursor, limit), limit)


@router.get("/batches/{batch_number}", responses={404: PROBLEM_SCHEMA})
async def batch(batch_number: str, sandbox: TheSandbox) -> Response:
    """One batch with its request, results, callbacks and the requests that concerned it."""
    found = await sandbox.store.read(store.batch, batch_number)
    if found is None:
        raise Refused(404, "unknown-batch", "没有收到过这个批次")
    return Response(orjson.dumps(found), media_type="application/json")


@router.get("/requests")
async def requests(
    sandbox: TheSandbox,
    partner: Partner | None = None,
    key: str | None = None,
    outcome: Literal["ok", "repeat", "conflict", "malformed", "unknown", "fault"] | None = None,
    cursor: Cursor = 0,
    limit: Limit = 200,
) -> Response:
    """``{requests, next_cursor}``: every request to a partner, with its outcome and the fault it met."""
    return _page("requests", await sandbox.store.read(store.requests, partner, key, outcome, cursor, limit), limit)


@router.get("/queries")
async def queries(
    sandbox: TheSandbox, partner: Partner | None = None, cursor: Cursor = 0, limit: Limit = 200
) -> Response:
    """``{queries, next_cursor}``: each query to an office and how often it came."""
    return _page("queries", await sandbox.store.read(store.queries, partner, cursor, limit), limit)


@router.get("/mails")
async def mails(sandbox: TheSandbox, key: str | None = None, cursor: Cursor = 0, limit: Limit = 200) -> Response:
    """``{mails, next_cursor}``: each message that was taken, its attachments by name, size and digest."""
    return _page("mails", await sandbox.store.read(mail_store.mails, key, cursor, limit), limit)


@router.get("/payouts")
async def payouts(
    sandbox: TheSandbox, batch_number: str | None = None, cursor: Cursor = 0, limit: Limit = 200
) -> Response:
    """``{payouts, next_cursor}``: each payout with its account, amount and outcome."""
    rows = await sandbox.store.read(payouts_store.payouts, batch_number, cursor, limit)
    return _page("payouts", rows, limit)


@router.get("/anomalies")
async def anomalies(sandbox: TheSandbox, cursor: Cursor = 0, limit: Limit = 200) -> Response:
    """``{anomalies, next_cursor}``, each with both batch numbers.

    Members with a second live card (``double_issue``), and payouts that came again in another batch
    (``payout_again``; ``member_id`` is the payout's number).
    """
    return _page("anomalies", await sandbox.store.read(store.anomalies, cursor, limit), limit)


def _page(name: str, rows: Sequence[dict[str, Any]], limit: int) -> Response:
    following = str(rows[-1]["id"]) if len(rows) == limit else None
    return Response(orjson.dumps({name: list(rows), "next_cursor": following}), media_type="application/json")
