"""Submitting batches and looking at them over HTTP."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from card_svc.batches import events, rules, store, submission
from card_svc.batches.rules import NUMBERS_A_MINUTE
from card_svc.batches.views import Batch, BatchDetail, BatchMember, Submitted, as_batch, as_detail, as_member
from card_svc.cards.store import lock_union
from card_svc.organisations import district_code_of
from card_svc.outlets import store as outlets
from card_svc.personal import PersonalData
from card_svc.service import OPERATOR, VIEWERS, CardService, TheService, scope
from card_svc.todo.rules import CheckState, hindrance
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import Channel
from unioncard.database import reading
from unioncard.dates import day_start
from unioncard.names import normalise_name
from unioncard.phones import normalise_mobile
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.text import InvalidValue
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Day, Id, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/batches", tags=["办卡批次管理"])

Operator = Annotated[Principal, Depends(Allow(*OPERATOR))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]
Number = Annotated[str, Path(pattern=r"^cbc[0-9]{15}([0-9]{2})?$", examples=["cbc363202404291502"])]
# Days for which "the day after" and its instant exist.

ROWS_SHOWN = 200


class Submission(BaseModel):
    """Which channel is submitted, where its cards are collected, and whom the bank calls."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "channel": "normal",
                    "branch": "中东示例支行",
                    "outlet": "ZD-001",
                    "contact_name": "张三",
                    "contact_mobile": "13800000000",
                }
            ]
        },
    )

    channel: Channel
    branch: Text | None = Field(None, description="发卡支行；特殊通道不填")
    outlet: Text | None = Field(None, description="经办网点的编号；特殊通道不填")
    contact_name: Text = Field(description="工会经办人姓名")
    contact_mobile: Text = Field(description="工会经办人手机号码")

    @model_validator(mode="after")
    def _outlet_by_channel(self) -> Self:
        if self.channel is Channel.NORMAL and (self.branch is None or self.outlet is None):
            raise ValueError("普通通道须选择发卡支行和经办网点")
        if self.channel is Channel.SPECIAL and (self.branch is not None or self.outlet is not None):
            raise ValueError("特殊通道由会员本人到任意网点办理，不选择网点")
        return self


