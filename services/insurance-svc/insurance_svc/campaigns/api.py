"""Campaigns over HTTP: their state, and the calendar as it is for the caller's district."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from insurance_svc.campaigns import rules, store
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.api import YearInPath
from insurance_svc.seasons.changes import CampaignScheme
from insurance_svc.seasons.rules import SCHEME_NAMES, PhaseDays
from insurance_svc.service import VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.districts import district_on_path
from unioncard.problems import not_found
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/campaigns", tags=["集中参保"])

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Campaign(BaseModel):
    """A campaign and how it stands."""

    scheme: str
    scheme_name: str
    coverage_year: int
    state: str
    state_label: str
    participation_percent: int | None = Field(description="最低参保率（%）")
    participation_all_below: int | None = Field(description="会员少于此数的工会须全部参保")
    opened_at: datetime | None
    closed_at: datetime | None


class CampaignPhase(BaseModel):
    """A phase's days for the caller's district."""

    phase: str
    name: str
    first_day: date | None
    last_day: date | None
    opens_at: datetime | None
    closes_at: datetime | None = Field(description="截止时刻（不含）")
    open: bool
    exception: bool = Field(description="本区局另有安排，与全部区局不同")


class CampaignDetail(Campaign):
    """With its calendar."""

    phases: list[CampaignPhase]


@router.get("", responses=problem_responses(401, 403), summary="列表")
async def list_campaigns(_: Viewer, service: TheService, paging: Paging) -> Page[Campaign]:
    """集中参保，最新的年度在前。"""
    key = paging.key(int, str)
    async with reading(service.context.engine) as conn:
        rows, total = await store.page(conn, key and (key[0], key[1]), paging.limit + 1)
    return Page(
        items=[Campaign.model_validate(_fields(row)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.coverage_year, row.scheme]),
        total=total,
    )


@router.get("/{scheme}/{coverage_year}", responses=problem_responses(401, 403, 404), summary="日历与状态")
async def show_campaign(
    scheme: CampaignScheme, coverage_year: YearInPath, principal: Viewer, service: TheService
) -> CampaignDetail:
    """一个集中参保的状态，以及对本区局适用的各阶段日期。"""
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        row = await store.find(conn, scheme, coverage_year)
        calendars = await seasons.calendars(conn, scheme, coverage_year)
        district_id = await district_on_path(conn, visible.path)
    if row is None:
        raise not_found("这个集中参保")
    own = calendars.get(district_id or 0, {}) if district_id else {}
    now = service.context.clock.now()
    phases = (calendars.get(0, {}) | own).values()
    return CampaignDetail.model_validate(
        _fields(row) | {"phases": [_phase(days, now, days.phase in own) for days in phases]}
    )


def _fields(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {
        "scheme_name": SCHEME_NAMES[row.scheme],
        "state_label": rules.STATE_LABELS[row.state],
    }


def _phase(days: PhaseDays, now: datetime, exception: bool) -> dict[str, Any]:
    return {
        "phase": days.phase,
        "name": days.name,
        "first_day": days.first_day,
        "last_day": days.last_day,
        "opens_at": days.opens_at,
        "closes_at": days.closes_at,
        "open": days.contains(now),
        "exception": exception,
    }
