"""What claims cost over HTTP: a year's payouts by district, class and benefit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from insurance_svc.losses import store
from insurance_svc.service import CENTRE, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.cover import Benefit
from unioncard.database import reading
from unioncard.web.app import problem_responses

router = APIRouter(prefix="/losses", tags=["清算"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE, Role.FEDERATION))]
# About a hundred districts, five classes, four benefits.
MAX_LINES = 5000


class LossLine(BaseModel):
    """一个区局、档次、给付项目的给付合计。"""

    district_id: int
    district_name: str
    class_code: str
    benefit: Benefit
    payouts: int = Field(description="已到账的给付笔数")
    losses_fen: int


class Losses(BaseModel):
    """一个保障年度的给付。"""

    lines: list[LossLine]
    payouts: int
    losses_fen: int


@router.get("", summary="给付支出（按区局、档次、给付项目）")
async def losses(
    principal: Viewer, service: TheService, coverage_year: Annotated[int, Query(ge=2000, le=2999)]
) -> Losses:
    """保障年度内已到账的给付，已扣除到账后退回的款项；区局只看本单位。"""
    async with reading(service.context.engine) as conn:
        rows = await store.lines(conn, await scope(conn, principal), coverage_year, MAX_LINES)
    found = [LossLine.model_validate(dict(row._mapping)) for row in rows]
    return Losses(
        lines=found, payouts=sum(one.payouts for one in found), losses_fen=sum(one.losses_fen for one in found)
    )
