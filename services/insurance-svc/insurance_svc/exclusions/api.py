"""Whom the population office excludes from a batch, over HTTP."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from insurance_svc.batches import store as batches
from insurance_svc.batches.views import Number
from insurance_svc.exclusions import store
from insurance_svc.exclusions.rules import LABELS
from insurance_svc.personal import PersonalData
from insurance_svc.service import CENTRE, DISTRICT, FEDERATION, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import ExclusionReason
from unioncard.database import reading
from unioncard.problems import not_found
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/premium-batches", tags=["参保批次"])

Viewer = Annotated[Principal, Depends(Allow(*DISTRICT, *CENTRE, *FEDERATION))]


class ExcludedMember(BaseModel):
    """经人口办核查不符合参保条件的会员。"""

    member_id: int
    number: str | None = Field(description="会员编号")
    name: str
    document_type: str
    document_number: str = Field(description="掩码")
    union_id: int
    union_name: str | None
    enrolment_id: int = Field(description="所在名单")
    class_code: str = Field(description="保障类型")
    reason: ExclusionReason
    reason_label: str = Field(description="不符原因")
    checked_at: datetime = Field(description="核查时间")


@router.get("/{number}/exclusions", responses=problem_responses(401, 403, 404), summary="批次中的核查不符人员")
async def list_excluded(number: Number, principal: Viewer, service: TheService, paging: Paging) -> Page[ExcludedMember]:
    """批次的集中参保名单中，经市人口办核查不符合参保条件的会员；中心审核时可据此退回批次。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        if await batches.find(conn, await scope(conn, principal), number) is None:
            raise not_found("这个参保批次")
        rows = await store.page_of_batch(conn, number, key[0] if key else 0, paging.limit + 1)
        total = await store.excluded_in_batch(conn, number) if key is None else None
    return Page(
        items=[_shown(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


def _shown(personal: PersonalData, row: Any) -> ExcludedMember:
    reason = ExclusionReason(row.reason)
    return ExcludedMember(
        member_id=row.member_id,
        number=row.number,
        name=personal.name(row.member_id, row.name),
        document_type=row.document_type,
        document_number=personal.masked_document(row.member_id, row.document_number),
        union_id=row.union_id,
        union_name=row.union_name,
        enrolment_id=row.enrolment_id,
        class_code=row.class_code,
        reason=reason,
        reason_label=LABELS[reason],
        checked_at=row.checked_at,
    )
