"""The audit log over HTTP."""

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from insurance_svc.metadata import AUDIT_LOG, ORGANISATIONS
from insurance_svc.service import AUDITORS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/audit-log", tags=["审计日志"])


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


@router.get("", responses=problem_responses(401, 403, 404))
async def list_entries(
    principal: Annotated[Principal, Depends(Allow(*AUDITORS))],
    service: TheService,
    paging: Paging,
    subject: Annotated[Text | None, Query(description="如 batch:CB201912280001")] = None,
    organisation_id: Annotated[Id | None, Query()] = None,
    action: Annotated[Text | None, Query()] = None,
) -> Page[Entry]:
    """审计日志，最新的在前。"""
    key = paging.key(int)
    log = AUDIT_LOG.c
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        below = sa.select(ORGANISATIONS.c.id).where(visible.covers(ORGANISATIONS.c.path))
        query = sa.select(AUDIT_LOG).where(sa.or_(log.organisation_id.is_(None), log.organisation_id.in_(below)))
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
