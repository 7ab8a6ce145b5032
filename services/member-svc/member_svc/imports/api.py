"""Importing a roster (批量导入会员), the history of imports, and the sheets that go with it."""

import asyncio
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile

from member_svc.imports import store
from member_svc.imports.columns import ROSTER
from member_svc.imports.error_sheet import opened_sheet
from member_svc.imports.models import ImportKind, ImportState, ImportView, ItemState, ItemView, import_view
from member_svc.imports.receiving import BadRows, check_sheet, keep_refused, take_in
from member_svc.imports.showing import item_view
from member_svc.imports.tables import IMPORTS, ITEMS
from member_svc.imports.template import template
from member_svc.imports.workbook import WorkbookReader
from member_svc.members.sealing import Sealing
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import Allow, scope_of
from unioncard.database import reading
from unioncard.dates import day_end_exclusive, day_start, shanghai_date
from unioncard.principal import Principal, Role
from unioncard.problems import not_found
from unioncard.service import Context
from unioncard.sheets import XLSX
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id, PathId, file_name_of
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/imports", tags=["批量导入会员"], responses=problem_responses(401, 403, 404))

# The union, and those above it, who review; the mutual-aid centre has no part in it (domain 1, 3).
Concerned = Annotated[Principal, Depends(Allow(Role.UNION, Role.SECOND_LEVEL, Role.DISTRICT, Role.FEDERATION))]
Union = Annotated[Principal, Depends(Allow(Role.UNION))]

_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: {}}, "description": "Excel 文件"}}
_NEWEST = 2**63 - 1


@router.post(
    "", status_code=201, response_model=ImportView, summary="上传会员名册", responses=problem_responses(409, 413)
)
async def import_roster(
    request: Request,
    principal: Union,
    key: IdempotencyKey,
    file: Annotated[UploadFile, File(description=".xlsx 或 .xls，不超过 1000 行")],
) -> Response:
    """Check the whole file; sound: it waits for the direct superior. Any bad row: nothing is imported, all are told."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    reader: WorkbookReader = request.app.state.reader
    data = await file.read()
    file_name = file_name_of(file.filename)
    sheet = await reader.read(data, ROSTER)
    today = shanghai_date(context.clock.now())
    checked = await asyncio.to_thread(check_sheet, sheet, today, sealing)
    try:
        async with context.work.begin(principal.actor) as tx:
            return await once(
                tx,
                principal,
                key,
                data,
                lambda: take_in(tx, principal, checked, sealing, kind=ImportKind.FILE, file_name=file_name),
            )
    except BadRows as bad:
        async with context.work.begin(principal.actor) as tx:
            import_id = await keep_refused(tx, principal, sheet, bad, sealing, request=key.key, file_name=file_name)
        raise bad.problem(import_id) from None


@router.get("/template.xlsx", summary="下载 Excel 模板", response_class=Response, responses=_SHEET)
async def download_template(principal: Union) -> Response:
    """The template with drop-down lists, text columns and a sheet of instructions."""
    return workbook(await asyncio.to_thread(template), "member-template.xlsx")


@router.get("", summary="历史导入记录")
async def list_imports(
    request: Request,
    principal: Concerned,
    paging: Paging,
    state: ImportState | None = None,
    kind: ImportKind | None = None,
    union_id: Annotated[Id | None, Query(description="提交的工会")] = None,
    from_day: Annotated[Day | None, Query(description="提交日期自")] = None,
    to_day: Annotated[Day | None, Query(description="提交日期至（含）")] = None,
) -> Page[ImportView]:
    """Imports in the caller's scope, the newest first."""
    context: Context = request.app.state.context
    c = IMPORTS.c
    where: list[sa.ColumnElement[bool]] = [
        column == value for column, value in ((c.state, state), (c.kind, kind), (c.union_id, union_id)) if value
    ]
    if from_day:
        where.append(c.asked_at >= day_start(from_day))
    if to_day:
        where.append(c.asked_at < day_end_exclusive(to_day))
    page_key = paging.key(int)
    async with reading(context.engine) as conn:
        where.append(store.in_scope(await scope_of(conn, ORGANISATIONS, principal)))
        rows = await store.page(conn, where, page_key[0] if page_key else _NEWEST, paging.limit + 1)
        total = await store.count(conn, where) if page_key is None else None
    return Page(
        items=[import_view(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
        total=total,
    )


@router.get("/{import_id}", summary="导入详情")
async def get_import(request: Request, principal: Concerned, import_id: PathId) -> ImportView:
    """One import in the caller's scope."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        row = await store.find(conn, await scope_of(conn, ORGANISATIONS, principal), import_id)
    if row is None:
        raise not_found("该导入记录")
    return import_view(row)


@router.get("/{import_id}/items", summary="导入明细")
async def list_items(
    request: Request, principal: Concerned, import_id: PathId, paging: Paging, state: ItemState | None = None
) -> Page[ItemView]:
    """The rows of an import with what they change; numbers, mobiles and addresses are masked."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    page_key = paging.key(int)
    where = [ITEMS.c.state == state] if state else []
    async with reading(context.engine) as conn:
        if await store.find(conn, await scope_of(conn, ORGANISATIONS, principal), import_id) is None:
            raise not_found("该导入记录")
        rows = await store.items_page(conn, import_id, where, page_key[0] if page_key else 0, paging.limit + 1)
        total = await store.items_count(conn, import_id, where) if page_key is None else None
    shown = rows[: paging.limit]
    return Page(
        items=await asyncio.to_thread(lambda: [item_view(row, sealing) for row in shown]),
        next=cursor_after(rows, paging.limit, lambda row: [row["line"]]),
        total=total,
    )


@router.get("/{import_id}/errors.xlsx", summary="下载标注错误的名册", response_class=Response, responses=_SHEET)
async def download_errors(request: Request, principal: Union, import_id: PathId) -> Response:
    """The sender's own sheet with a column of errors; only for the union that sent it."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    async with context.work.begin(principal.actor) as tx:
        row = await store.refused_sheet(tx.conn, principal.organisation_id, import_id)
        if row is None:
            raise not_found("该导入的错误清单")
        tx.audit("import.errors-sheet", f"import:{import_id}", organisation_id=principal.organisation_id)
    kept = row["request_key"], row["sheet_enc"]
    return workbook(
        await asyncio.to_thread(opened_sheet, sealing, "import_sheet", *kept), f"import-{import_id}-errors.xlsx"
    )
