"""Notices over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from card_svc.notices import store
from card_svc.service import VIEWERS, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import NoticeKind
from unioncard.database import reading
from unioncard.problems import not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/notices", tags=["消息提醒"])

Reader = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Notice(BaseModel):
    """A notice to the operators of one organisation."""

    id: int
    batch_number: str
    kind: NoticeKind
    occurrence: int
    title: str
    text: str
    created_at: datetime
    read_at: datetime | None = Field(description="本账号的阅读时间")


class NoticePage(Page[Notice]):
    """A page, and how many are unread."""

    unread: int


@router.get("", responses=problem_responses(401, 403))
async def list_notices(
    principal: Reader, service: TheService, paging: Paging, unread: bool | None = None
) -> NoticePage:
    """发给本组织经办人的提醒，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        rows, left = await store.page(conn, principal, unread, key[0] if key else None, paging.limit + 1)
    return NoticePage(
        items=[Notice.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        unread=left,
    )


@router.post("/{notice_id}/read", status_code=204, responses=problem_responses(401, 403, 404))
async def mark_read(notice_id: PathId, principal: Reader, service: TheService) -> None:
    """标为已读；重复操作无影响。"""
    async with service.context.work.begin(principal.actor) as tx:
        if not await store.mark_read(tx, principal, notice_id):
            raise not_found("这条提醒")
        tx.audit("notice.read", f"notice:{notice_id}", organisation_id=principal.organisation_id)
