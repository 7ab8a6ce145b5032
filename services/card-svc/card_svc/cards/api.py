"""Members with their cards over HTTP."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from card_svc.cardlife.views import CardLife, life_of
from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import LABELS as STEP_LABELS
from card_svc.cardlog.rules import Step
from card_svc.cards import export, lists
from card_svc.cards.rules import LABELS
from card_svc.service import VIEWERS, CardService, TheService, scope
from card_svc.todo.api import document_filter, name_filter
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.cards import CardState, Channel
from unioncard.database import reading
from unioncard.dates import day_start, shanghai_date
from unioncard.documents import Sex
from unioncard.problems import not_found
from unioncard.sheets import MAX_ROWS, XLSX, too_large
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id, PathId, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/cards", tags=["卡片信息管理"])

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Card(BaseModel):
    """A member with its card."""

    member_id: int
    union_id: int | None
    union_name: str | None
    number: str | None = Field(description="会员编号")
    name: str
    sex: str
    document_type: str
    document_number: str = Field(description="掩码")
    document_expiry: date | None
    nationality: str | None
    state: CardState
    state_label: str
    version: int
    channel: Channel | None = Field(description="最近一次申办的通道")
    applied_at: datetime | None = Field(description="申办时间")
    batch_number: str | None
    card_number: str | None = Field(description="银行卡号（掩码）")
    issued_at: datetime | None
    failed_reason: str | None
    life: CardLife | None = Field(description="用卡状态；没有卡时为空")


class LogEntry(BaseModel):
    """A step of a member's card (办卡日志)."""

    at: datetime
    actor: str
    step: Step
    label: str
    batch_number: str | None
    reason: str | None


async def _filters(
    service: TheService,
    name: Annotated[Text | None, Query()] = None,
    document_number: Annotated[Text | None, Query()] = None,
    sex: Sex | None = None,
    applied_from: Day | None = None,
    applied_until: Annotated[Day | None, Query(description="含当日")] = None,
    state: CardState | None = None,
    channel: Channel | None = None,
    union_id: Annotated[Id | None, Query()] = None,
    activated: Annotated[bool | None, Query(description="已办卡会员是否已激活")] = None,
) -> lists.Filters:
    return lists.Filters(
        name_filter(service.personal, name),
        document_filter(service.personal, document_number),
        sex.value if sex else None,
        day_start(applied_from) if applied_from else None,
        day_start(applied_until + timedelta(days=1)) if applied_until else None,
        state,
        channel,
        union_id,
        activated,
    )


TheFilters = Annotated[lists.Filters, Depends(_filters)]


@router.get("", responses=problem_responses(401, 403, 404))
async def list_cards(principal: Viewer, service: TheService, paging: Paging, filters: TheFilters) -> Page[Card]:
    """状态正常的在职会员及其办卡情况。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await lists.page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
        total = await lists.count(conn, visible, filters) if key is None else None
    return Page(
        items=[_as_card(service, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}, **problem_responses(401, 403, 404)},
)
async def export_cards(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """导出卡片信息（证件号码、卡号为掩码）。"""
    async with service.context.work.begin(principal.actor) as tx:
        visible = await scope(tx.conn, principal)
        rows = await lists.page(tx.conn, visible, filters, None, MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_large()
        tx.audit(
            "cards.exported",
            f"organisation:{principal.organisation_id}",
            organisation_id=principal.organisation_id,
            after={"rows": len(rows)},
        )
    content = await asyncio.to_thread(export.sheet, service.personal, rows, shanghai_date(tx.now))
    return workbook(content, "cards.xlsx")


@router.get("/mine", responses=problem_responses(401, 403, 404))
async def show_mine(principal: Annotated[Principal, Depends(Allow(Role.MEMBER))], service: TheService) -> Card:
    """会员本人的卡。"""
    row = None
    if principal.member_id is not None:
        async with reading(service.context.engine) as conn:
            row = await lists.find_own(conn, principal.member_id)
    if row is None:
        raise not_found("您的会员信息")
    return _as_card(service, row)


@router.get("/{member_id}", responses=problem_responses(401, 403, 404))
async def show_card(member_id: PathId, principal: Viewer, service: TheService) -> Card:
    """一名会员的办卡情况。"""
    async with reading(service.context.engine) as conn:
        row = await lists.find(conn, await scope(conn, principal), member_id)
    if row is None:
        raise not_found("这名会员")
    return _as_card(service, row)


@router.get("/{member_id}/log", responses=problem_responses(401, 403, 404))
async def show_log(member_id: PathId, principal: Viewer, service: TheService, paging: Paging) -> Page[LogEntry]:
    """办卡日志，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        if await lists.find(conn, await scope(conn, principal), member_id) is None:
            raise not_found("这名会员")
        rows = await cardlog.page(conn, member_id, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[
            LogEntry.model_validate(dict(row._mapping) | {"label": STEP_LABELS[Step(row.step)]})
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


def _as_card(service: CardService, row: Any) -> Card:
    personal = service.personal
    return Card.model_validate(
        dict(row._mapping)
        | {
            "member_id": row.id,
            "name": personal.name(row.id, row.name),
            "document_number": personal.masked_document(row.id, row.document_number),
            "card_number": personal.masked_card(row.id, row.card_number),
            "state_label": LABELS[CardState(row.state)],
            "life": life_of(row, shanghai_date(service.context.clock.now())),
        }
    )
