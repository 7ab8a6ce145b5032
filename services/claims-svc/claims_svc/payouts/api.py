"""Payouts over HTTP: batches, what they pay, and what came back to be put right."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from claims_svc.payouts import export, handlers, store, views
from claims_svc.payouts.gathering import gather
from claims_svc.payouts.rules import BATCH_LABELS, PayoutState
from claims_svc.payouts.shapes import Payout, payout
from claims_svc.service import CENTRE, CENTRE_PAYER, VIEWERS, ClaimsService, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.claims import PayoutBatchState
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.problems import conflict, not_found
from unioncard.sheets import MAX_ROWS, XLSX, too_large
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["划款"], responses=problem_responses(401, 403, 404))

Payer = Annotated[Principal, Depends(Allow(*CENTRE_PAYER))]
Centre = Annotated[Principal, Depends(Allow(*CENTRE, Role.FEDERATION))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]
Day = Annotated[date | None, Query(description="划款日期，含当日")]


class PayoutBatch(BaseModel):
    """一个划款批次。待办笔数与已到账、已退回之和等于划款笔数；未能划出的另计。"""

    number: str
    on_day: date
    state: PayoutBatchState
    state_label: str
    payouts: int
    amount_fen: int
    waiting: int
    paid: int
    returned: int
    left_out: int = Field(description="未能划出的笔数")
    opened_at: datetime
    sent_at: datetime | None
    accepted_at: datetime | None
    answered_at: datetime | None
    refused_reason: str | None


class Tab(BaseModel):
    """一种状态的批次数、笔数与金额。"""

    state: PayoutBatchState
    label: str
    batches: int
    payouts: int
    amount_fen: int


class PayoutBatches(Page[PayoutBatch]):
    """一页划款批次，以及各状态的合计。"""

    tabs: list[Tab]


class Gathered(BaseModel):
    """本次生成的批次数与划款笔数。"""

    batches: int
    payouts: int


class Nothing(BaseModel):
    """An empty body, so that a repeat can be told by its key."""

    model_config = ConfigDict(extra="forbid")


@router.get("/payout-batches", summary="划款批次列表")
async def list_batches(
    _: Centre,
    service: TheService,
    paging: Paging,
    state: PayoutBatchState | None = None,
    first_day: Day = None,
    last_day: Day = None,
) -> PayoutBatches:
    """划款批次，最新的在前；各状态的合计不受状态筛选影响。"""
    key = paging.key(str)
    wanted = state.value if state else None
    async with reading(service.context.engine) as conn:
        rows = await views.batches(conn, wanted, first_day, last_day, key[0] if key else None, paging.limit + 1)
        totals = {row.state: row for row in await views.counts(conn, first_day, last_day)}
    return PayoutBatches(
        items=[_batch(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.number]),
        tabs=[_tab(one, totals.get(one.value)) for one in PayoutBatchState],
    )


@router.post("/payout-batches", status_code=201, response_model=Gathered, summary="生成划款批次")
async def gather_now(_: Nothing, key: IdempotencyKey, principal: Payer, service: TheService) -> Response:
    """把待划款的给付申请生成划款批次，每批最多 1000 笔；平台每天也会自动生成。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Gathered:
            batches, payouts = await gather(tx, shanghai_date(tx.now))
            return Gathered(batches=batches, payouts=payouts)

        return await once(tx, principal, key, Nothing(), make)


@router.get("/payout-batches/{number}", summary="划款批次")
async def show_batch(number: Text, _: Centre, service: TheService) -> PayoutBatch:
    """一个批次的状态与合计。"""
    async with reading(service.context.engine) as conn:
        row = await store.batch(conn, number)
    if row is None:
        raise not_found("这个划款批次")
    return _batch(row)


@router.post(
    "/payout-batches/{number}/resubmission",
    status_code=201,
    response_model=PayoutBatch,
    responses=problem_responses(409),
    summary="重新提交银行",
)
async def send_again(number: Text, _: Nothing, key: IdempotencyKey, principal: Payer, service: TheService) -> Response:
    """银行未受理、经核实后可以受理的批次，按原内容重新提交；银行按批次号只受理一次。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> PayoutBatch:
            row = (await store.locked(tx.conn, [number])).get(number)
            if row is None:
                raise not_found("这个划款批次")
            if row.state != PayoutBatchState.SENDING or row.refused_reason is None:
                raise conflict("batch-state", "该批次不需要重新提交", "只有银行未受理的批次可以重新提交，请刷新。")
            await handlers.send_again(tx, number, key.key)
            tx.audit("payout-batch.sent-again", f"payout-batch:{number}")
            row = await store.batch(tx.conn, number)
            return _batch(row)

        return await once(tx, principal, key, Nothing(), make)


@router.get(
    "/payout-batches/{number}/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}},
    summary="下载划款明细",
)
async def download(number: Text, principal: Centre, service: TheService) -> Response:
    """一个批次的划款明细，Excel 文件。"""
    async with service.context.work.begin(principal.actor) as tx:
        visible = await scope(tx.conn, principal)
        row = await store.batch(tx.conn, number)
        if row is None:
            raise not_found("这个划款批次")
        rows = await views.payouts(tx.conn, visible, batch_number=number, limit=MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_large()
        tx.audit("payout-batch.exported", f"payout-batch:{number}", after={"payouts": len(rows)})
    content = await asyncio.to_thread(_sheet, service, row, rows)
    return workbook(content, f"{number}.xlsx")


@router.get("/payouts", summary="划款明细")
async def list_payouts(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    batch_number: Annotated[Text | None, Query()] = None,
    claim_number: Annotated[Text | None, Query()] = None,
    state: PayoutState | None = None,
) -> Page[Payout]:
    """管理范围内的划款，按编号排列。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await views.payouts(
            conn,
            await scope(conn, principal),
            batch_number=batch_number,
            claim_number=claim_number,
            state=state.value if state else None,
            after=key[0] if key else "",
            limit=paging.limit + 1,
        )
    return Page(
        items=[payout(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.number]),
    )


def _batch(row: Any) -> PayoutBatch:
    label = BATCH_LABELS[PayoutBatchState(row.state)]
    return PayoutBatch.model_validate(dict(row._mapping) | {"state_label": label})


def _tab(state: PayoutBatchState, row: Any) -> Tab:
    if row is None:
        return Tab(state=state, label=BATCH_LABELS[state], batches=0, payouts=0, amount_fen=0)
    return Tab(
        state=state, label=BATCH_LABELS[state], batches=row.batches, payouts=row.payouts, amount_fen=row.amount_fen
    )


def _sheet(service: ClaimsService, batch: Any, rows: Sequence[Any]) -> bytes:
    return export.payouts(batch.number, batch.amount_fen, [payout(service.personal, row) for row in rows])
