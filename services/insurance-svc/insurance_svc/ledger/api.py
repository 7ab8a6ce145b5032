"""The ledger over HTTP: trial balance, entries, and the federation's subsidy as it comes in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from insurance_svc.batches.rules import yuan
from insurance_svc.batches.submission import lock_district
from insurance_svc.batches.views import Strict, Year
from insurance_svc.ledger import store
from insurance_svc.ledger.rules import Account, subsidised
from insurance_svc.service import CENTRE_PAYER, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.districts import district_of
from unioncard.ledger import district_seen
from unioncard.problems import conflict
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["总账"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE_PAYER, Role.FEDERATION))]
AnyYear = Annotated[int | None, Query(ge=0, le=2999, description="保障年度；0 为尚未对应批次的款项")]
# 0 is the district of money whose sender nobody knows yet.
AnyDistrict = Annotated[int | None, Query(ge=0, le=2**63 - 1)]


class AccountBalance(BaseModel):
    """一个科目的借方、贷方与余额（借为正）。"""

    account: Account
    label: str
    debit_fen: int
    credit_fen: int
    balance_fen: int


class TrialBalance(BaseModel):
    """试算平衡：各科目余额之和恒为零。"""

    accounts: list[AccountBalance]
    total_fen: int = Field(description="应为 0")


class Entry(BaseModel):
    """一条分录。"""

    id: int
    posting: str
    account: Account
    label: str
    district_id: int
    coverage_year: int
    amount_fen: int = Field(description="借为正，贷为负")
    business_at: datetime


class Subsidy(Strict):
    """The federation paid a district's subsidy of a year, or a part of it."""

    reference: str = Field(pattern=r"^[A-Za-z0-9-]{1,40}$", examples=["SZ-2020-0001"], description="拨款凭证号")
    district_id: Id
    coverage_year: Year
    amount_fen: int = Field(ge=1, le=10**14)


class Subsidised(BaseModel):
    """What of the subsidy is still to come."""

    outstanding_fen: int


@router.get("/ledger/balance", summary="试算平衡")
async def trial_balance(
    principal: Viewer, service: TheService, district_id: AnyDistrict = None, coverage_year: AnyYear = None
) -> TrialBalance:
    """各科目的借贷与余额；区局只看本单位。"""
    async with reading(service.context.engine) as conn:
        rows = await store.balances(conn, district_seen(principal, district_id), coverage_year)
    accounts = [
        AccountBalance(
            account=Account(row.account),
            label=Account(row.account).label,
            debit_fen=row.debit_fen,
            credit_fen=row.credit_fen,
            balance_fen=row.debit_fen - row.credit_fen,
        )
        for row in sorted(rows, key=lambda row: list(Account).index(Account(row.account)))
    ]
    return TrialBalance(accounts=accounts, total_fen=sum(one.balance_fen for one in accounts))


@router.get("/ledger/entries", summary="分录")
async def list_entries(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    district_id: AnyDistrict = None,
    coverage_year: AnyYear = None,
    account: Account | None = None,
) -> Page[Entry]:
    """分录，最新的在前；区局只看本单位。"""
    key = paging.key(int)
    district = district_seen(principal, district_id)
    async with reading(service.context.engine) as conn:
        rows = await store.page(
            conn, district, coverage_year, account.value if account else None, key[0] if key else None, paging.limit + 1
        )
    return Page(
        items=[
            Entry.model_validate(dict(row._mapping) | {"label": Account(row.account).label})
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


@router.post(
    "/subsidy-payments",
    status_code=201,
    response_model=Subsidised,
    responses=problem_responses(409),
    summary="登记市总补贴到账",
)
async def record_subsidy(
    body: Subsidy,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(*CENTRE_PAYER))],
    service: TheService,
) -> Response:
    """登记市总工会拨付的补贴；同一凭证号只计一次，不能超过尚未拨付的金额。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Subsidised:
            await lock_district(tx.conn, body.district_id)
            await district_of(tx.conn, body.district_id)
            posting = subsidised(body.reference, body.district_id, body.coverage_year, body.amount_fen)
            if await store.is_posted(tx.conn, posting.key):
                raise conflict("reference-used", "该凭证号已经登记", "请核对凭证号；同一笔拨款只登记一次。")
            outstanding = await store.subsidy_outstanding(tx.conn, body.district_id, body.coverage_year)
            if body.amount_fen > outstanding:
                raise conflict("subsidy-too-much", f"超过尚未拨付的 {yuan(outstanding)} 元", "请核对区局、年度与金额。")
            await store.post(tx, [posting])
            tx.audit(
                "subsidy.recorded",
                f"district:{body.district_id}",
                organisation_id=body.district_id,
                after=body.model_dump(),
            )
            return Subsidised(outstanding_fen=outstanding - body.amount_fen)

        return await once(tx, principal, key, body, make)
