"""Fee splits over HTTP: the district sets them before its unions' window."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from insurance_svc.campaigns.deadlines import must_be_open
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.changes import Amount, CampaignScheme, ClassCode, Term, Year
from insurance_svc.service import DISTRICT, VIEWERS, TheService, scope
from insurance_svc.splits import rules, store
from insurance_svc.splits.rules import NewSplit
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Phase
from unioncard.database import reading
from unioncard.districts import district_of
from unioncard.problems import Problem, conflict, invalid
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Day, Id
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/fee-splits", tags=["基层缴费设置"])

_EXAMPLE: dict[str, Any] = {
    "scheme": "centralized",
    "coverage_year": 2020,
    "splits": [{"class_code": "A", "term": "full", "district_fen": 300, "union_fen": 1000}],
}


class Split(BaseModel):
    """What district and union carry of a head's fee."""

    model_config = ConfigDict(extra="forbid")

    class_code: ClassCode
    term: Term
    central: bool | None = Field(None, description="按央企补贴；为空时按本区局在该年度央企名单中与否")
    union_id: Id | None = Field(None, description="仅对该基层工会；为空时为本区局的默认设置")
    district_fen: Amount
    union_fen: Amount


class Splits(BaseModel):
    """Splits to set; others stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    scheme: CampaignScheme = Field("centralized", description="以该方案日历中的缴费设置阶段为准")
    coverage_year: Year
    splits: list[Split] = Field(min_length=1, max_length=1000)
    valid_from: Day | None = Field(None, description="有效期首日；为空时按日历")
    valid_to: Day | None = Field(None, description="有效期末日；为空时按日历")


class SplitShown(BaseModel):
    """A split as it stands."""

    id: int
    district_id: int
    district_name: str
    coverage_year: int
    class_code: str
    term: str
    central: bool
    union_id: int | None = Field(description="为空时为区局的默认设置")
    union_name: str | None
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int
    valid_from: date
    valid_to: date
    set_at: datetime


class SplitsSet(BaseModel):
    """How many are as asked for now."""

    set: int
    missing: list[str] = Field(description="尚未设置默认比例的档次")


@router.post(
    "", status_code=201, response_model=SplitsSet, responses=problem_responses(401, 403, 404, 409), summary="设置"
)
async def set_splits(
    body: Splits,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(*DISTRICT))],
    service: TheService,
) -> Response:
    """区局设置各档次由区局和基层工会承担的金额；仅在缴费设置阶段内，已有名单使用后不能更改。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> SplitsSet:
            return await _set(tx, principal, body)

        return await once(tx, principal, key, body, make)


async def _set(tx: Transaction, principal: Principal, body: Splits) -> SplitsSet:
    year = body.coverage_year
    # Lists that are being priced finish first and are seen below.
    await seasons.hold_alone(tx.conn, year)
    district = await district_of(tx.conn, principal.organisation_id)
    await must_be_open(tx, body.scheme, year, Phase.FEE_SPLIT, district.id)
    valid_from, valid_to = await _validity(tx, body, district.id)
    central = await seasons.is_central(tx.conn, district.id, year)
    entries = [_entry(one, central) for one in body.splits]
    rates = await seasons.rates(tx.conn, year)
    wanted = sorted({one.union_id for one in entries if one.union_id})
    rows = rules.faults(entries, rates, await store.unions_among(tx.conn, district.id, wanted))
    if rows:
        raise Problem(422, "splits-unfit", f"{len(rows)} 项设置不正确，均未保存", "请按各行提示修改。", rows=rows)
    standing = await store.standing(tx.conn, district.id, year)
    before = {key: (row.district_fen, row.union_fen) for key, row in standing.items()}
    if rules.in_use(entries, before, await store.used(tx.conn, district.id, year)):
        raise conflict(
            "split-in-use",
            "已有参保名单按现行设置计算，不能更改",
            "请先将使用该设置的名单退回或作废，或自下一年度起更改。",
        )
    await store.put(tx, principal, district.id, year, entries, (valid_from, valid_to))
    tx.audit(
        "splits.set",
        f"splits:{district.id}/{year}",
        organisation_id=district.id,
        before={"splits": [[*one.key, *before[one.key]] for one in entries if one.key in before]},
        after={"splits": [[*one.key, one.district_fen, one.union_fen] for one in entries]},
    )
    return SplitsSet(set=len(entries), missing=rules.missing({*before, *(one.key for one in entries)}, rates, central))


def _entry(one: Split, central: bool) -> NewSplit:
    kind = central if one.central is None else one.central
    return NewSplit(one.class_code, one.term, kind, one.union_id or 0, one.district_fen, one.union_fen)


async def _validity(tx: Transaction, body: Splits, district_id: int) -> tuple[date, date]:
    days = (await seasons.phases(tx.conn, body.scheme, body.coverage_year, district_id)).get("fee_split_validity")
    first = body.valid_from or (days and days.first_day) or date(body.coverage_year, 1, 1)
    last = body.valid_to or (days and days.last_day) or date(body.coverage_year, 12, 31)
    if last < first:
        raise invalid("bad-validity", "有效期不正确", "有效期末日不能早于首日。")
    return first, last


@router.get("", responses=problem_responses(401, 403, 404), summary="列表")
async def list_splits(
    principal: Annotated[Principal, Depends(Allow(*VIEWERS))],
    service: TheService,
    paging: Paging,
    coverage_year: Annotated[Year | None, Query()] = None,
    class_code: Annotated[ClassCode | None, Query()] = None,
    district_id: Annotated[Id | None, Query(description="区局")] = None,
) -> Page[SplitShown]:
    """缴费设置：本区局的默认设置，以及管理范围内各工会的单独设置。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        filters = store.Filters(coverage_year, class_code, district_id)
        rows, total = await store.page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[_shown(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


def _shown(row: Any) -> SplitShown:
    return SplitShown.model_validate(dict(row._mapping) | {"union_id": row.union_id or None})
