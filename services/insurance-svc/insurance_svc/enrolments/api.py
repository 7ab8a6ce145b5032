"""What a union does with its lists over HTTP: see who can be enrolled, preview, submit, withdraw."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from insurance_svc.enrolments import eligible, ground, lists, submission
from insurance_svc.enrolments.ground import Wanted
from insurance_svc.enrolments.release import release_lists
from insurance_svc.enrolments.rules import WAYS_OF, LeftOut, ListState, Term, Way, sums
from insurance_svc.enrolments.views import (
    CandidatePage,
    Enrolment,
    Preview,
    ReasonCount,
    as_candidate,
    as_enrolment,
    money_of,
    term_price,
)
from insurance_svc.service import OPERATOR, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import Scheme
from unioncard.database import reading
from unioncard.problems import conflict, not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, PathId, Text
from unioncard.web.idempotency import IdempotencyKey, claim_of, once
from unioncard.web.pages import Paging, cursor_after

router = APIRouter(prefix="/enrolments", tags=["参保信息管理"])

Operator = Annotated[Principal, Depends(Allow(*OPERATOR))]

Year = Annotated[int, Field(ge=2000, le=2999, description="保障年度")]
UnionWay = Literal[Way.CENTRALIZED, Way.NEWLY_ISSUED, Way.NO_COVER]
UnionScheme = Literal[Scheme.CENTRALIZED, Scheme.INSTANT, Scheme.REGISTRATION]

# A union has up to several thousand members; who has more submits all, or several lists.
MOST_CHOSEN = 10_000


class Choice(BaseModel):
    """What a union wants to submit: way, year, class, and whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"way": "centralized", "coverage_year": 2020, "class_code": "A", "member_ids": [1, 2]},
                {"way": "no_cover", "coverage_year": 2020, "class_code": "A"},
            ]
        },
    )

    way: UnionWay = Field(description="参保类型")
    scheme: UnionScheme | None = Field(None, description="按哪个日历办理；不填时集中参保按集中日历，其余按即时日历")
    coverage_year: Year
    class_code: Text = Field(description="保障类型；同一保障年度只能选择一个")
    member_ids: list[Id] | None = Field(
        None, min_length=1, max_length=MOST_CHOSEN, description="选中的会员；不填时为全部可参保会员"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.way not in WAYS_OF[self.calendar]:
            raise ValueError("该参保类型不按这个日历办理")
        # To leave somebody out, transfer out (G19 57).
        if self.way is Way.NO_COVER and self.member_ids is not None:
            raise ValueError("有卡无保人员须全体参保，不能选择会员；无需参保的人员请办理会员转出")
        if self.member_ids is not None and len(set(self.member_ids)) < len(self.member_ids):
            raise ValueError("同一会员在名单中出现了不止一次")
        return self

    @property
    def calendar(self) -> Scheme:
        """The scheme whose calendar judges."""
        return self.scheme or (Scheme.CENTRALIZED if self.way is Way.CENTRALIZED else Scheme.INSTANT)

    def by(self, union_id: int) -> Wanted:
        """As the union's wish."""
        return Wanted(union_id, self.calendar, Way(self.way), self.coverage_year, self.class_code, self.member_ids)


class Withdrawn(BaseModel):
    """The list is given up."""

    id: int
    state: ListState


@router.post("", status_code=201, response_model=Enrolment, responses=problem_responses(401, 403, 404, 409))
async def submit(body: Choice, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """提交至区局审核。可多次提交，名单累积；参保告知书随之更新。"""
    wanted = body.by(principal.organisation_id)

    async def alone() -> Response:
        async with service.context.work.begin(principal.actor) as tx:

            async def make() -> Enrolment:
                days = service.settings.just_issued_days
                return as_enrolment(await submission.submit(tx, service.personal, wanted, principal.account_id, days))

            return await once(tx, principal, key, body, make)

    if wanted.member_ids is not None:
        return await alone()
    return await service.gathering.submit(principal, claim_of(principal, key, body), wanted, alone)


@router.post("/preview", responses=problem_responses(401, 403, 404, 409))
async def preview(body: Choice, principal: Operator, service: TheService) -> Preview:
    """参保确认：人数与各方金额；不提交任何内容。"""
    wanted = body.by(principal.organisation_id)
    async with reading(service.context.engine) as conn:
        known = await ground.ground_of(conn, wanted, service.context.clock.now(), service.settings.just_issued_days)
        submission.must_be_class(known, wanted)
        rows = await eligible.heads(conn, known.offer, wanted.union_id, wanted.member_ids)
        heads = {Term(row.term): row.heads for row in rows}
        if wanted.member_ids is not None and sum(heads.values()) < len(wanted.member_ids):
            found = await eligible.unfit(conn, known.offer, wanted.union_id, wanted.member_ids, MOST_CHOSEN)
            raise submission.unfit(service.personal, wanted.member_ids, found)
        if not heads:
            raise submission.nobody()
        prices = await ground.prices_of(conn, known, wanted, sorted(heads))
    total = sums(prices, heads)
    window = known.phases.get("union_window" if wanted.way is Way.CENTRALIZED else "enrolment")
    payment = known.phases.get("union_payment") if wanted.way is Way.CENTRALIZED else None
    return Preview(
        **money_of(total),
        class_code=wanted.class_code,
        class_fixed=known.class_code is not None,
        without_subsidy_fen=total.fee_fen - total.subsidy_fen,
        terms=[term_price(price, heads[price.term]) for price in prices],
        first_day=min(row.first_day for row in rows),
        last_day=known.offer.last_day,
        submit_until=window.last_day if window else None,
        pay_until=payment.last_day if payment else None,
    )


@router.get("/eligible", responses=problem_responses(401, 403, 404, 409))
async def list_eligible(
    principal: Operator,
    service: TheService,
    paging: Paging,
    way: UnionWay,
    coverage_year: Annotated[int, Query(ge=2000, le=2999)],
    scheme: UnionScheme | None = None,
    only: Annotated[Literal["eligible", "left_out"] | None, Query(description="只看可参保或未列入的会员")] = None,
) -> CandidatePage:
    """可参保会员，以及未列入者的原因。"""
    calendar = scheme or (Scheme.CENTRALIZED if way is Way.CENTRALIZED else Scheme.INSTANT)
    if way not in WAYS_OF[calendar]:
        raise conflict("way-not-of-scheme", "该参保类型不按这个日历办理", "请核对参保类型与日历。")
    key = paging.key(int)
    union_id = principal.organisation_id
    async with reading(service.context.engine) as conn:
        asked = Wanted(union_id, calendar, Way(way), coverage_year, "", None)
        known = await ground.ground_of(conn, asked, service.context.clock.now(), service.settings.just_issued_days)
        wanted = None if only is None else only == "eligible"
        rows = await eligible.page(conn, known.offer, union_id, wanted, key[0] if key else 0, paging.limit + 1)
        reasons = (await eligible.reasons(conn, known.offer, [union_id]))[union_id] if key is None else None
    first = reasons is not None
    counted = reasons or {}
    return CandidatePage(
        items=[as_candidate(service.personal, row, known.offer.last_day) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.member_id]),
        total=sum(n for reason, n in counted.items() if wanted in (None, reason is None)) if first else None,
        eligible=counted.get(None, 0) if first else None,
        left_out=[
            ReasonCount(reason=one, reason_text=one.reason, members=counted[one]) for one in LeftOut if one in counted
        ]
        if first
        else None,
    )


@router.post(
    "/{enrolment_id}/withdrawal",
    status_code=201,
    response_model=Withdrawn,
    responses=problem_responses(401, 403, 404, 409),
)
async def withdraw(enrolment_id: PathId, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """撤回被区局退回的名单。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Withdrawn:
            row = await lists.find(tx.conn, await scope(tx.conn, principal), enrolment_id)
            if row is None:
                raise not_found("这份参保名单")
            if row.list_state != ListState.RETURNED:
                raise conflict(
                    "not-returned", "只有区局退回的名单可以撤回", "如需更改已提交的名单，请联系区局将其退回。"
                )
            await release_lists(tx, [enrolment_id], "withdrawn", None)
            return Withdrawn(id=enrolment_id, state=ListState.WITHDRAWN)

        return await once(tx, principal, key, f"withdraw {enrolment_id}".encode(), make)
