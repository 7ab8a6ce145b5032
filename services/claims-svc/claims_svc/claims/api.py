"""Claims over HTTP: filing, reading, naming the payee, withdrawing. Lists are in :mod:`claims_svc.claims.lists_api`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from claims_svc.claims import filing, payee, store
from claims_svc.claims.reach import log_read, reached, reached_locked
from claims_svc.claims.rules import STATE_LABELS, WITHDRAWABLE
from claims_svc.claims.views import ClaimShown, Number, shown
from claims_svc.service import FILERS, STAMPERS, VIEWERS, ClaimsService, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.claims import ClaimState
from unioncard.problems import conflict, not_found
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import LongText
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/claims", tags=["给付申请"], responses=problem_responses(401, 403, 404))

Member = Annotated[Principal, Depends(Allow(Role.MEMBER))]
Operator = Annotated[Principal, Depends(Allow(*STAMPERS))]
Filer = Annotated[Principal, Depends(Allow(*FILERS))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS, Role.MEMBER))]


class Filed(BaseModel):
    """已受理的申请；保障情况随后核对。"""

    number: str
    state: ClaimState
    state_label: str
    version: int


class OwnClaims(BaseModel):
    """会员本人的全部给付申请，最新的在前。"""

    items: list[ClaimShown]


class Withdrawal(BaseModel):
    """撤回申请。"""

    model_config = ConfigDict(extra="forbid")

    reason: LongText = Field(description="撤回原因", examples=["重复申请"])


@router.post("", status_code=201, response_model=Filed, responses=problem_responses(409), summary="代会员申请")
async def file_claim(body: filing.Claim, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """基层工会或区局（产业）工会代会员提出给付申请。是否逾期以本次提交的时间为准。"""
    return await _file(service, principal, key, body.member_id, body)


@router.post("/mine", status_code=201, response_model=Filed, responses=problem_responses(409), summary="会员本人申请")
async def file_own(body: filing.OwnClaim, key: IdempotencyKey, principal: Member, service: TheService) -> Response:
    """会员本人提出给付申请。"""
    return await _file(service, principal, key, _member_of(principal), body)


async def _file(
    service: ClaimsService, principal: Principal, key: IdempotencyKey, member_id: int, body: filing.OwnClaim
) -> Response:
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Filed:
            row = await filing.file_claim(tx, service.personal, principal, member_id, body)
            label = STATE_LABELS[ClaimState(row.state)]
            return Filed(number=row.number, state=row.state, state_label=label, version=row.version)

        return await once(tx, principal, key, body, make)


def _member_of(principal: Principal) -> int:
    if principal.member_id is None:
        raise not_found("您的会员信息")
    return principal.member_id


@router.get("/mine", summary="本人的申请")
async def list_own(principal: Member, service: TheService) -> OwnClaims:
    """会员本人的给付申请。"""
    async with service.context.work.begin(principal.actor) as tx:
        rows = await store.of_member(tx.conn, _member_of(principal))
        for row in rows:
            log_read(tx, principal, row)
        return OwnClaims(items=[await shown(tx.conn, service.personal, row) for row in rows])


@router.get("/{number}", summary="一份申请")
async def show_claim(number: Number, principal: Viewer, service: TheService) -> ClaimShown:
    """一份给付申请的全部内容；每次查看都有记录。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        log_read(tx, principal, row)
        return await shown(tx.conn, service.personal, row)


@router.post(
    "/{number}/payee",
    status_code=201,
    response_model=ClaimShown,
    responses=problem_responses(409),
    summary="变更收款方式",
)
async def set_payee(
    number: Number, body: filing.Payee, key: IdempotencyKey, principal: Filer, service: TheService
) -> Response:
    """审核前变更收款方式，或由区局（产业）工会指定单位账户；所需材料和盖章随之变化。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ClaimShown:
            row = await reached_locked(tx, principal, number)
            await payee.set_payee(tx, service, principal, row, body)
            return await _after(tx, service, principal, number)

        return await once(tx, principal, key, body, make)


@router.post(
    "/{number}/withdrawal", status_code=201, response_model=ClaimShown, responses=problem_responses(409), summary="撤回"
)
async def withdraw(
    number: Number, body: Withdrawal, key: IdempotencyKey, principal: Filer, service: TheService
) -> Response:
    """作出决定前撤回申请；同一事由以后可以重新申请。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ClaimShown:
            row = await reached_locked(tx, principal, number)
            # What was decided once, and perhaps paid in part, is not undone by withdrawing the appeal.
            changed = None
            if not row.appeals:
                changed = await store.change(tx, number, WITHDRAWABLE, ClaimState.WITHDRAWN, due_at=None)
            if changed is None:
                detail = f"申请当前为“{STATE_LABELS[ClaimState(row.state)]}”，不能撤回。"
                raise conflict("claim-state", "该申请已不能撤回", detail)
            after = {"reason": body.reason}
            tx.audit("claim.withdrawal", f"claim:{number}", organisation_id=row.union_id, after=after)
            return await _after(tx, service, principal, number)

        return await once(tx, principal, key, body, make)


async def _after(tx: Transaction, service: ClaimsService, principal: Principal, number: str) -> ClaimShown:
    return await shown(tx.conn, service.personal, await reached(tx.conn, principal, number))
