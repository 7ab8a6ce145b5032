"""The audit log over HTTP, the same in every service that keeps a copy of the tree."""

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from unioncard.auth import Allow, Principal, scope_of
from unioncard.database import reading
from unioncard.principal import Role
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, Text
from unioncard.web.pages import Page, Paging, cursor_after


class Entry(BaseModel):
    """Who did what to which thing, when."""

    id: int
    at: datetime
    business_at: datetime
    actor: str
    organisation_id: int | None
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    traceparent: str | None = Field(description="所属调用链")


def audit_router(audit_log: sa.Table, organisations: sa.Table, example: str) -> APIRouter:
    """``GET /audit-log`` over these tables, for the federation; ``example`` is a subject."""
    router = APIRouter(prefix="/audit-log", tags=["审计日志"])
    log = audit_log.c

    @router.get("", responses=problem_responses(401, 403, 404))
    async def list_entries(
        principal: Annotated[Principal, Depends(Allow(Role.FEDERATION))],
        request: Request,
        paging: Paging,
        subject: Annotated[Text | None, Query(description=f"如 {example}")] = None,
        organisation_id: Annotated[Id | None, Query()] = None,
        action: Annotated[Text | None, Query()] = None,
    ) -> Page[Entry]:
        """审计日志，最新的在前。"""
        context: Context = request.app.state.context
        key = paging.key(int)
        async with reading(context.engine) as conn:
            visible = await scope_of(conn, organisations, principal)
            below = sa.select(organisations.c.id).where(visible.covers(organisations.c.path))
            query = sa.select(audit_log).where(sa.or_(log.organisation_id.is_(None), log.organisation_id.in_(below)))
            if subject is not None:
                query = query.where(log.subject == subject)
            if organisation_id is not None:
                query = query.where(log.organisation_id == organisation_id)
            if action is not None:
                query = query.where(log.action == action)
            if key:
                query = query.where(log.id < key[0])
            rows = (await conn.execute(query.order_by(log.id.desc()).limit(paging.limit + 1))).all()
        return Page(
            items=[Entry.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
            next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        )

    return router
