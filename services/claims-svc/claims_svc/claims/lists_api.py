"""The list of claims over HTTP (给付申请查询): filters, tabs with their money, and a sheet."""

import asyncio
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from claims_svc.claims import lists
from claims_svc.claims.rules import (
    BENEFIT_LABELS,
    EVENT_LABELS,
    GIVEN_UP,
    PAYEE_LABELS,
    STATE_LABELS,
    ClaimEvent,
    PayeeKind,
)
from claims_svc.personal import PersonalData
from claims_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit
from unioncard.dates import day_end_exclusive, day_start
from unioncard.searching import document_key, name_key
from unioncard.sheets import MAX_ROWS, XLSX, moment, sheet, too_large, yuan
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Day, Id, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/claims", tags=["给付申请"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Money(BaseModel):
    """已给付、待给付、不予给付与已放弃之和等于申请金额，单位为分。"""

    claimed_fen: int = Field(description="申请金额")
    paid_fen: int = Field(description="已到账")
    pending_fen: int = Field(description="待给付：审核中、待划款和划款中")
    refused_fen: int = Field(description="不予给付")
    given_up_fen: int = Field(description="已撤回或逾期未补材料，不再给付")


class ListedClaim(Money):
    """给付申请列表的一行；病种和医院只在申请详情中显示。"""

    number: str
    state: ClaimState
    state_label: str
    member_id: int
    member_number: str | None = Field(description="会员编号")
    member_name: str
    member_document: str = Field(description="证件号码，掩码")
    union_id: int
    union_name: str
    district_id: int
    district_name: str
    benefit: Benefit
    benefit_label: str
    event: ClaimEvent
    event_label: str
    event_day: date
    coverage_year: int | None
    class_code: str | None
    payee: PayeeKind
    payee_label: str
    missing: int = Field(description="尚缺材料项数")
    district_stamp: bool = Field(description="尚缺区局（产业）工会盖章")
    approved_fen: int = Field(description="同意给付金额")
    filed_by_role: str
    filed_at: datetime
    changed_at: datetime
    due_at: datetime | None = Field(description="补材料和盖章的期限，为首个逾期时刻")
    decided_at: datetime | None
    appeal_until: datetime | None
    appeals: int


class StateSum(Money):
    """一种状态的件数与金额。"""

    state: ClaimState
    state_label: str
    claims: int


class Totals(Money):
    """符合条件的合计。"""

    claims: int


class ClaimPage(Page[ListedClaim]):
    """A page of claims; tabs count whatever the filters but the state leave."""

    tabs: list[StateSum] | None = Field(None, description="各状态的件数与金额；仅第一页给出")
    totals: Totals | None = Field(None, description="符合全部条件的合计；仅第一页给出")


async def filters_of(
    service: TheService,
    number: Annotated[Text | None, Query(description="申请编号")] = None,
    name: Annotated[Text | None, Query(description="会员姓名")] = None,
    document_number: Annotated[Text | None, Query(description="证件号码")] = None,
    member_number: Annotated[str | None, Query(pattern=r"^[0-9]{10}$", description="会员编号")] = None,
    member_id: Annotated[Id | None, Query()] = None,
    state: Annotated[ClaimState | None, Query(description="状态")] = None,
    benefit: Annotated[Benefit | None, Query(description="给付项目")] = None,
    payee: Annotated[PayeeKind | None, Query(description="收款方式")] = None,
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999, description="保障年度")] = None,
    class_code: Annotated[Text | None, Query(description="档次")] = None,
    union_id: Annotated[Id | None, Query(description="申请时所在工会")] = None,
    union_name: Annotated[Text | None, Query(description="工会名称，可只填一部分")] = None,
    district_id: Annotated[Id | None, Query()] = None,
    district_stamp: Annotated[bool | None, Query(description="尚缺区局（产业）工会盖章")] = None,
    filed_from: Annotated[Day | None, Query(description="申请日期起")] = None,
    filed_until: Annotated[Day | None, Query(description="申请日期止，含当日")] = None,
    due_until: Annotated[Day | None, Query(description="补材料期限在该日或之前")] = None,
) -> lists.Filters:
    """What the list and its sheet can be narrowed by."""
    personal = service.personal
    return lists.Filters(
        number=number,
        names=personal.name_hashes(name_key(name)) if name else None,
        documents=personal.document_hashes(document_key(document_number)) if document_number else None,
        member_number=member_number,
        member_id=member_id,
        state=state.value if state else None,
        benefit=benefit.value if benefit else None,
        payee=payee.value if payee else None,
        coverage_year=coverage_year,
        class_code=class_code,
        union_id=union_id,
        union_name=union_name,
        district_id=district_id,
        district_stamp=district_stamp,
        filed_from=day_start(filed_from) if filed_from else None,
        filed_until=day_start(filed_until + timedelta(days=1)) if filed_until else None,
        # What is stored is the first instant too late.
        due_until=day_end_exclusive(due_until) if due_until else None,
    )


