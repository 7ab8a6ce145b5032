"""Papers, stamps and what a claim still needs, over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from claims_svc.claims.progress import must_be_open
from claims_svc.claims.reach import log_read, reached, reached_bare, reached_locked
from claims_svc.claims.rules import STATE_LABELS
from claims_svc.claims.views import Number
from claims_svc.papers import files, needs, stamping, store
from claims_svc.papers.needs import NeedsShown
from claims_svc.papers.rules import PAPER_LABELS, STAMP_LABELS, PaperKind, StampLevel
from claims_svc.service import FILERS, STAMPERS, VIEWERS, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.claims import ClaimState
from unioncard.paper_store import extension
from unioncard.problems import not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId
from unioncard.web.idempotency import IdempotencyKey, answered, claim_of, once

router = APIRouter(prefix="/claims/{number}", tags=["给付材料"], responses=problem_responses(401, 403, 404))

Filer = Annotated[Principal, Depends(Allow(*FILERS))]
Stamper = Annotated[Principal, Depends(Allow(*STAMPERS))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS, Role.MEMBER))]

FILES = 20
"""At most so many in one request, which is at most 20 MB."""


class Paper(BaseModel):
    """一份材料。"""

    id: int
    kind: PaperKind
    kind_label: str
    media_type: str
    bytes: int
    sha256: str
    uploaded_at: datetime


class StampShown(BaseModel):
    """一枚盖章。"""

    paper: PaperKind
    paper_label: str
    level: StampLevel
    level_label: str
    organisation_id: int
    stamped_at: datetime


class Papers(BaseModel):
    """申请的材料和盖章。"""

    claim_number: str
    state: ClaimState
    state_label: str
    items: list[Paper]
    stamps: list[StampShown]


class Stamping(BaseModel):
    """给哪份材料盖章。"""

    model_config = ConfigDict(extra="forbid")

    paper: PaperKind = Field(description="application_form 审批表；transfer_request 划款申请书")


@router.post(
    "/papers", status_code=201, response_model=Papers, responses=problem_responses(409, 413, 503), summary="上传材料"
)
async def upload(
    number: Number,
    key: IdempotencyKey,
    principal: Filer,
    service: TheService,
    kind: Annotated[list[PaperKind], Form(description="材料种类，按文件的顺序，每个文件一项", max_length=FILES)],
    file: Annotated[list[UploadFile], File(description="照片（PNG、JPEG）或 PDF，一份或多份", max_length=FILES)],
) -> Response:
    """一次上传一份或多份材料，要么全部收下，要么全部不收；同一文件重复上传只算一份。材料和盖章齐全后申请自动进入下一步。"""
    sent = await files.checked(service, kind, file)
    content = "\n".join(f"{one.kind}/{one.sha256}" for one in sent).encode()
    async with service.context.work.begin(principal.actor) as tx:
        if (known := await answered(tx.conn, claim_of(principal, key, content))) is not None:
            return known
        must_be_open(tx, await reached_bare(tx.conn, principal, number))
    await files.keep(service, number, sent)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Papers:
            row = await reached_locked(tx, principal, number)
            return _papers(*await files.add(tx, service, principal, row, sent))

        return await once(tx, principal, key, content, make)


@router.get("/papers", summary="材料列表")
async def list_papers(number: Number, principal: Viewer, service: TheService) -> Papers:
    """已上传的材料和已盖的章。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        log_read(tx, principal, row)
        return _papers(row, await store.brought(tx.conn, number))


@router.get(
    "/papers/{paper_id}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **problem_responses(503)},
    summary="下载材料",
)
async def download(number: Number, paper_id: PathId, principal: Viewer, service: TheService) -> Response:
    """下载一份材料；只作为附件保存，不在页面中打开，每次下载都有记录。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        paper = await store.find(tx.conn, number, paper_id)
        if paper is None:
            raise not_found("这份材料")
        after = {"kind": paper.kind, "paper": paper.id}
        tx.audit("claim.paper.read", f"claim:{row.number}", organisation_id=principal.organisation_id, after=after)
    content = await files.fetch(service, paper.object_key)
    return _attachment(content, f"{number}-{paper_id}.{extension(paper.media_type)}")


@router.post("/stamps", status_code=201, response_model=Papers, responses=problem_responses(409), summary="盖章")
async def stamp(
    number: Number, body: Stamping, key: IdempotencyKey, principal: Stamper, service: TheService
) -> Response:
    """基层工会或区局（产业）工会确认盖章；须由区局盖章的，基层工会不能代替。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Papers:
            row = await reached_locked(tx, principal, number)
            return _papers(*await stamping.stamp(tx, service, principal, row, body.paper))

        return await once(tx, principal, key, body, make)


@router.get("/needs", summary="尚需材料")
async def show_needs(number: Number, principal: Viewer, service: TheService) -> NeedsShown:
    """一页看清：这份申请还缺什么材料、哪份要谁盖章、最后期限是哪天。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        log_read(tx, principal, row)
        return needs.shown(row, store.needs_of(row, await store.brought(tx.conn, number)))


def _attachment(content: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def _papers(row: Any, brought: store.Brought) -> Papers:
    state = ClaimState(row.state)
    return Papers(
        claim_number=row.number,
        state=state,
        state_label=STATE_LABELS[state],
        items=[_paper(one) for one in brought.papers],
        stamps=[_stamp(one) for one in brought.stamps],
    )


def _paper(row: Mapping[str, Any]) -> Paper:
    return Paper.model_validate({**row, "kind_label": PAPER_LABELS[PaperKind(row["kind"])]})


def _stamp(row: Mapping[str, Any]) -> StampShown:
    labels = {
        "paper_label": PAPER_LABELS[PaperKind(row["paper"])],
        "level_label": STAMP_LABELS[StampLevel(row["level"])],
    }
    return StampShown.model_validate({**row, **labels})
