"""Changes of the rules over HTTP: one account of the federation proposes, another decides."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from insurance_svc.seasons import deciding, store
from insurance_svc.seasons.changes import Kind, RuleChange
from insurance_svc.service import FEDERATION, TheService
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.problems import not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import LongText, PathId
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/rule-changes", tags=["规则变更"])

Federation = Annotated[Principal, Depends(Allow(*FEDERATION))]

STATE_LABELS = {"waiting": "待审核", "approved": "已通过", "refused": "不予通过"}
_EXTENSION: dict[str, Any] = {
    "change": {
        "kind": "calendar",
        "coverage_year": 2020,
        "scheme": "centralized",
        "phase": "union_window",
        "district_id": 12,
        "first_day": "2019-11-01",
        "last_day": "2019-12-29",
    },
    "reason": "该区系统割接，延长两天",
}


class Proposal(BaseModel):
    """A change and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXTENSION]})

    change: RuleChange
    reason: LongText = Field(description="变更原因")


class Decision(BaseModel):
    """审核结果."""

    model_config = ConfigDict(extra="forbid")

    approve: bool = Field(description="是否通过")
    reason: LongText | None = Field(None, description="审核意见")


class ProposedChange(BaseModel):
    """A change of the rules and how it stands."""

    id: int
    kind: Kind
    change: RuleChange
    before: dict[str, Any] | None = Field(description="提出时的现行内容；为空表示新增")
    reason: str
    state: Literal["waiting", "approved", "refused"]
    state_label: str
    proposed_by: int = Field(description="提出变更的账号")
    proposed_at: datetime
    decided_by: int | None = Field(description="审核的账号")
    decided_at: datetime | None
    decision_reason: str | None


@router.post(
    "", status_code=201, response_model=ProposedChange, responses=problem_responses(401, 403, 404, 409), summary="提出"
)
async def propose(body: Proposal, key: IdempotencyKey, principal: Federation, service: TheService) -> Response:
    """提出一项规则变更（费率、保障责任、日历、央企名单、最低参保率），由另一账号审核后生效。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ProposedChange:
            return _shown(await deciding.propose(tx, principal, body.change, body.reason))

        return await once(tx, principal, key, body, make)


@router.post(
    "/{change_id}/decision",
    status_code=201,
    response_model=ProposedChange,
    responses=problem_responses(401, 403, 404, 409),
    summary="审核",
)
async def decide(
    change_id: PathId, body: Decision, key: IdempotencyKey, principal: Federation, service: TheService
) -> Response:
    """通过并立即生效，或不予通过；不能审核自己提出的变更。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ProposedChange:
            return _shown(await deciding.decide(tx, principal, change_id, approve=body.approve, reason=body.reason))

        return await once(tx, principal, key, body, make)


@router.get("", responses=problem_responses(401, 403), summary="列表")
async def list_changes(
    _: Federation,
    service: TheService,
    paging: Paging,
    state: Annotated[Literal["waiting", "approved", "refused"] | None, Query(description="状态")] = None,
    kind: Annotated[Kind | None, Query(description="类别")] = None,
) -> Page[ProposedChange]:
    """规则变更，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        rows, total = await store.changes_page(conn, state, kind, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[_shown(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


@router.get("/{change_id}", responses=problem_responses(401, 403, 404), summary="一项")
async def show_change(change_id: PathId, _: Federation, service: TheService) -> ProposedChange:
    """一项规则变更。"""
    async with reading(service.context.engine) as conn:
        row = await store.find_change(conn, change_id)
    if row is None:
        raise not_found("这项规则变更")
    return _shown(row)


def _shown(row: Any) -> ProposedChange:
    return ProposedChange.model_validate(
        dict(row._mapping) | {"change": row.wanted, "state_label": STATE_LABELS[row.state]}
    )
