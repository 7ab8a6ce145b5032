"""Is this person covered on this day? Over HTTP, for staff and for the member."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.rules import Way
from insurance_svc.policies import store
from insurance_svc.policies.rules import PolicyState, policy_state
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.problems import invalid, not_found
from unioncard.searching import document_key
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, Text

router = APIRouter(prefix="/cover", tags=["保障信息查询"])

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]
On = Annotated[
    date | None, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31), description="保障日；不填为今天（上海时间）")
]


class Cover(BaseModel):
    """The answer for one member and day."""

    member_id: int
    on: date
    covered: bool = Field(description="当日在保障期内；待核销的，若批次逾期未缴费则自始无效")
    state: PolicyState | None = Field(description="当日有保障记录时的状态")
    state_label: str | None
    policy_id: int | None
    way: Way | None
    class_code: str | None
    first_day: date | None
    last_day: date | None
    legacy: bool = Field(description="原系统另有参保记录（无日期）")


@router.get("", responses=problem_responses(401, 403, 404))
async def show_cover(
    principal: Viewer,
    service: TheService,
    member_id: Annotated[Id | None, Query()] = None,
    document_number: Annotated[Text | None, Query(description="证件号码；与 member_id 二选一")] = None,
    on: On = None,
) -> Cover:
    """该会员在该日是否有保障。"""
    if (member_id is None) == (document_number is None):
        raise invalid("one-person", "请填写会员或证件号码", "member_id 与 document_number 二选一。")
    documents = service.personal.document_hashes(document_key(document_number)) if document_number else None
    async with reading(service.context.engine) as conn:
        member = await store.find_member(conn, await scope(conn, principal), member_id, documents)
        if member is None:
            raise not_found("这名会员")
        return await cover_of(conn, member.id, on or shanghai_date(service.context.clock.now()))


@router.get("/mine", responses=problem_responses(401, 403, 404))
async def show_my_cover(
    principal: Annotated[Principal, Depends(Allow(Role.MEMBER))], service: TheService, on: On = None
) -> Cover:
    """会员本人在该日是否有保障。"""
    if principal.member_id is None:
        raise not_found("您的会员信息")
    async with reading(service.context.engine) as conn:
        return await cover_of(conn, principal.member_id, on or shanghai_date(service.context.clock.now()))


async def cover_of(conn: AsyncConnection, member_id: int, on: date) -> Cover:
    """Cover of a member on a day, and whether the old system knew one."""
    row = await store.cover_on(conn, member_id, on)
    shown: dict[str, Any] = dict.fromkeys(
        ("state", "state_label", "policy_id", "way", "class_code", "first_day", "last_day")
    )
    covered = False
    if row is not None:
        state = policy_state(void=row.void, list_state=row.list_state, batch_state=row.batch_state)
        covered = state.covers
        shown |= {"state": state, "state_label": state.label, "policy_id": row.id, "way": row.way}
        shown |= {"class_code": row.class_code, "first_day": row.first_day, "last_day": row.last_day}
    return Cover(member_id=member_id, on=on, covered=covered, legacy=await store.has_legacy(conn, member_id), **shown)
