"""The district records what its unions moved to it (基层缴费), by the calendar's row (domain 5)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from insurance_svc.batches.rules import yuan
from insurance_svc.batches.views import Strict
from insurance_svc.campaigns.deadlines import must_be_open
from insurance_svc.payments import union_payments as store
from insurance_svc.service import DISTRICT, VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Phase
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.problems import Problem, RowError, invalid
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Day, Id, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/union-payments", tags=["基层缴费"], responses=problem_responses(401, 403, 404))

_MOST = 10**12


class Amount(Strict):
    """What one union paid for one list."""

    enrolment_id: Id
    amount_fen: int = Field(ge=-_MOST, le=_MOST, description="金额（分）；负数为冲正")


class Payments(Strict):
    """Payments of one day."""

    payments: list[Amount] = Field(min_length=1, max_length=1000)
    paid_on: Day = Field(description="到账日期")
    note: Text = Field("基层缴费", description="备注；冲正时说明原因")


class Recorded(BaseModel):
    """What was recorded."""

    payments: int
    amount_fen: int


class Payment(BaseModel):
    """一笔基层缴费记录。"""

    id: int
    enrolment_id: int
    union_id: int
    union_name: str
    class_code: str
    amount_fen: int
    paid_on: date
    note: str
    recorded_at: datetime


@router.post("", status_code=201, response_model=Recorded, responses=problem_responses(409), summary="登记基层缴费")
async def record_payments(
    body: Payments,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(*DISTRICT))],
    service: TheService,
) -> Response:
    """登记各基层工会为其名单转入区局账户的款项；集中参保须在基层缴费截止日之前。"""
    amounts = {one.enrolment_id: one.amount_fen for one in body.payments}
    if len(amounts) < len(body.payments):
        raise invalid("list-twice", "同一份名单在本次登记中出现多次", "请合并为一笔后重新提交。")
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Recorded:
            if body.paid_on > shanghai_date(tx.now):
                raise invalid("bad-day", "到账日期不正确", "到账日期不能晚于今天。")
            found = await store.locked(tx.conn, principal.organisation_id, list(amounts))
            _check(body, found)
            await _in_time(tx, found.values(), body.paid_on)
            await store.record(tx, amounts, body.paid_on, body.note, principal.account_id)
            recorded = Recorded(payments=len(amounts), amount_fen=sum(amounts.values()))
            subject = f"organisation:{principal.organisation_id}"
            after = recorded.model_dump() | {"lists": sorted(amounts), "paid_on": body.paid_on}
            tx.audit("union-payments.recorded", subject, organisation_id=principal.organisation_id, after=after)
            return recorded

        return await once(tx, principal, key, body, make)


def _check(body: Payments, found: dict[int, Any]) -> None:
    """A problem that names each payment that does not fit its list."""
    rows: list[RowError] = []
    for line, one in enumerate(body.payments, start=1):
        trouble = _trouble(one.amount_fen, found.get(one.enrolment_id))
        if trouble:
            field, reason, remedy = trouble
            number = f"名单 {one.enrolment_id}"
            rows.append(RowError(line=line, name="", number=number, field=field, reason=reason, remedy=remedy))
    if rows:
        raise Problem(422, "payments-unfit", f"有 {len(rows)} 笔缴费不能登记", "没有登记任何内容。", rows=rows)


def _trouble(amount_fen: int, row: Any) -> tuple[str, str, str] | None:
    if row is None:
        return "enrolment_id", "没有这份名单", "请刷新列表后重新选择"
    if row.state not in ("submitted", "basket"):
        return "enrolment_id", "该名单不在审核中，不能再登记缴费", "已退回的名单请待基层重新提交后登记"
    if not amount_fen:
        return "amount_fen", "金额不能为零", "请填写实际到账金额"
    paid = row.paid_fen + amount_fen
    if paid < 0:
        return "amount_fen", f"冲正超过已登记的 {yuan(row.paid_fen)} 元", "请核对金额"
    if paid > row.union_fen:
        return "amount_fen", f"超过应缴的 {yuan(row.union_fen)} 元", f"已登记 {yuan(row.paid_fen)} 元，请核对金额"
    return None


async def _in_time(tx: Transaction, rows: Any, paid_on: date) -> None:
    """Lists of a campaign are paid until its last day; too late: left out, or void with the district's rest."""
    seasons: Sequence[tuple[str, int, int]] = sorted(
        {(row.scheme, row.coverage_year, row.district_id) for row in rows if row.way == "centralized"}
    )
    for scheme, year, district_id in seasons:
        days = await must_be_open(tx, scheme, year, Phase.UNION_PAYMENT, district_id)
        if days.last_day is not None and paid_on > days.last_day:
            raise invalid("bad-day", "到账日期晚于基层缴费截止日", f"基层缴费的时间为{days.in_words()}。")


@router.get("", summary="基层缴费记录")
async def list_payments(
    principal: Annotated[Principal, Depends(Allow(*VIEWERS))],
    service: TheService,
    paging: Paging,
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    union_id: Annotated[Id | None, Query()] = None,
    enrolment_id: Annotated[Id | None, Query()] = None,
) -> Page[Payment]:
    """登记过的基层缴费，最新的在前；尚未缴费的名单见区局审核列表。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows, total = await store.page(
            conn, visible.pattern, coverage_year, union_id, enrolment_id, key[0] if key else None, paging.limit + 1
        )
    return Page(
        items=[Payment.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )
