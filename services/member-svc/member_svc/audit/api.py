"""The audit log, for the federation."""

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from member_svc.audit import store
from member_svc.metadata import AUDIT_LOG
from unioncard.auth import Allow
from unioncard.database import reading
from unioncard.principal import Principal, Role
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["审计"], responses=problem_responses(401, 403))


class AuditEntry(BaseModel):
    """Who did what to which thing, when."""

    id: int
    at: datetime
    business_at: datetime
    actor: str
    organisation_id: int | None
    action: str
    subject: str
    before: dict[str, Any] | None = Field(description="变更前")
    after: dict[str, Any] | None = Field(description="变更后")


@router.get("/audit-log", summary="审计日志")
async def audit_log(
    request: Request,
    _: Annotated[Principal, Depends(Allow(Role.FEDERATION))],
    paging: Paging,
    subject: Annotated[Text | None, Query(examples=["import:17"])] = None,
    action: Annotated[Text | None, Query(examples=["import.approve"])] = None,
    actor: Annotated[Text | None, Query(examples=["account:3"])] = None,
    organisation_id: Id | None = None,
) -> Page[AuditEntry]:
    """Entries that fit all filters, the newest first."""
    context: Context = request.app.state.context
    c = AUDIT_LOG.c
    asked = ((c.subject, subject), (c.action, action), (c.actor, actor), (c.organisation_id, organisation_id))
    where: list[sa.ColumnElement[bool]] = [column == value for column, value in asked if value]
    key = paging.key(int)
    async with reading(context.engine) as conn:
        rows = await store.page(conn, where, key[0] if key else 2**63 - 1, paging.limit + 1)
    return Page(
        items=[AuditEntry.model_validate(dict(row)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
    )
