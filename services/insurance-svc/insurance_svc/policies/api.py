"""Covered members over HTTP (保障信息查询): lists, one policy with its log, those of the old system, a sheet."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from insurance_svc.enrolments.rules import Term, Way
from insurance_svc.personal import PersonalData
from insurance_svc.policies import store
from insurance_svc.policies.rules import PolicyState
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.problems import not_found
from unioncard.searching import document_key, name_key
from unioncard.sheets import MAX_ROWS, XLSX, sheet, too_large
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Id, PathId, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/policies", tags=["保障信息查询"])

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Policy(BaseModel):
    """A row of the list of covered members."""

    id: int
    member_id: int
    number: str | None = Field(description="会员编号")
    name: str
    document_type: str
    document_number: str = Field(description="掩码")
    card_number_end: str | None = Field(description="银行卡号末四位")
    union_id: int = Field(description="办理参保的工会")
    union_name: str
    enrolment_id: int
    batch_number: str | None
    way: Way
    way_label: str = Field(description="参保类型")
    coverage_year: int
    class_code: str = Field(description="保障类型")
    term: Term
    term_label: str = Field(description="半年/全年")
    first_day: date = Field(description="起保日期")
    last_day: date = Field(description="终保日期")
    state: PolicyState
    state_label: str = Field(description="保障状态")


class LogEntry(BaseModel):
    """A step in a policy's life."""

    at: datetime
    step: str
    note: str | None


class PolicyDetail(Policy):
    """A policy with its log, the oldest step first."""

    log: list[LogEntry]


class StateCount(BaseModel):
    """A tab of the list."""

    state: PolicyState
    state_label: str
    members: int


class PolicyPage(Page[Policy]):
    """A page of policies; tabs are given on the first page of a search for nobody in particular."""

    tabs: list[StateCount] | None = None


class LegacyPolicy(BaseModel):
    """A policy of the system before this one, which kept no dates of it."""

    policy_number: str = Field(description="原系统保单号")
    member_id: int
    number: str | None = Field(description="会员编号")
    name: str
    document_number: str = Field(description="掩码")
    union_name: str | None


async def filters_of(
    service: TheService,
    name: Annotated[Text | None, Query(description="姓名")] = None,
    document_number: Annotated[Text | None, Query(description="证件号码")] = None,
    number: Annotated[str | None, Query(pattern=r"^[0-9]{10}$", description="会员编号")] = None,
    member_id: Annotated[Id | None, Query()] = None,
    state: Annotated[PolicyState | None, Query(description="保障状态")] = None,
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    union_id: Annotated[Id | None, Query(description="办理参保的工会")] = None,
) -> store.Filters:
    """What both lists can be narrowed by; names and documents are compared by their keyed hashes."""
    return store.Filters(
        names=service.personal.name_hashes(name_key(name)) if name else None,
        documents=service.personal.document_hashes(document_key(document_number)) if document_number else None,
        number=number,
        member_id=member_id,
        state=state.value if state else None,
        coverage_year=coverage_year,
        union_id=union_id,
    )


TheFilters = Annotated[store.Filters, Depends(filters_of)]


@router.get("", responses=problem_responses(401, 403, 404))
async def list_policies(principal: Viewer, service: TheService, paging: Paging, filters: TheFilters) -> PolicyPage:
    """参保会员列表，最近的名单在前；按姓名、证件号码或会员编号查询时，包括会员在原工会办理的参保。"""
    key = paging.key(int, int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await store.page(conn, visible, filters, key, paging.limit + 1)
        counted = None if key or filters.of_persons else await store.tabs(conn, visible, filters)
    shown = None if counted is None else {one: n for one, n in counted.items() if filters.state in (None, one)}
    return PolicyPage(
        items=[_as_policy(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.enrolment_id, row.id]),
        total=None if shown is None else sum(shown.values()),
        tabs=None
        if counted is None
        else [
            StateCount(state=one, state_label=one.label, members=counted[one]) for one in PolicyState if one in counted
        ],
    )


_COLUMNS = (
    ("会员编号", 14),
    ("姓名", 14),
    ("证件号码", 18),
    ("工会", 30),
    ("参保类型", 14),
    ("保障年度", 10),
    ("保障类型", 10),
    ("半年/全年", 10),
    ("起保日期", 12),
    ("终保日期", 12),
    ("保障状态", 10),
    ("批次编号", 18),
)


def _cells(one: Policy) -> list[str | int | date | None]:
    return [
        one.number,
        one.name,
        one.document_number,
        one.union_name,
        one.way_label,
        one.coverage_year,
        one.class_code,
        one.term_label,
        one.first_day,
        one.last_day,
        one.state_label,
        one.batch_number,
    ]


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}, **problem_responses(401, 403, 404)},
)
async def export_policies(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """导出参保会员列表（证件号码为掩码）。"""
    async with service.context.work.begin(principal.actor) as tx:
        rows = await store.page(tx.conn, await scope(tx.conn, principal), filters, None, MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_large()
        tx.audit(
            "policies.exported",
            f"organisation:{principal.organisation_id}",
            organisation_id=principal.organisation_id,
            after={"rows": len(rows)},
        )

    def content() -> bytes:
        return sheet("参保会员", _COLUMNS, (_cells(_as_policy(service.personal, row)) for row in rows))

    return workbook(await asyncio.to_thread(content), "policies.xlsx")


@router.get("/legacy", responses=problem_responses(401, 403, 404))
async def list_legacy(
    principal: Viewer, service: TheService, paging: Paging, filters: TheFilters
) -> Page[LegacyPolicy]:
    """原系统的参保记录，单独列出，不显示日期；按工会查询时为会员现在的工会。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows = await store.legacy_page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[_as_legacy(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.policy_number]),
    )


@router.get("/{policy_id}", responses=problem_responses(401, 403, 404))
async def show_policy(policy_id: PathId, principal: Viewer, service: TheService) -> PolicyDetail:
    """一名会员的一份保障及其办理日志。"""
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), policy_id)
    if row is None:
        raise not_found("这份保障")
    return PolicyDetail(**_as_policy(service.personal, row).model_dump(), log=_log(row))


def _log(row: Any) -> list[LogEntry]:
    ended = row.changed_at if row.list_state in ("withdrawn", "voided") else None
    steps = (
        (row.submitted_at, "工会提交至区局", None),
        (row.returned_at, "区局退回", row.return_reason),
        (row.batch_submitted_at, "区局提交至市职保中心", row.batch),
        (row.reviewed_at, "市职保中心审核通过", None),
        (row.written_off_at, "核销，保障生效", None),
        (ended, "工会撤回" if row.list_state == "withdrawn" else "作废", row.void_reason or row.return_reason),
    )
    return [LogEntry(at=at, step=step, note=note) for at, step, note in steps if at is not None]


def _as_policy(personal: PersonalData, row: Any) -> Policy:
    return Policy.model_validate(
        dict(row._mapping)
        | {
            "name": personal.name(row.member_id, row.name),
            "document_number": personal.masked_document(row.member_id, row.document_number),
            "way_label": Way(row.way).label,
            "term_label": Term(row.term).label,
            "state_label": PolicyState(row.state).label,
        }
    )


def _as_legacy(personal: PersonalData, row: Any) -> LegacyPolicy:
    return LegacyPolicy.model_validate(
        dict(row._mapping)
        | {
            "name": personal.name(row.member_id, row.name),
            "document_number": personal.masked_document(row.member_id, row.document_number),
        }
    )