@router.post("", status_code=201, response_model=Submitted, responses=problem_responses(401, 403, 404, 409))
async def submit(body: Submission, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """提交办卡：该通道全部待办会员；每批最多 1000 人，超出时自动分为多个批次。"""
    name, mobile = _contact(body)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Submitted:
            await lock_union(tx.conn, principal.organisation_id)
            district_code = await district_code_of(tx.conn, principal.organisation_id)
            outlet = await _outlet(tx, body)
            total = await _ready(tx, service.personal, principal.organisation_id, body.channel)
            wanted = submission.Submission(principal.organisation_id, district_code, body.channel, outlet, name, mobile)
            return await _submit(tx, service, principal, wanted, rules.sizes(total))

        return await once(tx, principal, key, body, make)


async def _submit(
    tx: Transaction, service: CardService, principal: Principal, wanted: submission.Submission, sizes: list[int]
) -> Submitted:
    numbers = await submission.take_numbers(tx, wanted.district_code, len(sizes))
    await submission.submit(tx, service.personal, wanted, numbers, sizes)
    visible = await scope(tx.conn, principal)
    rows = await store.find_all(tx.conn, visible, numbers)
    for row in rows:
        events.submitted(tx, row)
        tx.audit(
            "batch.submitted", f"batch:{row.number}", organisation_id=wanted.union_id, after={"members": row.members}
        )
    return Submitted(batches=[as_batch(row, tx.now) for row in rows])


def _contact(body: Submission) -> tuple[str, str]:
    """The contact as it is stored; a name or mobile that is none is refused before anything is asked."""
    try:
        return normalise_name(body.contact_name), normalise_mobile(body.contact_mobile)
    except InvalidValue as error:
        raise invalid(error.code, error.reason_zh, error.remedy_zh) from None


async def _outlet(tx: Transaction, body: Submission) -> Any:
    if body.branch is None or body.outlet is None:
        return None
    outlet = await outlets.find(tx.conn, body.branch, body.outlet)
    if outlet is None:
        raise invalid("unknown-outlet", "没有这个经办网点", "请从网点目录中重新选择发卡支行和经办网点。")
    return outlet


async def _ready(tx: Transaction, personal: PersonalData, union_id: int, channel: Channel) -> int:
    """How many records the channel has, all of them ready; otherwise a problem that names those that are not."""
    total, holding_up = await submission.count(tx.conn, union_id, channel)
    if not total:
        raise conflict("nothing-to-submit", "该通道没有待办会员", "请先将会员添加至待办；如刚提交过，请查看办卡批次。")
    if len(rules.sizes(total)) > NUMBERS_A_MINUTE:
        raise conflict("too-many", "一次提交的会员过多", "请移出部分会员，分次提交。")
    if holding_up:
        rows = await submission.holding_up(tx.conn, union_id, channel, ROWS_SHOWN)
        raise Problem(
            409,
            "not-ready",
            f"有 {holding_up} 名会员尚不能提交",
            "请按各行提示处理，或移出后再提交。" + (f"（仅列出前 {ROWS_SHOWN} 名）" if holding_up > ROWS_SHOWN else ""),
            rows=[_row_error(personal, channel, line, row) for line, row in enumerate(rows, start=1)],
        )
    return total


def _row_error(personal: PersonalData, channel: Channel, line: int, row: Any) -> RowError:
    found = hindrance(channel, CheckState(row.check_state), row.complete)
    assert found is not None  # that is why the row was found
    return RowError(
        line=line,
        name=personal.name(row.member_id, row.name),
        number=personal.masked_document(row.member_id, row.document_number),
        field="信息校验结果" if row.check_state != CheckState.PASSED else "信息完善状态",
        reason=found[0],
        remedy=found[1],
    )


@router.get("", responses=problem_responses(401, 403, 404))
async def list_batches(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    number: Annotated[Text | None, Query(description="批次编号")] = None,
    channel: Channel | None = None,
    submitted_from: Day | None = None,
    submitted_until: Annotated[Day | None, Query(description="含当日")] = None,
    printed: Annotated[bool | None, Query(description="清册是否已打印")] = None,
    late: bool | None = None,
    overdue: bool | None = None,
    union_id: Annotated[Id | None, Query()] = None,
) -> Page[Batch]:
    """办卡批次列表，最新的在前。"""
    key = paging.key(int)
    filters = store.Filters(
        number,
        union_id,
        channel,
        day_start(submitted_from) if submitted_from else None,
        day_start(submitted_until + timedelta(days=1)) if submitted_until else None,
        printed,
        late,
        overdue,
    )
    now = service.context.clock.now()
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        rows, total = await store.page(conn, visible, filters, now, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[as_batch(row, now) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
        total=total,
    )


@router.get("/{number}", responses=problem_responses(401, 403, 404))
async def show_batch(number: Number, principal: Viewer, service: TheService) -> BatchDetail:
    """一个办卡批次。"""
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), number)
    if row is None:
        raise not_found("这个办卡批次")
    return as_detail(service.personal, row, service.context.clock.now())


@router.get("/{number}/members", responses=problem_responses(401, 403, 404))
async def list_members(
    number: Number,
    principal: Viewer,
    service: TheService,
    paging: Paging,
    outcome: Literal["waiting", "issued", "failed"] | None = None,
) -> Page[BatchMember]:
    """批次中的会员及办理结果，按清册顺序。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        if await store.find(conn, await scope(conn, principal), number) is None:
            raise not_found("这个办卡批次")
        rows = await store.members_page(conn, number, outcome, key[0] if key else 0, paging.limit + 1)
    return Page(
        items=[as_member(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.place]),
    )
