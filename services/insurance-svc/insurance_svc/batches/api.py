"""Premium batches (参保批次) as everybody concerned sees them."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from insurance_svc.batches import export, papers, store
from insurance_svc.batches.views import BatchDetail, BatchPage, Number, as_batch, as_detail
from insurance_svc.exclusions.store import excluded_in_batch
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.insurance import PremiumState, Scheme
from unioncard.database import reading
from unioncard.dates import day_start, shanghai_date
from unioncard.problems import invalid, not_found
from unioncard.typesetting import PDF
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id
from unioncard.web.pages import Paging, cursor_after

router = APIRouter(prefix="/premium-batches", tags=["参保批次"], responses=problem_responses(401, 403, 404))

# A union sees its own lists; the batch is its district's.
Viewer = Annotated[
    Principal, Depends(Allow(*(role for role in VIEWERS if role not in (Role.UNION, Role.SECOND_LEVEL))))
]


async def _filters(
    service: TheService,
    number: Annotated[str | None, Query(pattern=r"^CB[0-9]{12}$")] = None,
    district_id: Annotated[Id | None, Query()] = None,
    scheme: Scheme | None = None,
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    state: PremiumState | None = None,
    submitted_from: Annotated[Day | None, Query()] = None,
    submitted_until: Annotated[Day | None, Query(description="含当日")] = None,
    unpaid: Annotated[bool | None, Query(description="待缴费且尚未足额到账")] = None,
    overdue: Annotated[bool, Query(description="已过缴费截止日")] = False,
) -> store.Filters:
    return store.Filters(
        number,
        district_id,
        scheme,
        coverage_year,
        state,
        day_start(submitted_from) if submitted_from else None,
        day_start(submitted_until + timedelta(days=1)) if submitted_until else None,
        unpaid,
        shanghai_date(service.context.clock.now()) if overdue else None,
    )


TheFilters = Annotated[store.Filters, Depends(_filters)]


@router.get("", summary="参保批次列表")
async def list_batches(principal: Viewer, service: TheService, paging: Paging, filters: TheFilters) -> BatchPage:
    """参保批次，最新的在前；各状态的数量不受状态筛选影响。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await store.page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
        counted = await store.states(conn, visible, filters) if key is None else None
    total = None
    if counted is not None:
        total = counted.get(filters.state, 0) if filters.state else sum(counted.values())
    return BatchPage(
        items=[as_batch(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.number]),
        total=total,
        states={PremiumState(state): number for state, number in counted.items()} if counted is not None else None,
    )


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {export.XLSX: {}}}},
    summary="导出参保批次",
)
async def export_batches(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """导出筛选出的参保批次。"""
    async with service.context.work.begin(principal.actor) as tx:
        visible = await scope(tx.conn, principal)
        rows = await store.page(tx.conn, visible, filters, None, export.MAX_ROWS + 1)
        if len(rows) > export.MAX_ROWS:
            raise invalid("export-too-large", "导出的记录过多", f"每次最多导出 {export.MAX_ROWS} 条，请缩小筛选范围。")
        subject = f"organisation:{principal.organisation_id}"
        tx.audit("batches.exported", subject, organisation_id=principal.organisation_id, after={"rows": len(rows)})
    content = await asyncio.to_thread(export.batches, rows)
    return workbook(content, "premium-batches.xlsx")


@router.get(
    "/{number}/notice.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}}, summary="缴费告知书"
)
async def print_notice(number: Number, principal: Viewer, service: TheService) -> Response:
    """区局的参保缴费告知书：分档人数，含与不含补贴的合计，清算分配款，应缴金额（大小写），截止日与账户。"""
    row, sums, _ = await _paper(number, principal, service)
    today = shanghai_date(service.context.clock.now())
    content = await asyncio.to_thread(papers.notice, service.settings.font_paths, row, sums, today)
    headers = {"Content-Disposition": f'inline; filename="{number}.pdf"', "Cache-Control": "no-store"}
    return Response(content, media_type=PDF, headers=headers)


@router.get(
    "/{number}/details.xlsx",
    response_class=Response,
    responses={200: {"content": {export.XLSX: {}}}},
    summary="缴费明细",
)
async def download_details(number: Number, principal: Viewer, service: TheService) -> Response:
    """批次的缴费明细，按工会与名单。"""
    row, _, prices = await _paper(number, principal, service)
    return workbook(await asyncio.to_thread(papers.details, row, prices), f"{number}.xlsx")


async def _paper(number: str, principal: Principal, service: TheService) -> tuple[Any, Any, Any]:
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), number)
        if row is None:
            raise not_found("这个参保批次")
        return row, await store.sums(conn, number), await store.prices(conn, number)


@router.get("/{number}", summary="参保批次详情")
async def show_batch(number: Number, principal: Viewer, service: TheService) -> BatchDetail:
    """一个参保批次及其分档合计。"""
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), number)
        if row is None:
            raise not_found("这个参保批次")
        excluded = await excluded_in_batch(conn, number)
        return as_detail(service.personal, row, await store.sums(conn, number), excluded)