TheFilters = Annotated[lists.Filters, Depends(filters_of)]


@router.get("", summary="给付申请列表")
async def list_claims(principal: Viewer, service: TheService, paging: Paging, filters: TheFilters) -> ClaimPage:
    """本单位及下级工会的给付申请，最新的在前；各状态的件数与金额不受状态筛选影响。每次查看都有记录。"""
    key = paging.key(datetime, str)
    async with service.context.work.begin(principal.actor) as tx:
        seen = await scope(tx.conn, principal)
        rows = await lists.page(tx.conn, seen, filters, key, paging.limit + 1)
        counted = None if key else await lists.tabs(tx.conn, seen, filters)
        _log(tx, principal, "claims.listed", len(rows[: paging.limit]))
    tabs = None if counted is None else sorted((_tab(row) for row in counted), key=_place)
    wanted = None if tabs is None else [one for one in tabs if filters.state in (None, one.state)]
    return ClaimPage(
        items=[_listed(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.filed_at.isoformat(), row.number]),
        total=None if wanted is None else sum(one.claims for one in wanted),
        tabs=tabs,
        totals=None if wanted is None else _totals(wanted),
    )


_COLUMNS = (
    ("申请编号", 22),
    ("会员编号", 14),
    ("姓名", 14),
    ("证件号码", 20),
    ("工会", 30),
    ("区局", 26),
    ("给付项目", 26),
    ("事由", 18),
    ("事由发生日", 12),
    ("保障年度", 10),
    ("档次", 8),
    ("收款方式", 28),
    ("状态", 14),
    ("尚缺材料", 10),
    ("申请金额", 14),
    ("已给付", 14),
    ("待给付", 14),
    ("不予给付", 14),
    ("申请时间", 18),
    ("决定时间", 18),
    ("最近变动", 18),
)


def _cells(one: ListedClaim) -> list[str | int | date | None]:
    return [
        one.number,
        one.member_number,
        one.member_name,
        one.member_document,
        one.union_name,
        one.district_name,
        one.benefit_label,
        one.event_label,
        one.event_day,
        one.coverage_year,
        one.class_code,
        one.payee_label,
        one.state_label,
        one.missing,
        yuan(one.claimed_fen),
        yuan(one.paid_fen),
        yuan(one.pending_fen),
        yuan(one.refused_fen),
        moment(one.filed_at),
        moment(one.decided_at),
        moment(one.changed_at),
    ]


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}},
    summary="导出给付申请",
)
async def export_claims(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """同样条件的给付申请，Excel 文件（证件号码为掩码）。"""
    async with service.context.work.begin(principal.actor) as tx:
        rows = await lists.page(tx.conn, await scope(tx.conn, principal), filters, None, MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_large()
        _log(tx, principal, "claims.exported", len(rows))

    def content() -> bytes:
        return sheet("给付申请", _COLUMNS, (_cells(_listed(service.personal, row)) for row in rows))

    return workbook(await asyncio.to_thread(content), "claims.xlsx")


def _log(tx: Transaction, principal: Principal, action: str, rows: int) -> None:
    own = principal.organisation_id
    tx.audit(action, f"organisation:{own}", organisation_id=own, after={"rows": rows})


def _listed(personal: PersonalData, row: Any) -> ListedClaim:
    return ListedClaim.model_validate(
        dict(row._mapping)
        | {
            **_rest(row),
            "state_label": STATE_LABELS[ClaimState(row.state)],
            "member_name": personal.name(row.member_id, row.member_name),
            "member_document": personal.masked_document(row.member_id, row.member_document),
            "benefit_label": BENEFIT_LABELS[Benefit(row.benefit)],
            "event_label": EVENT_LABELS[ClaimEvent(row.event)],
            "payee_label": PAYEE_LABELS[PayeeKind(row.payee)],
        }
    )


def _rest(row: Any) -> dict[str, int]:
    """What is neither paid nor refused is awaited, unless the claim was given up."""
    rest = int(row.claimed_fen - row.paid_fen - row.refused_fen)
    given_up = ClaimState(row.state) in GIVEN_UP
    return {"pending_fen": 0 if given_up else rest, "given_up_fen": rest if given_up else 0}


def _tab(row: Any) -> StateSum:
    label = STATE_LABELS[ClaimState(row.state)]
    return StateSum.model_validate(dict(row._mapping) | _rest(row) | {"state_label": label})


def _place(one: StateSum) -> int:
    return list(ClaimState).index(one.state)


def _totals(tabs: Iterable[StateSum]) -> Totals:
    found = list(tabs)
    return Totals(**{name: sum(getattr(one, name) for one in found) for name in Totals.model_fields})
