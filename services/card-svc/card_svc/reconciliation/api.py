"""What the operators' audit asks this service."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from card_svc.reconciliation import store
from card_svc.service import AUDITORS, CardService, TheService
from unioncard.auth import Allow
from unioncard.database import reading
from unioncard.web.app import problem_responses

router = APIRouter(
    prefix="/reconciliation",
    tags=["对账"],
    dependencies=[Depends(Allow(*AUDITORS))],
    responses=problem_responses(401, 403),
)

After = Annotated[int, Query(ge=-1, le=2**63 - 1, description="上一页最后一行的 id")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Summary(BaseModel):
    """Counts of one moment."""

    members: int
    organisations: int
    cards: dict[str, int] = Field(description="会员按办理状态；不含从未申办的会员")
    card_numbers: int = Field(description="不同的卡号数")
    todo: dict[str, int] = Field(description="待办记录按校验状态")
    batches: dict[str, int] = Field(description="批次按状态")
    outcomes: dict[str, int] = Field(description="批次成员按结果")
    set_aside: dict[str, int] = Field(description="留待核对的银行反馈按原因")
    partner_calls: dict[str, int] = Field(description="等待合作方答复的请求")
    outbox_waiting: int
    outbox_refused: int
    inbox_running: int
    todo_astray: int = Field(description="待办列表与办理状态不一致的会员数，应为 0")
    cards_astray: int = Field(description="批次结果与办理状态不一致的会员数，应为 0")


class Compared(BaseModel):
    """Of one union or organisation: what both sides must agree on."""

    id: int = Field(description="工会（组织）编号；0 为无工会")
    count: int
    versions: str = Field(description="版本号之和")
    checksum: str = Field(description="sum(hashtextextended(id||':'||version, 0))")


class ComparedBatch(BaseModel):
    """A batch, to be compared with the bank."""

    id: int
    number: str
    union_id: int
    channel: str
    state: str
    members: int
    issued: int
    failed: int
    waiting: int
    submitted_at: datetime
    accepted_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None


@router.get("/summary")
async def summary(service: TheService) -> Summary:
    """各项计数，取自同一时刻。"""
    async with reading(service.context.engine) as conn:
        return Summary(**await store.summary(conn))


async def _compare(service: CardService, noun: str, after: int, limit: int) -> list[Compared]:
    async with reading(service.context.engine) as conn:
        rows = await store.compare(conn, noun, after, limit)
    return [Compared.model_validate(dict(row._mapping)) for row in rows]


@router.get("/members")
async def compare_members(service: TheService, after: After = -1, limit: Limit = 1000) -> list[Compared]:
    """会员读模型，按工会；与 member-svc 核对。"""
    return await _compare(service, "members", after, limit)


@router.get("/organisations")
async def compare_organisations(service: TheService, after: After = -1, limit: Limit = 1000) -> list[Compared]:
    """组织读模型；与 member-svc 核对。"""
    return await _compare(service, "organisations", after, limit)


@router.get("/cards")
async def compare_cards(service: TheService, after: After = -1, limit: Limit = 1000) -> list[Compared]:
    """办理状态（本服务为源），按工会。"""
    return await _compare(service, "cards", after, limit)


@router.get("/batches")
async def compare_batches(service: TheService, after: After = -1, limit: Limit = 1000) -> list[ComparedBatch]:
    """办卡批次，与银行核对。"""
    async with reading(service.context.engine) as conn:
        rows = await store.batches(conn, after, limit)
    return [ComparedBatch.model_validate(dict(row._mapping)) for row in rows]
