"""Lists as every level sees them over HTTP: the list of lists, one list, its members, a sheet."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from insurance_svc.enrolments import lists, rules
from insurance_svc.enrolments.rules import Term, Way
from insurance_svc.enrolments.views import (
    EnrolmentDetail,
    EnrolmentPage,
    ListMember,
    StateTotals,
    as_detail,
    as_enrolment,
    as_member,
    term_price,
)
from insurance_svc.seasons.rules import SCHEME_NAMES
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Scheme
from unioncard.database import reading
from unioncard.dates import day_start
from unioncard.problems import not_found
from unioncard.sheets import MAX_ROWS, XLSX, moment, sheet, too_large, yuan
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id, PathId
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/enrolments", tags=["参保信息管理"])

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]
# Days for which "the day after" and its instant exist.
State = Literal[
    "submitted", "basket", "reviewing", "passed", "written_off", "returned", "withdrawn", "voided", "in_batch"
]


async def _filters(
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999, description="保障年度")] = None,
    scheme: Annotated[Scheme | None, Query(description="参保方式")] = None,
    way: Annotated[Way | None, Query(description="参保类型")] = None,
    state: Annotated[State | None, Query(description="状态")] = None,
    union_id: Annotated[Id | None, Query()] = None,
    batch_number: Annotated[str | None, Query(pattern=r"^CB[0-9]{12}$", description="批次编号")] = None,
    submitted_from: Day | None = None,
    submitted_until: Annotated[Day | None, Query(description="含当日")] = None,
) -> lists.Filters:
    return lists.Filters(
        coverage_year=coverage_year,
        scheme=scheme.value if scheme else None,
        way=way.value if way else None,
        state=state,
        union_id=union_id,
        batch_number=batch_number,
        submitted_from=day_start(submitted_from) if submitted_from else None,
        submitted_until=day_start(submitted_until + timedelta(days=1)) if submitted_until else None,
    )


TheFilters = Annotated[lists.Filters, Depends(_filters)]


@router.get("", responses=problem_responses(401, 403, 404))
async def list_enrolments(principal: Viewer, service: TheService, paging: Paging, filters: TheFilters) -> EnrolmentPage:
    """参保名单列表，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await lists.page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
        tabs = await lists.tabs(conn, visible, filters) if key is None else None
    return EnrolmentPage(
        items=[as_enrolment(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=None if tabs is None else sum(tab.lists for tab in tabs if filters.state in (None, tab.state)),
        tabs=None
        if tabs is None
        else [
            StateTotals.model_validate(dict(tab._mapping) | {"state_label": rules.LABELS[tab.state]}) for tab in tabs
        ],
    )


_COLUMNS = (
    ("名单编号", 10),
    ("工会", 30),
    ("参保类型", 14),
    ("参保方式", 10),
    ("保障年度", 10),
    ("保障类型", 10),
    ("批次编号", 18),
    ("状态", 16),
    ("参保人数", 10),
    ("保障费用（元）", 14),
    ("市总统一划拨（元）", 16),
    ("区局/各级工会缴费（元）", 20),
    ("基层单位缴费（元）", 16),
    ("提交时间", 18),
    ("最后更新时间", 18),
    ("退回原因", 40),
)


def _cells(row: Any) -> list[str | int | date | None]:
    return [
        row.id,
        row.union_name,
        Way(row.way).label,
        SCHEME_NAMES[row.scheme],
        row.coverage_year,
        row.class_code,
        row.batch_number,
        rules.LABELS[row.shown_state],
        row.heads,
        yuan(row.fee_fen),
        yuan(row.subsidy_fen),
        yuan(row.district_fen),
        yuan(row.union_fen),
        moment(row.submitted_at),
        moment(row.changed_at),
        row.return_reason,
    ]


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}, **problem_responses(401, 403, 404)},
)
async def export_enrolments(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """导出参保名单列表。"""
    async with service.context.work.begin(principal.actor) as tx:
        rows = await lists.page(tx.conn, await scope(tx.conn, principal), filters, None, MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_large()
        tx.audit(
            "enrolments.exported",
            f"organisation:{principal.organisation_id}",
            organisation_id=principal.organisation_id,
            after={"rows": len(rows)},
        )
    content = await asyncio.to_thread(sheet, "参保名单", _COLUMNS, [_cells(row) for row in rows])
    return workbook(content, "enrolments.xlsx")


@router.get("/{enrolment_id}", responses=problem_responses(401, 403, 404))
async def show_enrolment(enrolment_id: PathId, principal: Viewer, service: TheService) -> EnrolmentDetail:
    """一份参保名单及各方金额。"""
    async with reading(service.context.engine) as conn:
        row = await lists.find(conn, await scope(conn, principal), enrolment_id)
        if row is None:
            raise not_found("这份参保名单")
        prices = await lists.prices(conn, enrolment_id)
    return as_detail(row, [term_price(price, price.heads) for price in prices])


@router.get("/{enrolment_id}/members", responses=problem_responses(401, 403, 404))
async def list_members(
    enrolment_id: PathId, principal: Viewer, service: TheService, paging: Paging
) -> Page[ListMember]:
    """名单中的会员及其起保、终保日期。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        row = await lists.find(conn, await scope(conn, principal), enrolment_id)
        if row is None:
            raise not_found("这份参保名单")
        rows = await lists.members_page(conn, enrolment_id, key[0] if key else 0, paging.limit + 1)
    return Page(
        items=[as_member(service.personal, one) for one in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda one: [one.policy_id]),
        total=row.heads if key is None else None,
    )


_MEMBER_COLUMNS = (
    ("会员编号", 14),
    ("姓名", 14),
    ("证件号码", 18),
    ("银行卡号末四位", 14),
    ("起保日期", 12),
    ("终保日期", 12),
    ("半年/全年", 10),
)


@router.get(
    "/{enrolment_id}/members.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}, **problem_responses(401, 403, 404)},
)
async def export_members(enrolment_id: PathId, principal: Viewer, service: TheService) -> Response:
    """导出名单中的会员（证件号码为掩码）。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await lists.find(tx.conn, await scope(tx.conn, principal), enrolment_id)
        if row is None:
            raise not_found("这份参保名单")
        rows = await lists.members_page(tx.conn, enrolment_id, 0, MAX_ROWS)
        tx.audit("enrolment.exported", f"enrolment:{enrolment_id}", organisation_id=row.union_id)

    def content() -> bytes:
        shown = (as_member(service.personal, one) for one in rows)
        return sheet("参保会员", _MEMBER_COLUMNS, (_member_cells(one) for one in shown))

    return workbook(await asyncio.to_thread(content), f"enrolment-{enrolment_id}.xlsx")


def _member_cells(one: ListMember) -> list[str | int | date | None]:
    term = Term(one.term).label
    return [one.number, one.name, one.document_number, one.card_number_end, one.first_day, one.last_day, term]
