"""What the operators' audit asks: counts and checksums by which services are compared without moving the data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from card_svc.bank.rules import VERDICT_LABELS, Verdict
from card_svc.batches.rules import BatchState
from card_svc.cardlife.rules import LifeState
from card_svc.reconciliation import store
from card_svc.service import AUDITORS, TheService
from unioncard.auth import Allow
from unioncard.contracts.cards import Channel
from unioncard.database import reading
from unioncard.principal import Principal
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
    card_numbers: int = Field(description="通过本平台制卡的不同卡号数")
    legacy_cards: int = Field(description="由原系统迁入的卡数")
    todo_astray: int = Field(description="待办列表与办理状态不一致的会员数，应为 0")
    cards_astray: int = Field(description="批次结果与办理状态不一致的会员数，应为 0")
    lives_astray: int = Field(description="用卡状态与现有卡不一致的会员数，应为 0")


class ComparedBatch(BaseModel):
    """A batch, to be compared with the bank."""

    number: str
    union_id: int
    channel: Channel
    state: BatchState
    members: int
    issued: int
    failed: int
    waiting: int
    unaccounted: int
    submitted_at: datetime
    accepted_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None


class OpenCheck(BaseModel):
    """A system check that waits for an office."""

    id: str
    union_id: int
    requested_at: datetime
    total: int
    waiting: int


class SetAside(BaseModel):
    """What the bank said and could not be filed."""

    id: int
    why: Verdict
    label: str
    answer_id: str
    batch_number: str = Field(description="用卡状态不属于批次，为空")
    member_ref: str
    status: Literal["issued", "failed"] | LifeState = Field(description="办卡结果，或用卡状态")
    reason: str | None
    received_at: datetime


@router.get("/summary", summary="概况")
async def summary(_: Auditor, service: TheService) -> Summary:
    """各项计数，取自同一时刻。"""
    async with reading(service.context.engine) as conn:
        left = await crossings(conn)
        return Summary(counts=await store.counts(conn), **await store.numbers(conn), **left.model_dump())


@router.get("/members", summary="会员核对（按工会）")
async def members(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """会员读模型，应与 member-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["members"], paging)


@router.get("/cards", summary="办卡状态核对（按工会）")
async def cards(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """办理状态，本服务为源；member-svc 的副本应与此一致。"""
    return await tallies(service.context.engine, store.NOUNS["cards"], paging)


@router.get("/organisations", summary="组织核对")
async def organisations(_: Auditor, service: TheService, paging: Paging) -> Page[Tally]:
    """组织读模型，应与 member-svc 一致。"""
    return await tallies(service.context.engine, store.NOUNS["organisations"], paging)


@router.get("/batches", summary="批次核对")
async def batches(_: Auditor, service: TheService, paging: Paging) -> Page[ComparedBatch]:
    """办卡批次，应与银行一致。"""
    async with reading(service.context.engine) as conn:
        rows = await store.batches(conn, _after(paging), paging.limit + 1)
    return _page(ComparedBatch, rows, paging, "id")


@router.get("/checks", summary="未结校验")
async def open_checks(_: Auditor, service: TheService, paging: Paging) -> Page[OpenCheck]:
    """尚有会员未返回结果的系统校验。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await store.open_checks(conn, key[0] if key else "", paging.limit + 1)
    return _page(OpenCheck, rows, paging, "id")


@router.get("/set-aside", summary="留待核对的银行反馈")
async def set_aside(_: Auditor, service: TheService, paging: Paging) -> Page[SetAside]:
    """无法归档的银行反馈及原因。"""
    async with reading(service.context.engine) as conn:
        rows = await store.set_aside(conn, _after(paging), paging.limit + 1)
    return Page(
        items=[
            SetAside.model_validate(dict(row._mapping) | {"label": VERDICT_LABELS[Verdict(row.why)]})
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


def _after(paging: PageRequest) -> int:
    key = paging.key(int)
    return key[0] if key else 0


def _page(kind: type[M], rows: Sequence[Any], paging: PageRequest, key: str) -> Page[M]:
    return Page(
        items=[kind.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [getattr(row, key)]),
    )
