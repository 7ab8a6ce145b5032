"""The centre's part (市职保中心): pass, return, write off."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field, model_validator

from insurance_svc.batches import review, store
from insurance_svc.batches.rules import yuan
from insurance_svc.batches.views import BatchDetail, Number, Strict, Year, as_detail
from insurance_svc.exclusions.store import excluded_in_batch
from insurance_svc.service import CENTRE_PAYER, CENTRE_REVIEWER, InsuranceService, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import PremiumState, Scheme
from unioncard.problems import Problem, RowError, not_found
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import LongText
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/premium-batches", tags=["参保批次"], responses=problem_responses(401, 403, 404, 409))

Reviewer = Annotated[Principal, Depends(Allow(*CENTRE_REVIEWER))]
Payer = Annotated[Principal, Depends(Allow(*CENTRE_PAYER))]

WRITE_OFF_LIMIT = 1000


class Passing(Strict):
    """The batch is in order."""

    note: LongText | None = None
    unchecked_reason: LongText | None = Field(None, description="市人口办核查完成前即通过的原因；核查完成后不必填写")


class Returning(Strict):
    """What is wrong with the batch."""

    reason: LongText


class WriteOff(Strict):
    """Batches whose money is there: those named, or all that are exactly paid."""

    numbers: list[Annotated[str, Field(pattern=r"^CB[0-9]{12}$")]] | None = Field(
        None, min_length=1, max_length=WRITE_OFF_LIMIT, examples=[["CB201912280001"]]
    )
    all_paid: bool = Field(False, description="全部已足额到账的批次")
    scheme: Scheme | None = None
    coverage_year: Year | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.all_paid == (self.numbers is not None):
            raise ValueError("numbers 与 all_paid=true 二选一")
        return self


class WrittenOff(BaseModel):
    """What was written off now."""

    numbers: list[str]
    heads: int


@router.post("/{number}/passing", status_code=201, response_model=BatchDetail, summary="审核通过")
async def pass_batch(
    number: Number, body: Passing, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """审核通过，区局即可缴费。集中参保的批次须待市人口办核查完成；说明原因的，可先行通过。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> BatchDetail:
            await _visible(tx, principal, number)
            settings = service.settings
            passing = review.Passing(
                by=principal.account_id,
                instant_days=settings.instant_payment_days,
                check_hours=settings.exclusion_check_hours,
                unchecked_reason=body.unchecked_reason,
            )
            await review.pass_batch(tx, number, passing)
            return await _shown(tx, service, principal, number)

        return await once(tx, principal, key, body, make)


@router.post("/{number}/return", status_code=201, response_model=BatchDetail, summary="退回批次")
async def return_batch(
    number: Number, body: Returning, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """说明原因后退回区局；名单回到区局确认中。集中参保提交已截止的，名单作废，会员可办理即时参保。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> BatchDetail:
            await _visible(tx, principal, number)
            await review.return_batch(tx, number, principal.account_id, body.reason)
            return await _shown(tx, service, principal, number)

        return await once(tx, principal, key, body, make)


@router.post("/write-offs", status_code=201, response_model=WrittenOff, summary="核销")
async def write_off(body: WriteOff, key: IdempotencyKey, principal: Payer, service: TheService) -> Response:
    """核销已足额到账的批次：指定批次，或全部；每次最多 1000 个。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> WrittenOff:
            numbers = body.numbers
            if numbers is None:
                numbers = await store.paid(tx.conn, body.scheme, body.coverage_year, WRITE_OFF_LIMIT)
            else:
                await _writable(tx, numbers)
            rows = await review.write_off(tx, numbers, principal.account_id)
            return WrittenOff(numbers=sorted(row.number for row in rows), heads=sum(row.heads for row in rows))

        return await once(tx, principal, key, body, make)


async def _writable(tx: Transaction, numbers: list[str]) -> None:
    """A problem that names each batch that is not passed and paid; one written off before counts as done."""
    found = await store.locked(tx.conn, numbers)
    rows = [
        RowError(line=line, name="", number=number, field="numbers", reason=reason, remedy=remedy)
        for line, number in enumerate(numbers, start=1)
        for reason, remedy in [_hindrance(found.get(number))]
        if reason
    ]
    if rows:
        raise Problem(409, "not-paid", f"{len(rows)} 个批次不能核销", "请按各行提示处理，其余批次可先核销。", rows=rows)


def _hindrance(row: Any) -> tuple[str, str]:
    if row is None:
        return "没有这个参保批次", "请核对批次编号"
    if row.state == PremiumState.WRITTEN_OFF:
        return "", ""
    if row.state != PremiumState.PASSED:
        return "该批次不在待缴费状态", "只有审核通过、尚未作废的批次可以核销"
    missing = row.due_fen - row.received_fen
    if missing > 0:
        return f"尚缺 {yuan(missing)} 元", "请待款项到账并导入银行对账单后再核销"
    return "", ""


async def _visible(tx: Transaction, principal: Principal, number: str) -> None:
    if await store.find(tx.conn, await scope(tx.conn, principal), number) is None:
        raise not_found("这个参保批次")


async def _shown(tx: Transaction, service: InsuranceService, principal: Principal, number: str) -> BatchDetail:
    row = await store.find(tx.conn, await scope(tx.conn, principal), number)
    assert row is not None  # changed a moment ago
    excluded = await excluded_in_batch(tx.conn, number)
    return as_detail(service.personal, row, await store.sums(tx.conn, number), excluded)
