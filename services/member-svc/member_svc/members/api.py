"""Lists of members, one member, a reveal with its purpose, and the export."""

import asyncio
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from member_svc.cards.tables import MEMBER_CARDS
from member_svc.members import store
from member_svc.members.export import MAX_EXPORT, ExportFile
from member_svc.members.models import MemberDetail, MemberRow, Purpose, Revealed, member_fields
from member_svc.members.sealing import Sealing
from member_svc.members.tables import MEMBERS
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import STAFF, Allow, scope_of
from unioncard.contracts.cards import CardState
from unioncard.contracts.members import MemberState
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.documents import DocumentError, DocumentType, normalise_document
from unioncard.names import PersonNameError, normalise_name
from unioncard.principal import Principal, Role
from unioncard.problems import invalid, not_found
from unioncard.service import Context
from unioncard.sheets import XLSX
from unioncard.text import half_width, without_spaces
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, PathId, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/members", tags=["会员"], responses=problem_responses(401, 403, 404))

Staff = Annotated[Principal, Depends(Allow(*STAFF))]
_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: {}}, "description": "Excel 文件"}}


class Filters:
    """Dependency: the filters of the list (domain 8). Names and numbers are compared by keyed hash: exact only."""

    def __init__(
        self,
        request: Request,
        name: Annotated[Text | None, Query(description="姓名（完整）")] = None,
        number: Annotated[
            str | None, Query(pattern=r"^[0-9]{10}$", description="会员编号", examples=["3630000001"])
        ] = None,
        document_number: Annotated[Text | None, Query(description="证件号码（完整）")] = None,
        state: MemberState | None = None,
        card_state: CardState | None = None,
        union_id: Annotated[Id | None, Query(description="所属工会")] = None,
    ) -> None:
        sealing: Sealing = request.app.state.sealing
        context: Context = request.app.state.context
        c = MEMBERS.c
        self.where: list[sa.ColumnElement[bool]] = [
            column == value for column, value in ((c.number, number), (c.state, state), (c.union_id, union_id)) if value
        ]
        if card_state:
            self.where.append(sa.func.coalesce(MEMBER_CARDS.c.state, CardState.NONE.value) == card_state)
        if name:
            self.where.append(c.name_hash.in_(sealing.name_hashes(_searched_name(name))))
        if document_number:
            self.where.append(c.document_hash.in_(_searched_documents(document_number, context, sealing)))


def _searched_name(name: str) -> str:
    try:
        return normalise_name(name)
    except PersonNameError as error:
        raise invalid("bad-filter", error.reason_zh, error.remedy_zh) from None


def _searched_documents(number: str, context: Context, sealing: Sealing) -> list[str]:
    """What the number may be stored as: the type is not asked for, and 15 digits may stand for 18."""
    today = shanghai_date(context.clock.now())
    hashes = sealing.document_hashes(DocumentType.OTHER, without_spaces(half_width(number)).upper())
    for kind in DocumentType:
        try:
            hashes += sealing.document_hashes(kind, normalise_document(kind, number, today).number)
        except DocumentError:
            continue
    return hashes


@router.get("", summary="会员列表")
async def list_members(
    request: Request, principal: Staff, paging: Paging, filters: Annotated[Filters, Depends()]
) -> Page[MemberRow]:
    """Members in the caller's scope."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    key = paging.key(int)
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        rows = await store.page(conn, scope, filters.where, key[0] if key else 0, paging.limit + 1)
        total = await store.count(conn, scope, filters.where) if key is None else None
    shown = rows[: paging.limit]
    return Page(
        items=await asyncio.to_thread(lambda: [MemberRow.model_validate(member_fields(r, sealing)) for r in shown]),
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
        total=total,
    )


@router.get("/counts", summary="会员人数（按状态）")
async def count_members(request: Request, principal: Staff) -> dict[MemberState, int]:
    """Members in the caller's scope by state, for the tabs; states without members are 0."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        counts = await store.count_by_state(conn, scope)
    return {state: counts.get(state, 0) for state in MemberState}


@router.get("/export.xlsx", summary="导出会员名单", response_class=Response, responses=_SHEET)
async def export_members(request: Request, principal: Staff, filters: Annotated[Filters, Depends()]) -> FileResponse:
    """The list as a sheet, masked as on screen, at most 100,000 rows; every export is in the audit log."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        total = await store.count(conn, scope, filters.where)
        if total > MAX_EXPORT:
            raise invalid(
                "export-too-large", f"一次最多导出 {MAX_EXPORT} 人", "请增加筛选条件，分批导出。", total=total
            )
        file, last = ExportFile(), 0
        while rows := await store.page(conn, scope, filters.where, last, 2000):
            await asyncio.to_thread(file.add, rows, sealing)
            last = rows[-1]["id"]
    await asyncio.to_thread(file.close)
    async with context.work.begin(principal.actor) as tx:
        subject = f"organisation:{principal.organisation_id}"
        tx.audit("members.export", subject, organisation_id=principal.organisation_id, after={"rows": file.rows})
    return FileResponse(file.path, media_type=XLSX, filename="members.xlsx", background=BackgroundTask(file.remove))


@router.get("/{member_id}", summary="会员详情")
async def get_member(request: Request, principal: Staff, member_id: PathId) -> MemberDetail:
    """One member in the caller's scope."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        row = await store.find(conn, await scope_of(conn, ORGANISATIONS, principal), member_id)
    if row is None:
        raise not_found("该会员")
    return MemberDetail.model_validate(member_fields(row, request.app.state.sealing))


REVEALERS = (Role.UNION, Role.SECOND_LEVEL, Role.DISTRICT, Role.CENTRE_REVIEWER, Role.FEDERATION)


@router.post("/{member_id}/reveal", summary="查看会员完整信息")
async def reveal_member(
    request: Request, principal: Annotated[Principal, Depends(Allow(*REVEALERS))], member_id: PathId, purpose: Purpose
) -> Revealed:
    """The sensitive fields in full; who, whom and what for is written to the audit log first."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    async with context.work.begin(principal.actor) as tx:
        scope = await scope_of(tx.conn, ORGANISATIONS, principal)
        row = await store.find(tx.conn, scope, member_id)
        if row is None:
            raise not_found("该会员")
        tx.audit(
            "member.reveal",
            f"member:{member_id}",
            organisation_id=principal.organisation_id,
            after={"purpose": purpose.purpose},
        )
    return Revealed.model_validate({"id": member_id, **sealing.open(member_id, row)})
