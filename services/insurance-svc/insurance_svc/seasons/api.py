"""What a coverage year is made of, over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from insurance_svc.seasons import store
from insurance_svc.seasons.rules import PHASE_NAMES, SCHEME_NAMES, PhaseDays
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.problems import not_found
from unioncard.web.app import problem_responses

router = APIRouter(prefix="/seasons", tags=["保障年度"])

YearInPath = Annotated[int, Path(ge=2000, le=2999, examples=[2020], description="保障年度")]


class RateShown(BaseModel):
    """费率: what a head costs."""

    class_code: str = Field(description="档次")
    term: str = Field(description="full 全年，half 半年")
    fee_fen: int
    subsidy_fen: int = Field(description="市总工会补贴")
    central_subsidy_fen: int = Field(description="央企的补贴")
    assumed: bool = Field(description="来源仅有保费，补贴按 0 计")
    source: str
    version: int


class BenefitShown(BaseModel):
    """保障责任."""

    class_code: str
    benefit: str
    amount_fen: int
    per: str
    limit_fen: int | None
    note: str
    source: str
    version: int


class CalendarRow(BaseModel):
    """A phase's days, both included; for one district where ``district_id`` is given."""

    scheme: str
    scheme_name: str
    phase: str
    phase_name: str
    district_id: int | None
    first_day: date | None
    last_day: date | None
    opens_at: datetime | None = Field(description="开始时刻")
    closes_at: datetime | None = Field(description="截止时刻（不含）")
    open: bool = Field(description="现在是否在办理时间内")
    source: str
    version: int


class CentralEnterprise(BaseModel):
    """央企."""

    district_code: str
    name: str
    listed: bool
    source: str
    version: int


class Season(BaseModel):
    """A coverage year's rules; of the exceptions for single districts only what lies in the caller's tree."""

    coverage_year: int
    rates: list[RateShown]
    benefits: list[BenefitShown]
    calendar: list[CalendarRow]
    central_enterprises: list[CentralEnterprise]


@router.get("/{coverage_year}", responses=problem_responses(401, 403, 404), summary="费率、保障责任、日历")
async def show_season(
    coverage_year: YearInPath,
    principal: Annotated[Principal, Depends(Allow(*VIEWERS, Role.MEMBER))],
    service: TheService,
) -> Season:
    """一个保障年度的费率、保障责任、日历和央企名单。"""
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        season = await store.season(conn, coverage_year, visible)
    if not any(season.values()):
        raise not_found("该保障年度")
    now = service.context.clock.now()
    return Season(
        coverage_year=coverage_year,
        rates=[RateShown.model_validate(row) for row in season["rates"]],
        benefits=[BenefitShown.model_validate(row) for row in season["benefits"]],
        calendar=[_calendar_row(row, now) for row in season["calendar"]],
        central_enterprises=[CentralEnterprise.model_validate(row) for row in season["central_enterprises"]],
    )


def _calendar_row(row: dict[str, Any], now: datetime) -> CalendarRow:
    days = PhaseDays(row["phase"], row["first_day"], row["last_day"])
    return CalendarRow.model_validate(
        row
        | {
            "scheme_name": SCHEME_NAMES.get(row["scheme"], row["scheme"]),
            "phase_name": PHASE_NAMES.get(row["phase"], row["phase"]),
            "district_id": row["district_id"] or None,
            "opens_at": days.opens_at,
            "closes_at": days.closes_at,
            "open": days.contains(now),
        }
    )
