"""The district's review (区局审核): lists to review, the basket, returning, submission to the centre."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field, model_validator

from insurance_svc.batches import events, lists, store, submission
from insurance_svc.batches.lists import Season
from insurance_svc.batches.rules import Money, credit_used
from insurance_svc.batches.views import (
    BatchDetail,
    ClassSums,
    ReviewList,
    ReviewTotals,
    Strict,
    Year,
    as_detail,
    sums,
)
from insurance_svc.campaigns.deadlines import must_be_open
from insurance_svc.enrolments.release import release_lists
from insurance_svc.exclusions.store import excluded_in_batch
from insurance_svc.seasons import store as seasons
from insurance_svc.service import DISTRICT, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Phase, Scheme
from unioncard.database import reading
from unioncard.dates import day_start
from unioncard.districts import district_of
from unioncard.names import normalise_name
from unioncard.notices import NewNotice, tell
from unioncard.problems import Problem, RowError, invalid, not_found
from unioncard.text import InvalidValue
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Day, Id, LongText, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/district-review", tags=["区局审核"], responses=problem_responses(401, 403, 404))

District = Annotated[Principal, Depends(Allow(*DISTRICT))]
# Personal enrolments are batched by themselves every day; no district reviews them.
Reviewed = Literal[Scheme.CENTRALIZED, Scheme.INSTANT, Scheme.REGISTRATION]


class Chosen(Strict):
    """Lists of one campaign: those named, or all."""

    scheme: Reviewed
    coverage_year: Year
    enrolment_ids: list[Id] | None = Field(None, min_length=1, max_length=1000)
    all: bool = Field(False, description="全部名单")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.all == (self.enrolment_ids is not None):
            raise ValueError("enrolment_ids 与 all=true 二选一")
        return self


class Moved(BaseModel):
    """How many lists moved; those already there count as done."""

    moved: int


class Return(Strict):
    """Lists to give back to their unions, and why."""

    scheme: Reviewed
    coverage_year: Year
    enrolment_ids: list[Id] = Field(min_length=1, max_length=1000)
    reason: LongText


class Returned(BaseModel):
    """How many lists went back."""

    returned: int


class Submission(Strict):
    """Who answers for the batch; payment details go to the e-mail address."""

    scheme: Reviewed
    coverage_year: Year
    operator_name: Text = Field(examples=["张三"])
    operator_phone: str = Field(pattern=r"^[0-9+() -]{7,20}$", examples=["021-12345678"])
    operator_email: str = Field(
        max_length=100,
        pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        examples=["someone@example.org"],
    )


@router.get("/lists", summary="待审核名单")
async def list_lists(
    principal: District,
    service: TheService,
    paging: Paging,
    scheme: Reviewed,
    coverage_year: Annotated[int, Query(ge=2000, le=2999)],
    state: lists.ReviewState | None = None,
    union_id: Annotated[Id | None, Query()] = None,
    union_name: Annotated[Text | None, Query(description="工会名称，可只填一部分")] = None,
    credit_code: Annotated[Text | None, Query(description="工会的统一社会信用代码")] = None,
    class_code: Annotated[Text | None, Query()] = None,
    submitted_from: Annotated[Day | None, Query()] = None,
    submitted_until: Annotated[Day | None, Query(description="含当日")] = None,
    unpaid: Annotated[bool | None, Query(description="基层尚未缴费")] = None,
) -> Page[ReviewList]:
    """本区局待审核与待提交的名单，集中与即时分开，先到的在前。"""
    key = paging.key(int)
    filters = lists.Filters(
        state,
        union_id,
        union_name,
        credit_code,
        class_code,
        day_start(submitted_from) if submitted_from else None,
        day_start(submitted_until + timedelta(days=1)) if submitted_until else None,
        unpaid,
    )
    season = Season(principal.organisation_id, scheme, coverage_year)
    async with reading(service.context.engine) as conn:
        rows, total = await lists.page(conn, season, filters, key[0] if key else 0, paging.limit + 1)
    return Page(
        items=[ReviewList.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


@router.get("/totals", summary="审核合计")
async def show_totals(
    principal: District,
    service: TheService,
    scheme: Reviewed,
    coverage_year: Annotated[int, Query(ge=2000, le=2999)],
) -> ReviewTotals:
    """待审核、待提交的人数与四项金额，分档次合计，可抵用的清算分配款，以及提交后应缴金额。"""
    season = Season(principal.organisation_id, scheme, coverage_year)
    async with reading(service.context.engine) as conn:
        found = await lists.totals(conn, season)
        available = await submission.credit_available(conn, season.district_id)
    ready = [one for one in found if one.state == "basket" and not one.unpaid]
    money = _sum(ready)
    credit = credit_used(available, money) if any(one.centralized for one in ready) else 0
    return ReviewTotals(
        waiting=sums(_sum([one for one in found if one.state == "submitted"])),
        basket=sums(money),
        basket_by_class=[ClassSums(class_code=one.class_code, **sums(one.money).model_dump()) for one in ready],
        left_out=sums(_sum([one for one in found if one.state == "basket" and one.unpaid])),
        credit_available_fen=max(0, available),
        credit_fen=credit,
        due_fen=money.shares_fen - credit,
    )


def _sum(parts: Sequence[lists.Totals]) -> Money:
    return Money(
        sum(one.money.lists for one in parts),
        sum(one.money.heads for one in parts),
        sum(one.money.fee_fen for one in parts),
        sum(one.money.subsidy_fen for one in parts),
        sum(one.money.district_fen for one in parts),
        sum(one.money.union_fen for one in parts),
    )


@router.post("/basket", response_model=Moved, status_code=201, responses=problem_responses(409), summary="移入待提交")
async def put_into_basket(body: Chosen, key: IdempotencyKey, principal: District, service: TheService) -> Response:
    """将审核通过的名单移入待提交。"""
    return await _move(body, key, principal, service, "basket")


@router.post(
    "/basket/removals", response_model=Moved, status_code=201, responses=problem_responses(409), summary="移出待提交"
)
async def take_off_basket(body: Chosen, key: IdempotencyKey, principal: District, service: TheService) -> Response:
    """将名单移出待提交，重新审核。"""
    return await _move(body, key, principal, service, "submitted")


async def _move(
    body: Chosen, key: IdempotencyKey, principal: Principal, service: TheService, to: lists.ReviewState
) -> Response:
    season = Season(principal.organisation_id, body.scheme, body.coverage_year)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Moved:
            if body.enrolment_ids is not None:
                await _known(tx, season, body.enrolment_ids)
            await _review_open(tx, season, body.enrolment_ids)
            moved = await lists.move(tx, season, body.enrolment_ids, to)
            if moved:
                _audit(tx, f"review.{'basket' if to == 'basket' else 'taken-off'}", season, {"lists": moved})
            return Moved(moved=len(moved))

        return await once(tx, principal, key, body, make)


@router.post("/returns", response_model=Returned, status_code=201, responses=problem_responses(409), summary="退回名单")
async def return_lists(body: Return, key: IdempotencyKey, principal: District, service: TheService) -> Response:
    """说明原因，将名单退回基层工会；名单上的会员即可重新参保。"""
    season = Season(principal.organisation_id, body.scheme, body.coverage_year)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Returned:
            found = await _known(tx, season, body.enrolment_ids)
            await _review_open(tx, season, body.enrolment_ids)
            await release_lists(tx, [row.id for row in found], "returned", body.reason)
            await tell(tx, [_returned_notice(row, body.reason) for row in found])
            _audit(tx, "review.returned", season, {"lists": [row.id for row in found], "reason": body.reason})
            return Returned(returned=len(found))

        return await once(tx, principal, key, body, make)


@router.post(
    "/submissions", response_model=BatchDetail, status_code=201, responses=problem_responses(409), summary="提交中心"
)
async def submit(body: Submission, key: IdempotencyKey, principal: District, service: TheService) -> Response:
    """将待提交的名单作为一个参保批次提交市职保中心，提交后不能更改；集中参保中基层尚未缴费的名单留在待提交。"""
    operator = _operator(body)
    season = Season(principal.organisation_id, body.scheme, body.coverage_year)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> BatchDetail:
            await submission.lock_district(tx.conn, season.district_id)
            await seasons.hold(tx.conn, season.coverage_year)
            district = await district_of(tx.conn, season.district_id)
            centralized = await submission.is_centralized(tx.conn, season)
            if centralized:
                await must_be_open(
                    tx, season.scheme, season.coverage_year, Phase.DISTRICT_SUBMISSION, season.district_id
                )
            row = await submission.submit(
                tx,
                service.personal,
                season,
                district.code,
                operator,
                principal.account_id,
                centralized=centralized,
            )
            events.submitted(tx, row)
            after = {"heads": row.heads, "lists": row.lists, "fee_fen": row.fee_fen, "due_fen": row.due_fen}
            tx.audit("batch.submitted", f"batch:{row.number}", organisation_id=season.district_id, after=after)
            shown = await store.find(tx.conn, await scope(tx.conn, principal), row.number)
            assert shown is not None  # made a moment ago, by this district
            excluded = await excluded_in_batch(tx.conn, row.number)
            return as_detail(service.personal, shown, await store.sums(tx.conn, row.number), excluded)

        return await once(tx, principal, key, body, make)


def _operator(body: Submission) -> submission.Operator:
    """The operator as it is stored; a name that is none is refused before anything is asked."""
    try:
        return submission.Operator(normalise_name(body.operator_name), body.operator_phone, body.operator_email)
    except InvalidValue as error:
        raise invalid(error.code, error.reason_zh, error.remedy_zh) from None


async def _review_open(tx: Transaction, season: Season, ids: Sequence[int] | None) -> None:
    """Lists of a campaign are reviewed in its days; other ways all year round."""
    if await lists.has_centralized(tx.conn, season, ids):
        await must_be_open(tx, season.scheme, season.coverage_year, Phase.DISTRICT_REVIEW, season.district_id)


async def _known(tx: Transaction, season: Season, ids: Sequence[int]) -> Sequence[Any]:
    """The lists under this district's review, or a problem that names those that are not."""
    found = await lists.under_review(tx.conn, season, ids)
    missing = sorted(set(ids) - {row.id for row in found})
    if not missing:
        return found
    if not found:
        raise not_found("这些名单")
    rows = [
        RowError(
            line=line,
            name="",
            number=f"名单 {one}",
            field="enrolment_ids",
            reason="该名单不在审核中",
            remedy="请刷新列表后重新选择",
        )
        for line, one in enumerate(missing, start=1)
    ]
    raise Problem(409, "not-under-review", f"有 {len(missing)} 份名单不在审核中", "请刷新后重新选择。", rows=rows)


def _returned_notice(row: Any, reason: str) -> NewNotice:
    return NewNotice(
        organisation_id=row.union_id,
        kind="list_returned",
        about=f"enrolment:{row.id}",
        title=f"{row.coverage_year}年度参保名单已被区局退回",
        text=f"{row.class_code}档名单（{row.heads}人）被退回，原因：{reason}。请改正后重新提交，并留意截止日期。",
    )


def _audit(tx: Transaction, action: str, season: Season, after: dict[str, Any]) -> None:
    subject = f"campaign:{season.scheme}/{season.coverage_year}"
    tx.audit(action, subject, organisation_id=season.district_id, after=after)
