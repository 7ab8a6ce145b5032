"""The ledger over HTTP: trial balance and entries."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from claims_svc.ledger import store
from claims_svc.ledger.rules import Account
from claims_svc.service import CENTRE_PAYER, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.ledger import district_seen
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["总账"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE_PAYER, Role.FEDERATION))]
AnyYear = Annotated[int | None, Query(ge=2000, le=2999, description="保障年度")]
AnyDistrict = Annotated[Id | None, Query()]


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
    claim_number: str
    district_id: int
    coverage_year: int
    class_code: str
    amount_fen: int = Field(description="借为正，贷为负")
    business_at: datetime


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
    claim_number: Annotated[Text | None, Query()] = None,
) -> Page[Entry]:
    """分录，最新的在前；区局只看本单位。"""
    key = paging.key(int)
    district = district_seen(principal, district_id)
    async with reading(service.context.engine) as conn:
        rows = await store.page(
            conn, district, coverage_year, account, claim_number, key[0] if key else None, paging.limit + 1
        )
    return Page(
        items=[
            Entry.model_validate(dict(row._mapping) | {"label": Account(row.account).label})
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )
