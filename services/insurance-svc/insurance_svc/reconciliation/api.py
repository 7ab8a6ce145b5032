"""What the operators' audit asks: counts and checksums by which services are compared without moving the data."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from insurance_svc.reconciliation import store
from insurance_svc.service import AUDITORS, InsuranceService, TheService
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.reconciliation import CrossingCounts, Tally, crossings, tallies
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, PageRequest, Paging

router = APIRouter(prefix="/reconciliation", tags=["核对"], responses=problem_responses(401, 403))

Auditor = Annotated[Principal, Depends(Allow(*AUDITORS))]


class Summary(CrossingCounts):
    """The service at one moment."""

    counts: dict[str, dict[str, int]] = Field(description="各类记录按状态的数量")
    members_total: int
    members_without_union: int
    policies_standing: int = Field(description="未作废的保单数")
    trial_balance_fen: int = Field(description="全部分录之和（分），应为 0")


@router.get("/summary", summary="概况")
async def summary(_: Auditor, service: TheService) -> Summary:
    """各项计数，取自同一时刻。"""
    async with reading(service.context.engine) as conn:
        left = await crossings(conn)
        return Summary(counts=await store.counts(conn), **await store.totals(conn), **left.model_dump())


async def _tallies(service: InsuranceService, noun: str, paging: PageRequest) -> Page[Tally]:
    async with reading(service.context.engine) as conn:
        return await tallies(conn, store.NOUNS[noun], paging)


@router.get("/members", summary="会员核对（按工会）")
async def members(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """会员读模型，应与 member-svc 一致。"""
    return await _tallies(service, "members", paging)


@router.get("/cards", summary="办卡状态核对（按工会）")
async def cards(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """办理状态读模型，应与 card-svc 一致。"""
    return await _tallies(service, "cards", paging)


@router.get("/organisations", summary="组织核对")
async def organisations(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """组织读模型，应与 member-svc 一致。"""
    return await _tallies(service, "organisations", paging)
