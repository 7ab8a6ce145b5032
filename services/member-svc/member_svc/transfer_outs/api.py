"""Letting members go (会员转出), the history, and the sheets that go with it."""

import asyncio
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile

from member_svc.imports.error_sheet import opened_sheet
from member_svc.imports.rules import MAX_ROWS
from member_svc.imports.workbook import WorkbookReader
from member_svc.members.sealing import Sealing
from member_svc.metadata import Row
from member_svc.organisations.tables import ORGANISATIONS
from member_svc.transfer_outs import store
from member_svc.transfer_outs.columns import LAYOUT, OutReason
from member_svc.transfer_outs.letting_go import BadRows, chosen_rows, keep_refused, let_go, sheet_rows
from member_svc.transfer_outs.models import (
    ChosenMembers,
    TransferOutItem,
    TransferOutKind,
    TransferOutState,
    TransferOutView,
    transfer_out_view,
)
from member_svc.transfer_outs.sheets import result_sheet, template
from member_svc.transfer_outs.tables import TRANSFER_OUT_ITEMS, TRANSFER_OUTS
from unioncard.auth import Allow, scope_of
from unioncard.database import reading
from unioncard.dates import day_end_exclusive, day_start, shanghai_date
from unioncard.documents import mask_document
from unioncard.principal import Principal, Role
from unioncard.problems import not_found
from unioncard.service import Context
from unioncard.sheets import XLSX
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id, PathId, file_name_of
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/transfer-outs", tags=["会员转出"], responses=problem_responses(401, 403, 404))

# The union, and those above it; the mutual-aid centre has no part in it (domain 1, 3).
Concerned = Annotated[Principal, Depends(Allow(Role.UNION, Role.SECOND_LEVEL, Role.DISTRICT, Role.FEDERATION))]
Union = Annotated[Principal, Depends(Allow(Role.UNION))]

_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: {}}, "description": "Excel 文件"}}
_NEWEST = 2**63 - 1


@router.post(
    "", status_code=201, response_model=TransferOutView, summary="转出所选会员", responses=problem_responses(409)
)
async def transfer_chosen(request: Request, principal: Union, key: IdempotencyKey, chosen: ChosenMembers) -> Response:
    """Let one or several chosen members go, for one reason (C20). If one of them cannot go, none does."""
    context: Context = request.app.state.context
    state = request.app.state
    asked = chosen_rows(chosen)
    try:
        async with context.work.begin(principal.actor) as tx:
            return await once(
                tx,
                principal,
                key,
                chosen,
                lambda: let_go(
                    tx, principal, asked, state.sealing, state.sealer, kind=TransferOutKind.CHOSEN, file_name=""
                ),
            )
    except BadRows as bad:
        raise bad.problem() from None


