"""What the operators' audit asks: counts and checksums by which services are compared without moving the data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from claims_svc.payouts.rules import VERDICT_LABELS, Verdict
from claims_svc.reconciliation import laws, store
from claims_svc.service import AUDITORS, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.claims import ClaimState, PayoutBatchState
from unioncard.contracts.cover import Benefit
from unioncard.database import reading
from unioncard.reconciliation import CrossingCounts, Tally, crossings, tallies
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, PageRequest, Paging, cursor_after

router = APIRouter(prefix="/reconciliation", tags=["核对"], responses=problem_responses(401, 403))

Auditor = Annotated[Principal, Depends(Allow(*AUDITORS))]
M = TypeVar("M", bound=BaseModel)


class Summary(CrossingCounts):
    """The service at one moment."""

    counts: dict[str, dict[str, int]] = Field(description="各类记录按状态的数量")
    members_total: int
    members_without_union: int
    paid_fen: int = Field(description="已到账的给付（分），应与银行一致")
    in_transit_fen: int = Field(description="划款在途（分）")
    payable_fen: int = Field(description="应付未付的给付（分）")
    trial_balance_fen: int = Field(description="全部分录之和（分），应为 0")
    claims_astray: int = Field(description="金额与其各保单部分不符的给付申请数，应为 0")
    paid_too_much: int = Field(description="划款超过核定金额的保单部分数，应为 0")
    unpaid_astray: int = Field(description="状态与其划款不符的给付申请数，应为 0")
    payouts_astray: int = Field(description="与其各保单部分合计不符的划款数，应为 0")
    payout_batches_astray: int = Field(description="与其划款合计不符的划款批次数，应为 0")
    postings_astray: int = Field(description="借贷不平的分录数，应为 0")
    books_astray: int = Field(description="账面与核定、划款不符的给付申请账目数，应为 0")
    nights_astray: int = Field(description="重复计入的住院日与超过最高天数的保单数，应为 0")


class ComparedClaim(BaseModel):
    """A claim, to be compared with its workflow."""

    number: str
    version: int
    state: ClaimState
    member_id: int
    district_code: str
    benefit: Benefit
    claimed_fen: int
    approved_fen: int
    refused_fen: int
    filed_at: datetime


class ComparedPayoutBatch(BaseModel):
    """A payout batch, to be compared with its workflow and the bank."""

    number: str
    state: PayoutBatchState
    payouts: int
    amount_fen: int
    waiting: int
    paid: int
    returned: int
    left_out: int
    opened_at: datetime


class Loss(BaseModel):
    """What has arrived for a district's claims of a year."""

    district_id: int
    coverage_year: int
    payouts: int
    amount_fen: int


class Losses(BaseModel):
    """To be compared with insurance-svc's losses."""

    items: list[Loss]


class SetAside(BaseModel):
    """An answer of the bank that could not be filed."""

    id: int
    why: Verdict
    label: str
    answer_id: str
    batch_number: str
    payout_number: str
    status: Literal["paid", "returned"]
    amount_fen: int
    reason: str | None
    received_at: datetime


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


@router.get("/organisations", summary="组织核对")
async def organisations(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """组织读模型，应与 member-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["organisations"], paging)


@router.get("/claims", summary="给付申请核对")
async def claims(_: Auditor, service: TheService, paging: Paging) -> Page[ComparedClaim]:
    """全部给付申请，应与流程一致。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await laws.claims(conn, key[0] if key else "", paging.limit + 1)
    return _page(ComparedClaim, rows, paging)


@router.get("/payout-batches", summary="划款批次核对")
async def payout_batches(_: Auditor, service: TheService, paging: Paging) -> Page[ComparedPayoutBatch]:
    """全部划款批次，应与流程和银行一致。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await laws.payout_batches(conn, key[0] if key else "", paging.limit + 1)
    return _page(ComparedPayoutBatch, rows, paging)


@router.get("/losses", summary="给付支出核对")
async def losses(_: Auditor, service: TheService) -> Losses:
    """已到账的给付，按区局与保障年度，应与 insurance-svc 一致。"""
    async with reading(service.context.engine) as conn:
        rows = await laws.losses(conn)
    return Losses(items=[Loss.model_validate(dict(row._mapping)) for row in rows])


@router.get("/set-aside", summary="留待核对的银行反馈")
async def set_aside(_: Auditor, service: TheService, paging: Paging) -> Page[SetAside]:
    """无法归档的划款结果及原因。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        rows = await store.set_aside(conn, key[0] if key else 0, paging.limit + 1)
    return Page(
        items=[
            SetAside.model_validate(dict(row._mapping) | {"label": VERDICT_LABELS[Verdict(row.why)]})
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


def _page(kind: type[M], rows: Sequence[Any], paging: PageRequest) -> Page[M]:
    return Page(
        items=[kind.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.number]),
    )
