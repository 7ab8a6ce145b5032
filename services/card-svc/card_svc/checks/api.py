"""The system check over HTTP."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from card_svc.cards.store import lock_union
from card_svc.checks import store
from card_svc.checks.rules import chunks_of
from card_svc.organisations import district_code_of
from card_svc.service import OPERATOR, VIEWERS, TheService, scope
from card_svc.todo.rules import CHECK_PATIENCE
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import Channel, CheckRequested
from unioncard.database import reading
from unioncard.problems import conflict, not_found
from unioncard.web.app import problem_responses
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/checks", tags=["系统校验"])


class CheckRequest(BaseModel):
    """Which tab is to be checked."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel


class CheckStarted(BaseModel):
    """A check under way."""

    id: str
    total: int = Field(description="提交校验的会员数")


class CheckProgress(BaseModel):
    """How far a check is, in members."""

    id: str
    union_id: int
    channel: Channel
    requested_at: datetime
    total: int
    passed: int
    not_passed: int
    gone: int = Field(description="校验期间已移出待办")
    waiting: int = Field(description="尚未返回结果")
    done: bool


@router.post("", status_code=201, response_model=CheckStarted, responses=problem_responses(401, 403, 404, 409))
async def request_check(
    body: CheckRequest,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(*OPERATOR))],
    service: TheService,
) -> Response:
    """提交系统校验：该通道中未校验、未通过以及久未返回结果的记录。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> CheckStarted:
            union_id = principal.organisation_id
            await lock_union(tx.conn, union_id)
            district_code = await district_code_of(tx.conn, union_id)
            check = store.NewCheck(f"chk{uuid.uuid4().hex[:16]}", union_id, body.channel, tx.now - CHECK_PATIENCE)
            total = await store.start(tx, check)
            if not total:
                raise conflict("nothing-to-check", "该通道没有需要校验的会员", "待办列表为空、均已通过或正在校验中。")
            chunks = chunks_of(total)
            await store.insert(tx, check, total, chunks)
            event = CheckRequested(
                check_id=check.id,
                union_id=union_id,
                district_code=district_code,
                channel=body.channel,
                total=total,
                chunks=chunks,
                requested_at=tx.now,
            )
            tx.publish(event, key=check.id, subject=check.id)
            tx.audit("check.requested", f"check:{check.id}", organisation_id=union_id, after={"members": total})
            return CheckStarted(id=check.id, total=total)

        return await once(tx, principal, key, body, make)


@router.get("/{check_id}", responses=problem_responses(401, 403, 404))
async def progress(
    check_id: Annotated[str, Path(pattern=r"^chk[0-9a-f]{16}$", examples=["chk0123456789abcdef"])],
    principal: Annotated[Principal, Depends(Allow(*VIEWERS))],
    service: TheService,
) -> CheckProgress:
    """校验进度。"""
    async with reading(service.context.engine) as conn:
        check = await store.find(conn, await scope(conn, principal), check_id)
        if check is None:
            raise not_found("这次系统校验")
        counts = await store.counts(conn, check_id)
    return CheckProgress(
        id=check.id,
        union_id=check.union_id,
        channel=check.channel,
        requested_at=check.requested_at,
        total=check.total,
        done=counts.waiting == 0,
        **counts._mapping,
    )