@router.post(
    "/file",
    status_code=201,
    response_model=TransferOutView,
    summary="上传转出名单",
    responses=problem_responses(409, 413),
)
async def transfer_file(
    request: Request,
    principal: Union,
    key: IdempotencyKey,
    file: Annotated[UploadFile, File(description=".xlsx 或 .xls，不超过 1000 行")],
) -> Response:
    """Check the whole file; sound: all in it are let go at once. Any bad row: nobody is, and all are told."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    reader: WorkbookReader = request.app.state.reader
    data = await file.read()
    file_name = file_name_of(file.filename)
    sheet = await reader.read(data, LAYOUT)
    asked = await asyncio.to_thread(sheet_rows, sheet, shanghai_date(context.clock.now()), sealing)
    sealer = request.app.state.sealer
    try:
        async with context.work.begin(principal.actor) as tx:
            return await once(
                tx,
                principal,
                key,
                data,
                lambda: let_go(tx, principal, asked, sealing, sealer, kind=TransferOutKind.FILE, file_name=file_name),
            )
    except BadRows as bad:
        async with context.work.begin(principal.actor) as tx:
            kept = await keep_refused(tx, principal, sheet, bad, sealing, request=key.key, file_name=file_name)
        raise bad.problem(kept) from None


@router.get("/template.xlsx", summary="下载转出名单模板", response_class=Response, responses=_SHEET)
async def download_template(principal: Union) -> Response:
    """The template with the list of reasons and a sheet of instructions."""
    return workbook(await asyncio.to_thread(template), "transfer-out-template.xlsx")


@router.get("", summary="转出记录")
async def list_transfer_outs(
    request: Request,
    principal: Concerned,
    paging: Paging,
    state: TransferOutState | None = None,
    kind: TransferOutKind | None = None,
    union_id: Annotated[Id | None, Query(description="转出的工会")] = None,
    from_day: Annotated[Day | None, Query(description="转出日期自")] = None,
    to_day: Annotated[Day | None, Query(description="转出日期至（含）")] = None,
) -> Page[TransferOutView]:
    """Transfer-outs in the caller's scope, the newest first."""
    context: Context = request.app.state.context
    c = TRANSFER_OUTS.c
    where: list[sa.ColumnElement[bool]] = [
        column == value for column, value in ((c.state, state), (c.kind, kind), (c.union_id, union_id)) if value
    ]
    if from_day:
        where.append(c.asked_at >= day_start(from_day))
    if to_day:
        where.append(c.asked_at < day_end_exclusive(to_day))
    page_key = paging.key(int)
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        rows = await store.page(conn, scope, where, page_key[0] if page_key else _NEWEST, paging.limit + 1)
        total = await store.count(conn, scope, where) if page_key is None else None
    return Page(
        items=[transfer_out_view(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
        total=total,
    )


@router.get("/{transfer_out_id}", summary="转出详情")
async def get_transfer_out(request: Request, principal: Concerned, transfer_out_id: PathId) -> TransferOutView:
    """One transfer-out in the caller's scope."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        row = await store.find(conn, await scope_of(conn, ORGANISATIONS, principal), transfer_out_id)
    if row is None:
        raise not_found("该转出记录")
    return transfer_out_view(row)


@router.get("/{transfer_out_id}/items", summary="转出明细")
async def list_items(
    request: Request,
    principal: Concerned,
    transfer_out_id: PathId,
    paging: Paging,
    reason: Annotated[OutReason | None, Query(description="转出原因")] = None,
) -> Page[TransferOutItem]:
    """The members that were let go, as they were called that day; document numbers are masked."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    page_key = paging.key(int)
    where = [TRANSFER_OUT_ITEMS.c.reason == reason] if reason else []
    async with reading(context.engine) as conn:
        if await store.find(conn, await scope_of(conn, ORGANISATIONS, principal), transfer_out_id) is None:
            raise not_found("该转出记录")
        after = page_key[0] if page_key else 0
        rows = await store.items_page(conn, transfer_out_id, where, after, paging.limit + 1)
        total = await store.items_count(conn, transfer_out_id, where) if page_key is None else None
    shown = rows[: paging.limit]
    return Page(
        items=await asyncio.to_thread(lambda: [_item(row, sealing) for row in shown]),
        next=cursor_after(rows, paging.limit, lambda row: [row["line"]]),
        total=total,
    )


def _item(row: Row, sealing: Sealing) -> TransferOutItem:
    plain = sealing.open(row["member_id"], row)
    shown = {"name": plain["name"], "document_number": mask_document(plain["document_number"])}
    return TransferOutItem.model_validate(dict(row) | shown)


@router.get("/{transfer_out_id}/result.xlsx", summary="下载转出结果", response_class=Response, responses=_SHEET)
async def download_result(request: Request, principal: Concerned, transfer_out_id: PathId) -> Response:
    """The result sheet; that it was taken is in the audit log."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    async with context.work.begin(principal.actor) as tx:
        found = await store.find(tx.conn, await scope_of(tx.conn, ORGANISATIONS, principal), transfer_out_id)
        if found is None:
            raise not_found("该转出记录")
        items = await store.items_page(tx.conn, transfer_out_id, [], 0, MAX_ROWS)
        subject = f"transfer-out:{transfer_out_id}"
        tx.audit("members.transfer-out-result", subject, organisation_id=principal.organisation_id)
    body = await asyncio.to_thread(result_sheet, found, items, sealing)
    return workbook(body, f"transfer-out-{transfer_out_id}.xlsx")


@router.get("/{transfer_out_id}/errors.xlsx", summary="下载标注错误的名单", response_class=Response, responses=_SHEET)
async def download_errors(request: Request, principal: Union, transfer_out_id: PathId) -> Response:
    """The sender's own sheet with a column of errors; only for the union that sent it."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    async with context.work.begin(principal.actor) as tx:
        row = await store.refused_sheet(tx.conn, principal.organisation_id, transfer_out_id)
        if row is None:
            raise not_found("该转出名单的错误清单")
        subject = f"transfer-out:{transfer_out_id}"
        tx.audit("members.transfer-out-errors", subject, organisation_id=principal.organisation_id)
    kept = row["request_key"], row["sheet_enc"]
    return workbook(
        await asyncio.to_thread(opened_sheet, sealing, "transfer_out_sheet", *kept),
        f"transfer-out-{transfer_out_id}-errors.xlsx",
    )
