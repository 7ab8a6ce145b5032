"""What the operators' audit asks: counts and checksums by which services are compared without moving the data."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from insurance_svc.reconciliation import laws, store
from insurance_svc.service import AUDITORS, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import PremiumState, Scheme
from unioncard.database import reading
from unioncard.reconciliation import CrossingCounts, Tally, crossings, tallies
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/reconciliation", tags=["核对"], responses=problem_responses(401, 403))

Auditor = Annotated[Principal, Depends(Allow(*AUDITORS))]


class Summary(CrossingCounts):
    """The service at one moment."""

    counts: dict[str, dict[str, int]] = Field(description="各类记录按状态的数量")
    members_total: int
    members_without_union: int
    policies_standing: int = Field(description="未作废的保单数")
    trial_balance_fen: int = Field(description="全部分录之和（分），应为 0")
    double_cover: int = Field(description="同一日有不止一份保单的会员数，应为 0")
    days_astray: int = Field(description="保障期与日历或所占半年不符的保单数，应为 0")
    lines_astray: int = Field(description="与账簿不符的银行流水笔数，应为 0")
    statements_astray: int = Field(description="与其流水合计不符的对账单日数，应为 0")
    lists_astray: int = Field(description="人数与保单数、金额与单价不符的名单数，应为 0")
    classes_astray: int = Field(description="所占档次与名单不符的工会数，应为 0")
    batches_astray: int = Field(description="与其名单、分档合计不符的参保批次数，应为 0")
    postings_astray: int = Field(description="借贷不平的分录数，应为 0")
    districts_astray: int = Field(description="账面应收、保费与参保批次不符的区局数，应为 0")


class ComparedBatch(BaseModel):
    """A batch, to be compared with its workflow."""

    number: str
    district_code: str
    scheme: Scheme
    coverage_year: int
    state: PremiumState
    heads: int
    due_fen: int
    received_fen: int
    submitted_at: datetime


@router.get("/summary", summary="概况")
async def summary(_: Auditor, service: TheService) -> Summary:
    """各项计数，取自同一时刻。"""
    async with reading(service.context.engine) as conn:
        left = await crossings(conn)
        totals = await store.totals(conn) | await laws.broken(conn)
        return Summary(counts=await store.counts(conn), **totals, **left.model_dump())


@router.get("/members", summary="会员核对（按工会）")
async def members(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """会员读模型，应与 member-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["members"], paging)


@router.get("/cards", summary="办卡状态核对（按工会）")
async def cards(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """办理状态读模型，应与 card-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["cards"], paging)


@router.get("/organisations", summary="组织核对")
async def organisations(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """组织读模型，应与 member-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["organisations"], paging)


@router.get("/batches", summary="参保批次核对")
async def batches(_: Auditor, service: TheService, paging: Paging) -> Page[ComparedBatch]:
    """全部参保批次，应与流程一致。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await laws.batches(conn, key[0] if key else "", paging.limit + 1)
    return Page(
        items=[ComparedBatch.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.number]),
    )
