"""Members who enrol by themselves (个人参保): flexible and outside-enterprise members, over HTTP."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from insurance_svc.enrolments import submission
from insurance_svc.enrolments.ground import Wanted
from insurance_svc.enrolments.rules import Way
from insurance_svc.enrolments.views import Enrolment, as_enrolment
from insurance_svc.members.tables import MEMBERS
from insurance_svc.service import TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.insurance import Scheme
from unioncard.problems import not_found
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Text
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/enrolments/personal", tags=["参保信息管理"])


class PersonalChoice(BaseModel):
    """The year and the class that a member picks."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"coverage_year": 2020, "class_code": "A"}]}
    )

    coverage_year: int = Field(ge=2000, le=2999, description="保障年度")
    class_code: Text = Field(description="保障类型；由会员自选")


@router.post("", status_code=201, response_model=Enrolment, responses=problem_responses(401, 403, 404, 409))
async def enrol(
    body: PersonalChoice,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(Role.MEMBER))],
    service: TheService,
) -> Response:
    """会员本人参保：保费扣除市总补贴后由本人的会员卡支付，保障自次日起至年底。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Enrolment:
            wanted = await _wanted(tx, principal, body)
            days = service.settings.just_issued_days
            return as_enrolment(await submission.submit(tx, service.personal, wanted, principal.account_id, days))

        return await once(tx, principal, key, body, make)


async def _wanted(tx: Transaction, principal: Principal, body: PersonalChoice) -> Wanted:
    columns = MEMBERS.c
    union_id = await tx.conn.scalar(sa.select(columns.union_id).where(columns.id == principal.member_id))
    if principal.member_id is None or union_id is None:
        raise not_found("您的会员信息")
    return Wanted(union_id, Scheme.PERSONAL, Way.PERSONAL, body.coverage_year, body.class_code, [principal.member_id])
