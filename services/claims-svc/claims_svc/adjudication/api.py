"""The centre's review over HTTP: the queue, decisions, second eyes, medical questions; and appeals."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from claims_svc.adjudication import deciding, rules, store, views
from claims_svc.claims import store as claims
from claims_svc.claims.reach import log_read, reached, reached_locked
from claims_svc.claims.rules import BENEFIT_LABELS, STATE_LABELS
from claims_svc.claims.views import Number
from claims_svc.service import CENTRE_REVIEWER, FEDERATION, FILERS, ClaimsService, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit
from unioncard.database import reading
from unioncard.problems import invalid
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.idempotency import IdempotencyKey, RequestKey, once
from unioncard.web.pages import Paging, cursor_after

router = APIRouter(tags=["中心审核"], responses=problem_responses(401, 403))

Reviewer = Annotated[Principal, Depends(Allow(*CENTRE_REVIEWER))]
Viewer = Annotated[Principal, Depends(Allow(*CENTRE_REVIEWER, *FEDERATION))]
Filer = Annotated[Principal, Depends(Allow(*FILERS))]
Stage = Literal[ClaimState.ADJUDICATING, ClaimState.MEDICAL_REVIEW, ClaimState.CONFIRMING]
Year = Annotated[int | None, Query(ge=2000, le=2999, description="保障年度")]
ACT: dict[str, Any] = {
    "status_code": 201,
    "response_model": views.Done,
    "responses": problem_responses(404, 409),
}


@router.get("/review-queue", summary="中心待办")
async def show_queue(
    principal: Reviewer,
    service: TheService,
    paging: Paging,
    stage: Annotated[Stage | None, Query(description="环节：审核、医学复核、复核")] = None,
) -> views.Queue:
    """等待审核、医学答复和复核的申请，先等待的在前；各环节件数、金额和最早时间。"""
    key = paging.key(datetime, str)
    async with reading(service.context.engine) as conn:
        rows = await store.queue(conn, principal.account_id, stage, key, paging.limit + 1)
        counted = None if key else await store.counts(conn)
    return views.Queue(
        items=[_item(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.changed_at.isoformat(), row.number]),
        total=None if counted is None else sum(one.claims for name, one in counted.items() if stage in (None, name)),
        tabs=None
        if counted is None
        else [
            views.Stage(
                state=one,
                state_label=STATE_LABELS[one],
                claims=counted[one].claims,
                claimed_fen=counted[one].claimed_fen,
                oldest=counted[one].oldest,
            )
            for one in store.REVIEWED
            if one in counted
        ],
    )


def _item(row: Any) -> views.QueueItem:
    return views.QueueItem.model_validate(
        dict(row._mapping)
        | {
            "waiting_since": row.changed_at,
            "state_label": STATE_LABELS[ClaimState(row.state)],
            "benefit_label": BENEFIT_LABELS[Benefit(row.benefit)],
        }
    )


@router.get("/review-reasons", summary="审核理由")
async def list_reasons(_: Reviewer, coverage_year: Year = None) -> list[views.Reason]:
    """不予给付或少给付时可以引用的理由及其依据。"""
    return [views.Reason(code=one.code, rule=one.rule, text=one.text) for one in rules.reasons(coverage_year).values()]


@router.get("/claims/{number}/review", responses=problem_responses(404), summary="审核所见")
async def show_review(number: Number, principal: Viewer, service: TheService) -> views.Review:
    """申请、疑点提示、历次决定、医学问题和申诉；每次查看都有记录。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        log_read(tx, principal, row)
        return await views.review(tx.conn, service.personal, row)


@router.post("/claims/{number}/decision", **ACT, summary="作出决定")
async def decide(
    number: Number, body: views.Decision, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """同意给付或不予给付；超过规定金额的、突破规则的，由另一位审核员复核后生效。"""
    amounts = None
    if body.amounts is not None:
        amounts = {one.policy_id: one.approved_fen for one in body.amounts}
        if len(amounts) != len(body.amounts):
            raise invalid("amounts-twice", "同一份保单填写了两次金额", "请每份保单只填写一次。")

    async def act(tx: Transaction, row: Any) -> None:
        await deciding.decide(
            tx,
            service.settings,
            service.personal,
            principal,
            row,
            approve=body.approve,
            amounts=amounts,
            codes=list(dict.fromkeys(body.reasons)),
            note=body.note,
        )

    return await _act(service, principal, key, number, body, act)


@router.post("/claims/{number}/confirmation", **ACT, summary="复核决定")
async def confirm(
    number: Number, body: views.Confirmation, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """另一位审核员复核：同意的立即生效，不同意的退回重新审核。"""

    async def act(tx: Transaction, row: Any) -> None:
        await deciding.confirm(
            tx, service.settings, service.personal, principal, row, confirmed=body.confirmed, note=body.note
        )

    return await _act(service, principal, key, number, body, act)


@router.post("/claims/{number}/medical-questions", **ACT, summary="提出医学问题")
async def ask(
    number: Number, body: views.Question, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """向另一位审核员提出医学问题；答复之前申请等待。"""

    async def act(tx: Transaction, row: Any) -> None:
        await deciding.ask(tx, service.personal, principal, row, body.question)

    return await _act(service, principal, key, number, body, act)


@router.post("/claims/{number}/medical-answers", **ACT, summary="答复医学问题")
async def answer(
    number: Number, body: views.Answer, key: IdempotencyKey, principal: Reviewer, service: TheService
) -> Response:
    """由提问人以外的审核员答复；申请回到审核。"""

    async def act(tx: Transaction, row: Any) -> None:
        await deciding.answer(tx, service.personal, principal, row, body.answer)

    return await _act(service, principal, key, number, body, act)


@router.post("/claims/{number}/appeals", **ACT, summary="申诉")
async def appeal(
    number: Number, body: views.Appeal, key: IdempotencyKey, principal: Filer, service: TheService
) -> Response:
    """对不予给付或少给付的决定申诉，由另一位审核员重新审核；是否逾期以本次提交的时间为准。"""

    async def act(tx: Transaction, row: Any) -> None:
        await deciding.appeal(tx, service.personal, principal, row, body.reason)

    return await _act(service, principal, key, number, body, act)


async def _act(
    service: ClaimsService,
    principal: Principal,
    key: RequestKey,
    number: str,
    body: views.Strict,
    act: Callable[[Transaction, Any], Awaitable[None]],
) -> Response:
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> views.Done:
            await act(tx, await reached_locked(tx, principal, number))
            row = (await claims.by_numbers(tx.conn, [number]))[number]
            label = STATE_LABELS[ClaimState(row.state)]
            return views.Done(number=number, state=row.state, state_label=label, version=row.version)

        return await once(tx, principal, key, body, make)
