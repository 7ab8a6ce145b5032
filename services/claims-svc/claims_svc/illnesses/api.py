"""The catalogue of illnesses over HTTP: all may read it; one account of the federation proposes, another decides."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from claims_svc.illnesses import deciding, store
from claims_svc.service import FEDERATION, VIEWERS, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.web.app import problem_responses
from unioncard.web.fields import LongText, PathId
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["疾病目录"])

Reader = Annotated[Principal, Depends(Allow(*VIEWERS, Role.MEMBER))]
Federation = Annotated[Principal, Depends(Allow(*FEDERATION))]

Year = Annotated[int, Field(ge=2000, le=2999, examples=[2020], description="保障年度")]
ClassCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,20}\+?$"), Field(examples=["B+"], description="档次")]
IllnessCode = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$"), Field(examples=["malignant_tumour"], description="代码")
]
IllnessName = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$"), Field(examples=["恶性肿瘤"])
]

STATE_LABELS = {"waiting": "待审核", "approved": "已通过", "refused": "不予通过"}


class Illness(BaseModel):
    """An illness of a year and class. ``listed``: it is paid for; one taken off stays visible."""

    coverage_year: int
    class_code: str
    code: str
    name: str
    listed: bool
    source: str


class Catalogue(BaseModel):
    """疾病目录；``sizes`` 为各年度档次约定的病种数，未载全时未列明的疾病由中心人工审核。"""

    items: list[Illness]
    sizes: dict[str, int] = Field(description='如 {"2020 A": 4}')


class Change(BaseModel):
    """列入目录，或移出目录（``listed`` 为 false）。"""

    model_config = ConfigDict(extra="forbid")

    coverage_year: Year
    class_code: ClassCode
    code: IllnessCode
    name: IllnessName
    listed: bool = True
    reason: LongText = Field(description="变更原因")


class Decision(BaseModel):
    """审核结果."""

    model_config = ConfigDict(extra="forbid")

    approve: bool = Field(description="是否通过")
    reason: LongText | None = Field(None, description="审核意见")


class ProposedChange(BaseModel):
    """A change of the catalogue and how it stands."""

    id: int
    coverage_year: int
    class_code: str
    code: str
    name: str
    listed: bool
    before: dict[str, Any] | None = Field(description="提出时的现行内容；为空表示新增")
    reason: str
    state: Literal["waiting", "approved", "refused"]
    state_label: str
    proposed_by: int
    proposed_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    decision_reason: str | None


@router.get("/illnesses", responses=problem_responses(401, 403), summary="疾病目录")
async def list_illnesses(
    _: Reader,
    service: TheService,
    coverage_year: Annotated[Year | None, Query()] = None,
    class_code: Annotated[ClassCode | None, Query()] = None,
) -> Catalogue:
    """各年度、各档次的重大疾病目录。"""
    async with reading(service.context.engine) as conn:
        rows = await store.listed(conn, coverage_year, class_code)
        sizes = await store.sizes(conn)
    return Catalogue(
        items=[Illness.model_validate(dict(row._mapping)) for row in rows],
        sizes={f"{year} {name}": size for (year, name), size in sizes.items()},
    )


@router.post(
    "/illness-changes",
    status_code=201,
    response_model=ProposedChange,
    responses=problem_responses(401, 403),
    summary="提出目录变更",
)
async def propose(body: Change, key: IdempotencyKey, principal: Federation, service: TheService) -> Response:
    """提出一项疾病目录变更，由另一账号审核后生效。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ProposedChange:
            return _shown(await deciding.propose(tx, principal, body.model_dump(exclude={"reason"}), body.reason))

        return await once(tx, principal, key, body, make)


@router.post(
    "/illness-changes/{change_id}/decision",
    status_code=201,
    response_model=ProposedChange,
    responses=problem_responses(401, 403, 404, 409),
    summary="审核目录变更",
)
async def decide(
    change_id: PathId, body: Decision, key: IdempotencyKey, principal: Federation, service: TheService
) -> Response:
    """通过并立即生效，或不予通过；不能审核自己提出的变更。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> ProposedChange:
            return _shown(await deciding.decide(tx, principal, change_id, approve=body.approve, reason=body.reason))

        return await once(tx, principal, key, body, make)


@router.get("/illness-changes", responses=problem_responses(401, 403), summary="目录变更列表")
async def list_changes(
    _: Federation,
    service: TheService,
    paging: Paging,
    state: Annotated[Literal["waiting", "approved", "refused"] | None, Query(description="状态")] = None,
) -> Page[ProposedChange]:
    """目录变更，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        rows, total = await store.changes_page(conn, state, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[_shown(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total if key is None else None,
    )


def _shown(row: Any) -> ProposedChange:
    return ProposedChange.model_validate(dict(row._mapping) | {"state_label": STATE_LABELS[row.state]})
