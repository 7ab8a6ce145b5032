"""清算 over HTTP: the year's money by district, and the surplus or shortfall that two people of the centre enter."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from insurance_svc.batches.rules import yuan
from insurance_svc.batches.submission import lock_district
from insurance_svc.batches.views import Strict, Year
from insurance_svc.ledger import store as ledger
from insurance_svc.ledger.rules import settled
from insurance_svc.losses.rules import loss_ratio
from insurance_svc.service import CENTRE, TheService, scope
from insurance_svc.settlement import store
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.districts import district_of
from unioncard.notices import NewNotice, tell
from unioncard.problems import Problem, conflict, invalid, not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, LongText, PathId
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/settlements", tags=["清算"], responses=problem_responses(401, 403, 404))

Centre = Annotated[Principal, Depends(Allow(*CENTRE))]
Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE, Role.FEDERATION))]
State = Literal["waiting", "approved", "refused"]


class Entering(Strict):
    """A district's surplus (positive) or shortfall (negative) of a year that is over."""

    district_id: Id
    coverage_year: Year
    amount_fen: int = Field(ge=-(10**13), le=10**13, description="结余为正，不足为负")
    reason: LongText


class Deciding(Strict):
    """The second pair of eyes."""

    approved: bool


class Settlement(BaseModel):
    """一个区局一个保障年度的清算结果。"""

    id: int
    district_id: int
    district_name: str
    coverage_year: int
    amount_fen: int = Field(description="结余为正，不足为负；结余成为清算分配款，不足只作记录")
    reason: str
    state: State
    entered_by: int
    entered_at: datetime
    decided_by: int | None
    decided_at: datetime | None


class YearOfDistrict(BaseModel):
    """一个区局当年的资金。"""

    district_id: int
    district_name: str
    heads: int = Field(description="已核销人数")
    premiums_fen: int = Field(description="已核销保费")
    subsidy_fen: int
    credit_used_fen: int = Field(description="当年抵用的清算分配款")
    credit_fen: int = Field(description="目前结存的清算分配款")
    payouts: int = Field(description="已到账的给付笔数")
    losses_fen: int = Field(description="已到账的给付金额，已扣除到账后退回的款项")
    loss_ratio: str | None = Field(description="赔付率：给付占已核销保费的百分比，两位小数；没有保费时为空")
    settlement_id: int | None
    state: State | None
    amount_fen: int | None


@router.get("/overview", summary="各区局当年资金")
async def overview(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    coverage_year: Annotated[int, Query(ge=2000, le=2999)],
) -> Page[YearOfDistrict]:
    """保障年度内各区局已核销的保费与人数、给付支出与赔付率，以及清算情况。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await store.overview(conn, visible, coverage_year, key[0] if key else 0, paging.limit + 1)
    return Page(
        items=[_year(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.district_id]),
    )


@router.get("", summary="清算记录")
async def list_settlements(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    state: State | None = None,
) -> Page[Settlement]:
    """清算记录，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await store.page(conn, visible, coverage_year, state, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[Settlement.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


@router.post("", status_code=201, response_model=Settlement, responses=problem_responses(409), summary="录入清算结果")
async def enter(body: Entering, key: IdempotencyKey, principal: Centre, service: TheService) -> Response:
    """保障年度结束后录入一个区局的结余或不足，由另一人复核后生效。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Settlement:
            if shanghai_date(tx.now) <= date(body.coverage_year, 12, 31):
                raise conflict("year-not-over", f"{body.coverage_year}年度尚未结束", "请在保障年度结束后清算。")
            if not body.amount_fen:
                raise invalid("amount-zero", "金额不能为零", "没有结余也没有不足的，无须录入。")
            district = await district_of(tx.conn, body.district_id)
            if district.id != body.district_id:
                raise not_found("这个区局（产业）工会")
            made = await store.enter(
                tx, district.id, body.coverage_year, body.amount_fen, body.reason, principal.account_id
            )
            if made is None:
                raise conflict(
                    "settled", "该区局当年的清算已经录入", "请查看清算记录；录错的请由复核人退回后重新录入。"
                )
            tx.audit("settlement.entered", f"settlement:{made}", organisation_id=district.id, after=body.model_dump())
            row = await store.find(tx.conn, made)
            assert row is not None  # entered a moment ago
            return Settlement.model_validate(dict(row._mapping))

        return await once(tx, principal, key, body, make)


@router.post(
    "/{settlement_id}/decision",
    status_code=201,
    response_model=Settlement,
    responses=problem_responses(409),
    summary="复核清算结果",
)
async def decide(
    settlement_id: PathId, body: Deciding, key: IdempotencyKey, principal: Centre, service: TheService
) -> Response:
    """复核人不能是录入人；通过后结余成为区局的清算分配款，用于以后的集中参保。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Settlement:
            known = await store.find(tx.conn, settlement_id)
            if known is None:
                raise not_found("这条清算记录")
            if known.entered_by == principal.account_id:
                raise Problem(403, "four-eyes", "录入人不能复核自己的录入", "请由另一位经办人复核。")
            await lock_district(tx.conn, known.district_id)
            row = await store.decide(
                tx, settlement_id, "approved" if body.approved else "refused", principal.account_id
            )
            if row is None:
                raise conflict("decided", "该记录已经复核", "请刷新列表。")
            if body.approved and row.amount_fen > 0:
                await ledger.post(tx, [settled(row.id, row.district_id, row.coverage_year, row.amount_fen)])
            if body.approved:
                await tell(tx, [_notice(row)])
            after = {"state": row.state, "amount_fen": row.amount_fen}
            tx.audit("settlement.decided", f"settlement:{row.id}", organisation_id=row.district_id, after=after)
            shown = await store.find(tx.conn, settlement_id)
            assert shown is not None  # decided a moment ago
            return Settlement.model_validate(dict(shown._mapping))

        return await once(tx, principal, key, body, make)


def _year(row: Any) -> YearOfDistrict:
    ratio = loss_ratio(row.losses_fen, row.premiums_fen)
    return YearOfDistrict.model_validate(dict(row._mapping) | {"loss_ratio": ratio})


def _notice(row: Any) -> NewNotice:
    surplus = row.amount_fen > 0
    words = (
        f"结余{yuan(row.amount_fen)}元，作为清算分配款，可抵用以后集中参保的应缴金额。"
        if surplus
        else f"不足{yuan(-row.amount_fen)}元，已作记录。"
    )
    return NewNotice(
        organisation_id=row.district_id,
        kind="settlement",
        about=f"settlement:{row.id}",
        title=f"{row.coverage_year}年度清算结果",
        text=f"{row.coverage_year}年度会员专享基本保障清算完成：{words}",
    )
