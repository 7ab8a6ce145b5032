"""Notices over HTTP, for services whose notices are :func:`unioncard.notices.add_notice_tables`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.notices import NoticeBoard
from unioncard.principal import Role
from unioncard.problems import not_found
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId
from unioncard.web.pages import Page, Paging, cursor_after


class Notice(BaseModel):
    """A notice to the operators of one organisation."""

    id: int
    kind: str
    about: str = Field(description="所涉事项，如 campaign:centralized/2020")
    occurrence: int
    title: str
    text: str
    at: datetime
    read_at: datetime | None = Field(description="本账号的阅读时间")


class NoticePage(Page[Notice]):
    """A page, and how many are unread."""

    unread: int


def notice_router(board: NoticeBoard, readers: tuple[Role, ...]) -> APIRouter:
    """``GET /notices`` and ``POST /notices/{id}/read`` over these tables, for these roles."""
    router = APIRouter(prefix="/notices", tags=["消息提醒"])
    reader = Depends(Allow(*readers))

    @router.get("", responses=problem_responses(401, 403), summary="列表")
    async def list_notices(
        principal: Annotated[Principal, reader], request: Request, paging: Paging, unread: bool | None = None
    ) -> NoticePage:
        """发给本组织经办人的提醒，最新的在前。"""
        context: Context = request.app.state.context
        key = paging.key(int)
        async with reading(context.engine) as conn:
            rows, left = await board.page(conn, principal, unread, key[0] if key else None, paging.limit + 1)
        return NoticePage(
            items=[Notice.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
            next=cursor_after(rows, paging.limit, lambda row: [row.id]),
            unread=left,
        )

    @router.post("/{notice_id}/read", status_code=204, responses=problem_responses(401, 403, 404), summary="标为已读")
    async def mark_read(notice_id: PathId, principal: Annotated[Principal, reader], request: Request) -> None:
        """标为已读；重复操作无影响。"""
        context: Context = request.app.state.context
        async with context.work.begin(principal.actor) as tx:
            if not await board.mark_read(tx, principal, notice_id):
                raise not_found("这条提醒")
            tx.audit("notice.read", f"notice:{notice_id}", organisation_id=principal.organisation_id)

    return router
