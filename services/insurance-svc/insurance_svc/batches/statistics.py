"""Statistics by district, class and year (统计报表): all SQL, HTTP and sheet of them."""

import asyncio
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches import export
from insurance_svc.batches.rules import TERM_LABELS, yuan
from insurance_svc.batches.tables import BATCH_SUMS, BATCHES
from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.service import CENTRE, TheService, scope
from unioncard.auth import Allow, Principal, Role, Scope
from unioncard.contracts.insurance import PremiumState, Scheme
from unioncard.database import reading
from unioncard.narrowing import conditions
from unioncard.web.app import problem_responses
from unioncard.web.downloads import workbook
from unioncard.web.fields import Id, Text

router = APIRouter(prefix="/premium-statistics", tags=["统计"], responses=problem_responses(401, 403, 404))

Viewer = Annotated[Principal, Depends(Allow(Role.DISTRICT, *CENTRE, Role.FEDERATION))]
# About a hundred districts, five classes, two prices.
MAX_ROWS = 5000


class Figures(BaseModel):
    """人数与四项金额，单位为分。"""

    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int


class Line(Figures):
    """一个区局、年度、档次、保费标准的合计。"""

    district_id: int
    district_name: str
    coverage_year: int
    class_code: str
    term: str
    batches: int


class Statistics(BaseModel):
    """分区局、年度、档次的合计。"""

    lines: list[Line]
    total: Figures = Field(description="全部合计")


class Filters(BaseModel):
    """What is counted."""

    coverage_year: int | None
    scheme: Scheme | None
    state: PremiumState | None
    district_id: int | None
    class_code: str | None


async def _filters(
    coverage_year: Annotated[int | None, Query(ge=2000, le=2999)] = None,
    scheme: Scheme | None = None,
    state: PremiumState | None = None,
    district_id: Annotated[Id | None, Query()] = None,
    class_code: Annotated[Text | None, Query()] = None,
) -> Filters:
    return Filters(
        coverage_year=coverage_year, scheme=scheme, state=state, district_id=district_id, class_code=class_code
    )


TheFilters = Annotated[Filters, Depends(_filters)]

_DEAD = [PremiumState.RETURNED.value, PremiumState.VOIDED.value]


async def lines(conn: AsyncConnection, visible: Scope, filters: Filters) -> list[Any]:
    """Sums by district, year, class and price, of batches that stand unless a state is asked for."""
    batch, part, district = BATCHES.c, BATCH_SUMS.c, ORGANISATIONS.c
    joined = sa.join(BATCHES, BATCH_SUMS, part.batch_number == batch.number).join(
        ORGANISATIONS, district.id == batch.district_id
    )
    keys = (district.id, district.name, batch.coverage_year, part.class_code, part.term)
    query = (
        sa.select(
            district.id.label("district_id"),
            district.name.label("district_name"),
            batch.coverage_year,
            part.class_code,
            part.term,
            sa.func.count(batch.number.distinct()).label("batches"),
            *(sa.cast(sa.func.sum(part[name]), sa.BigInteger).label(name) for name in Figures.model_fields),
        )
        .select_from(joined)
        .where(
            visible.covers(district.path),
            batch.state == filters.state.value if filters.state else batch.state.not_in(_DEAD),
            *conditions(
                (filters.coverage_year, lambda value: batch.coverage_year == value),
                (filters.scheme, lambda value: batch.scheme == value),
                (filters.district_id, lambda value: batch.district_id == value),
                (filters.class_code, lambda value: part.class_code == value),
            ),
        )
        .group_by(*keys)
        .order_by(*keys)
        .limit(MAX_ROWS)
    )
    return list((await conn.execute(query)).all())


@router.get("", summary="参保统计")
async def show(principal: Viewer, service: TheService, filters: TheFilters) -> Statistics:
    """按区局、年度、档次统计；不指定状态时不含已退回与已作废的批次。"""
    async with reading(service.context.engine) as conn:
        rows = await lines(conn, await scope(conn, principal), filters)
    found = [Line.model_validate(dict(row._mapping)) for row in rows]
    total = {name: sum(getattr(one, name) for one in found) for name in Figures.model_fields}
    return Statistics(lines=found, total=Figures(**total))


_COLUMNS: export.Columns = (
    ("区局", 30, lambda row: row.district_name),
    ("保障年度", 10, lambda row: str(row.coverage_year)),
    ("档次", 8, lambda row: row.class_code),
    ("保费标准", 10, lambda row: TERM_LABELS[row.term]),
    ("批次数", 8, lambda row: str(row.batches)),
    ("人数", 10, lambda row: str(row.heads)),
    ("保费", 16, lambda row: yuan(row.fee_fen)),
    ("市总补贴", 16, lambda row: yuan(row.subsidy_fen)),
    ("区局承担", 16, lambda row: yuan(row.district_fen)),
    ("基层承担", 16, lambda row: yuan(row.union_fen)),
)


@router.get(
    "/export.xlsx",
    response_class=Response,
    responses={200: {"content": {export.XLSX: {}}}},
    summary="下载参保统计",
)
async def download(principal: Viewer, service: TheService, filters: TheFilters) -> Response:
    """同样的统计，Excel 文件。"""
    async with reading(service.context.engine) as conn:
        rows = await lines(conn, await scope(conn, principal), filters)
    content = await asyncio.to_thread(export.sheet, "参保统计", _COLUMNS, rows)
    return workbook(content, "premium-statistics.xlsx")
