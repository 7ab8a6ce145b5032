"""Statistics over HTTP (给付统计), and as a sheet."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from claims_svc.claims.rules import BENEFIT_LABELS
from claims_svc.service import CENTRE, ClaimsService, TheService, scope
from claims_svc.statistics import store
from unioncard.auth import Allow, Principal, Role
from unioncard.contracts.cover import Benefit
from unioncard.database import reading
from unioncard.sheets import XLSX, sheet, yuan
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Id, Text

router = APIRouter(prefix="/claim-statistics", tags=["统计"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE, Role.FEDERATION))]
# About a hundred districts, five classes, four benefits, a few years.
MAX_LINES = 10_000


class Figures(BaseModel):
    """件数与金额，单位为分；申请 = 已给付 + 待给付 + 不予给付 + 已放弃。"""

    claims: int = Field(description="申请件数；跨两份保单的，两处各计一件")
    approved_claims: int = Field(description="同意给付的件数")
    claimed_fen: int
    approved_fen: int = Field(description="同意给付的金额")
    paid_fen: int = Field(description="已到账")
    pending_fen: int
    refused_fen: int
    given_up_fen: int = Field(description="已撤回或逾期")


class Line(Figures):
    """一个区局、保障年度、档次、给付项目的合计。"""

    district_id: int
    district_name: str
    coverage_year: int
    class_code: str
    benefit: Benefit
    benefit_label: str


class Statistics(BaseModel):
    """分区局、年度、档次、给付项目的合计；不在保障期内的申请没有年度和档次，不在其中。"""

    lines: list[Line]
    total: Figures


class Filters(BaseModel):
    """What is counted."""

    coverage_year: int | None
    district_id: int | None
    class_code: str | None
    benefit: Benefit | None


async def _filters(
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999, description="保障年度")] = None,
    district_id: Annotated[Id | None, Query()] = None,
    class_code: Annotated[Text | None, Query(description="档次")] = None,
    benefit: Annotated[Benefit | None, Query(description="给付项目")] = None,
) -> Filters:
    return Filters(coverage_year=coverage_year, district_id=district_id, class_code=class_code, benefit=benefit)


TheFilters = Annotated[Filters, Depends(_filters)]


async def _lines(service: ClaimsService, principal: Principal, filters: Filters) -> Sequence[Any]:
    async with reading(service.context.engine) as conn:
        seen = await scope(conn, principal)
        return await store.lines(conn, seen, **filters.model_dump(mode="json"), limit=MAX_LINES)


@router.get("", summary="给付统计")
async def show(principal: Viewer, service: TheService, filters: TheFilters) -> Statistics:
    """按保单所属区局、保障年度、档次和给付项目统计；区局只看本单位。"""
    rows = await _lines(service, principal, filters)
    found = [
        Line.model_validate(dict(row._mapping) | {"benefit_label": BENEFIT_LABELS[Benefit(row.benefit)]})
        for row in rows
    ]
    total = {name: sum(getattr(one, name) for one in found) for name in Figures.model_fields}
    return Statistics(lines=found, total=Figures(**total))


_COLUMNS = (
    ("区局", 30),
    ("保障年度", 10),
    ("档次", 8),
    ("给付项目", 26),
    ("申请件数", 10),
    ("同意件数", 10),
    ("申请金额", 16),
    ("同意金额", 16),
    ("已给付", 16),
    ("待给付", 16),
    ("不予给付", 16),
    ("已放弃", 16),
)
_MONEY = ("claimed_fen", "approved_fen", "paid_fen", "pending_fen", "refused_fen", "given_up_fen")


def _cells(row: Any) -> list[str | int | None]:
    what = [row.district_name, row.coverage_year, row.class_code, BENEFIT_LABELS[Benefit(row.benefit)]]
    return [*what, row.claims, row.approved_claims, *(yuan(getattr(row, name)) for name in _MONEY)]


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}},
    summary="下载给付统计",
)
async def download(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """同样的统计，Excel 文件。"""
    rows = await _lines(service, principal, filters)
    content = await asyncio.to_thread(sheet, "给付统计", _COLUMNS, [_cells(row) for row in rows])
    return workbook(content, "claim-statistics.xlsx")
