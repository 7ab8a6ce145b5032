"""《参保告知书》: what a union is told with each submission (C20), made anew from what stands. PDF by typst."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.rules import PhaseDays
from insurance_svc.service import OPERATOR, InsuranceService, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Scheme
from unioncard.database import reading
from unioncard.dates import day_in_words, shanghai_date
from unioncard.districts import district_of, names_of
from unioncard.money import Fen, capital_yuan, format_yuan
from unioncard.problems import conflict
from unioncard.typesetting import PDF, typeset
from unioncard.web.app import problem_responses

router = APIRouter(prefix="/enrolments/notice", tags=["参保信息管理"])

Operator = Annotated[Principal, Depends(Allow(*OPERATOR))]
Year = Annotated[int, Query(ge=2000, le=2999, description="保障年度")]
Campaign = Literal[Scheme.CENTRALIZED, Scheme.REGISTRATION]

_TEMPLATE = Path(__file__).with_name("notice.typ")

_STANDING = sa.text("""
    SELECT min(class_code) AS class_code, count(*) AS lists, coalesce(sum(heads), 0) AS heads,
           coalesce(sum(fee_fen), 0) AS fee_fen, coalesce(sum(subsidy_fen), 0) AS subsidy_fen,
           coalesce(sum(district_fen), 0) AS district_fen, coalesce(sum(union_fen), 0) AS union_fen
    FROM enrolments
    WHERE union_id = :union AND coverage_year = :year AND scheme = :scheme AND way = 'centralized'
      AND state IN ('submitted', 'basket', 'in_batch')
""")


class Notice(BaseModel):
    """What the notice says: everything the union has submitted to the campaign and that stands."""

    union_name: str
    district_name: str
    coverage_year: int = Field(description="保障年度")
    class_code: str = Field(description="保障类型")
    heads: int = Field(description="截至目前的参保人数")
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int = Field(description="须划入区局账户的金额")
    pay_until: date | None = Field(description="划款截止日（含）")
    first_day: date = Field(description="保障起始日")
    last_day: date = Field(description="保障终止日")
    when_late: str = Field(description="逾期的后果")
    made_on: date


async def notice_of(conn: AsyncConnection, union_id: int, scheme: Scheme, year: int, now: datetime) -> Notice:
    """The notice as it is now; 409 ``nothing-submitted`` while no list stands."""
    row = (await conn.execute(_STANDING, {"union": union_id, "year": year, "scheme": scheme.value})).one()
    district = await district_of(conn, union_id)
    phases = await seasons.phases(conn, scheme.value, year, district.id)
    cover = phases.get("coverage") or phases.get("coverage_first_half")
    if not row.lists or cover is None or cover.first_day is None or cover.last_day is None:
        raise conflict("nothing-submitted", f"本会尚未提交{year}年度集中参保名单", "提交名单后即可下载参保告知书。")
    payment = phases.get("union_payment")
    return Notice(
        union_name=(await names_of(conn, [union_id]))[union_id],
        district_name=district.name,
        coverage_year=year,
        pay_until=payment.last_day if payment else None,
        first_day=cover.first_day,
        last_day=cover.last_day,
        when_late=_when_late(phases, cover.last_day),
        made_on=shanghai_date(now),
        **{name: value for name, value in row._mapping.items() if name != "lists"},
    )


def _when_late(phases: Mapping[str, PhaseDays], last_day: date) -> str:
    """Not paid: instant enrolment, with later cover; 2014 knows the second half of the year instead."""
    second = phases.get("coverage_second_half")
    if second is not None and second.first_day is not None and second.last_day is not None:
        cover = f"保障期为{day_in_words(second.first_day)}至{day_in_words(second.last_day)}"
        return f"逾期未划款的，本次登记的名单全部无效；相关会员可在下半年另行办理，{cover}。"
    cover = f"保障自办理之日的次日起，至{day_in_words(last_day)}止"
    return f"逾期未划款的，本次集中参保的名单全部无效；相关会员须另行办理即时参保，{cover}。"


@router.get("", responses=problem_responses(401, 403, 404, 409))
async def show_notice(
    principal: Operator, service: TheService, coverage_year: Year, scheme: Campaign = Scheme.CENTRALIZED
) -> Notice:
    """参保告知书的内容。"""
    return await _notice(service, principal, scheme, coverage_year)


@router.get(
    ".pdf",
    response_class=Response,
    responses={200: {"content": {PDF: {}}}, **problem_responses(401, 403, 404, 409)},
)
async def print_notice(
    principal: Operator, service: TheService, coverage_year: Year, scheme: Campaign = Scheme.CENTRALIZED
) -> Response:
    """下载参保告知书；每次提交后内容随之更新。"""
    notice = await _notice(service, principal, scheme, coverage_year)
    content = await asyncio.to_thread(render, notice, service.settings.font_paths)
    name = f"notice-{coverage_year}-{principal.organisation_id}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=PDF, headers=headers)


async def _notice(service: InsuranceService, principal: Principal, scheme: Scheme, year: int) -> Notice:
    async with reading(service.context.engine) as conn:
        return await notice_of(conn, principal.organisation_id, scheme, year, service.context.clock.now())


def render(notice: Notice, font_paths: Sequence[Path]) -> bytes:
    """The notice as PDF. Blocking: run it in a thread."""
    return typeset(_TEMPLATE, paper_of(notice), font_paths, "参保告知书")


def paper_of(notice: Notice) -> dict[str, Any]:
    """What is printed, ready to be set."""
    year = f"{notice.coverage_year}年度"
    pay_until = f"{day_in_words(notice.pay_until)}（含）前" if notice.pay_until else "区局工会通知的日期前"
    return {
        "title": f"{year}会员专享基本保障集中参保告知书",
        "to": notice.union_name,
        "opening": f"贵会参加{year}会员专享基本保障集中参保，截至{day_in_words(notice.made_on)}，提交情况如下：",
        "rows": [
            ["保障年度", str(notice.coverage_year)],
            ["保障类型", f"{notice.class_code} 类"],
            ["参保人数", f"{notice.heads} 人"],
            ["保障期限", f"{day_in_words(notice.first_day)}至{day_in_words(notice.last_day)}"],
            ["保障费用合计", _yuan(notice.fee_fen)],
            ["其中：市总工会统一划拨", _yuan(notice.subsidy_fen)],
            ["　　　区局（各级）工会缴费", _yuan(notice.district_fen)],
            ["　　　基层单位缴费", _yuan(notice.union_fen)],
            ["基层单位划款截止日", day_in_words(notice.pay_until) if notice.pay_until else "由区局工会通知"],
        ],
        "paragraphs": [
            f"请于{pay_until}，按{notice.district_name}的安排，将贵会承担的{_yuan(notice.union_fen)}"
            f"（大写：{capital_yuan(Fen(notice.union_fen))}）划入其账户；"
            "请勿直接向中心划款。",
            notice.when_late,
            "名单如有补充，可在截止日前再次提交；告知书以最近一次提交后的内容为准。",
        ],
        "signed": ["上海市总工会职工援助服务中心", "上海市职工保障互助中心"],
        "date": day_in_words(notice.made_on),
    }


def _yuan(amount_fen: int) -> str:
    return f"{format_yuan(Fen(amount_fen))}元"
