"""What staff record about a batch over HTTP: the bank's call, pickups, closing."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from card_svc.batches import events, store
from card_svc.batches.api import Number, Operator
from card_svc.batches.rules import PICKUP_STEPS, BatchState, Pickup
from card_svc.batches.views import BatchDetail, PickedUp, as_detail
from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.service import SUPERIORS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import Channel
from unioncard.dates import shanghai_date
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, LongText
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/batches", tags=["办卡批次管理"])

_STEP_OF = {Pickup.COLLECTED: Step.COLLECTED, Pickup.IN_PERSON: Step.IN_PERSON}


class Call(BaseModel):
    """The bank called the contact to collect."""

    model_config = ConfigDict(extra="forbid")

    called_on: date = Field(description="银行来电日期")


class InPerson(BaseModel):
    """A member who declined to give a copy and collects alone, with the notice letter (领卡告知函)."""

    model_config = ConfigDict(extra="forbid")

    member_id: Id


class Pickups(BaseModel):
    """Cards handed to the union's operator, and members left to collect in person."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"all_collected": True, "in_person": [{"member_id": 7}], "on": "2024-05-20"}]},
    )

    collected: list[Id] | None = Field(None, max_length=1000, description="已代领的会员")
    all_collected: bool = Field(False, description="除 in_person 之外全部已代领")
    in_person: list[InPerson] = Field([], max_length=1000, description="银行出具领卡告知函、由本人领取的会员")
    on: date = Field(description="领卡日期")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.all_collected and self.collected is not None:
            raise ValueError("collected 与 all_collected=true 二选一")
        if not (self.all_collected or self.collected or self.in_person):
            raise ValueError("请填写 collected、all_collected 或 in_person")
        if {one.member_id for one in self.in_person} & set(self.collected or []):
            raise ValueError("同一会员不能既已代领又由本人领取")
        return self


class Closure(BaseModel):
    """Why a batch is closed although not everything is accounted for."""

    model_config = ConfigDict(extra="forbid")

    reason: LongText


@router.post(
    "/{number}/call", status_code=201, response_model=BatchDetail, responses=problem_responses(401, 403, 404, 409)
)
async def record_call(
    number: Number, body: Call, key: IdempotencyKey, principal: Operator, service: TheService
) -> Response:
    """登记银行的领卡电话；再次登记可更正日期。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> BatchDetail:
            row = await _open_batch(tx, principal, number)
            if row.channel == Channel.SPECIAL:
                raise conflict("no-call", "特殊通道没有领卡电话", "特殊通道由会员本人到网点办理并领卡。")
            _check_day(tx, row, body.called_on)
            if row.called_on != body.called_on:
                await store.set_called(tx.conn, number, body.called_on)
                before = {"called_on": row.called_on}
                row = await _batch(tx, principal, number)
                events.called(tx, row)
                _audit(tx, "batch.called", row, before=before, after={"called_on": body.called_on})
            return as_detail(service.personal, row, tx.now)

        return await once(tx, principal, key, body, make)


@router.post(
    "/{number}/pickups", status_code=201, response_model=PickedUp, responses=problem_responses(401, 403, 404, 409)
)
async def record_pickups(
    number: Number, body: Pickups, key: IdempotencyKey, principal: Operator, service: TheService
) -> Response:
    """登记领卡：工会代领的会员，以及凭领卡告知函由本人领取的会员。已登记的不受影响。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> PickedUp:
            row = await _batch(tx, principal, number)
            _check_day(tx, row, body.on)
            wanted = _wanted(body, await store.issued_members(tx.conn, number))
            recorded = await store.pick_up(tx.conn, number, {m: p.value for m, p in wanted.items()}, body.on)
            if not recorded:
                return PickedUp(recorded=0, counts=events.counts_of(row), state=row.state)
            await cardlog.add_each(
                tx,
                [one.member_id for one in recorded],
                [_STEP_OF[Pickup(one.pickup)] for one in recorded],
                [number] * len(recorded),
                [None] * len(recorded),
            )
            (row,) = await store.recount(tx.conn, [number])
            events.picked_up(tx, row)
            counts = events.counts_of(row)
            _audit(tx, "batch.picked-up", row, after={"recorded": len(recorded)} | counts.model_dump())
            return PickedUp(recorded=len(recorded), counts=counts, state=row.state)

        return await once(tx, principal, key, body, make)


@router.post(
    "/{number}/closure", status_code=201, response_model=BatchDetail, responses=problem_responses(401, 403, 404, 409)
)
async def close_batch(
    number: Number,
    body: Closure,
    key: IdempotencyKey,
    principal: Annotated[Principal, Depends(Allow(*SUPERIORS))],
    service: TheService,
) -> Response:
    """上级工会说明原因后关闭批次，不再催领；银行之后的反馈仍会登记。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> BatchDetail:
            before = await _open_batch(tx, principal, number)
            if not await store.close(tx.conn, number, tx.now, body.reason):
                raise conflict(
                    "not-at-bank", "批次尚未送达银行，不能关闭", "请待银行受理后再操作；平台会自动重新发送。"
                )
            row = await _batch(tx, principal, number)
            events.closed(tx, row, body.reason)
            _audit(tx, "batch.closed", row, before={"state": before.state}, after={"reason": body.reason})
            return as_detail(service.personal, row, tx.now)

        return await once(tx, principal, key, body, make)


def _wanted(body: Pickups, issued: Mapping[int, str | None]) -> dict[int, Pickup]:
    """Who is to be recorded how; a problem that names whoever has no card here, or was recorded as something else."""
    wanted = {one.member_id: Pickup.IN_PERSON for one in body.in_person}
    if body.all_collected:
        wanted |= {member: Pickup.COLLECTED for member, had in issued.items() if had is None and member not in wanted}
    wanted |= dict.fromkeys(body.collected or [], Pickup.COLLECTED)
    rows = [
        _row_error(line, member, "该会员在本批次中没有办卡成功", "请核对会员，或等待银行反馈")
        for line, member in enumerate(wanted, start=1)
        if member not in issued
    ]
    rows += [
        _row_error(line, member, "该会员的卡已登记为代领", "无需再登记为本人领取")
        for line, (member, pickup) in enumerate(wanted.items(), start=1)
        if (had := issued.get(member)) is not None and pickup != had and pickup not in PICKUP_STEPS[Pickup(had)]
    ]
    if rows:
        raise Problem(422, "pickups-unfit", f"{len(rows)} 名会员不能登记领卡", "请按各行提示修改。", rows=rows)
    return wanted


def _row_error(line: int, member_id: int, reason: str, remedy: str) -> RowError:
    return RowError(line=line, name="", number=f"会员 {member_id}", field="member_id", reason=reason, remedy=remedy)


def _check_day(tx: Transaction, row: Any, day: date) -> None:
    if not shanghai_date(row.submitted_at) <= day <= shanghai_date(tx.now):
        raise invalid("bad-day", "日期不正确", "日期不能早于批次提交日，也不能晚于今天。")


async def _batch(tx: Transaction, principal: Principal, number: str) -> Any:
    row = await store.find(tx.conn, await scope(tx.conn, principal), number, lock=True)
    if row is None:
        raise not_found("这个办卡批次")
    return row


async def _open_batch(tx: Transaction, principal: Principal, number: str) -> Any:
    row = await _batch(tx, principal, number)
    if row.state not in (BatchState.SUBMITTED, BatchState.ACCEPTED):
        raise conflict("batch-over", "该批次已办结或已关闭", "无需再作处理。")
    return row


def _audit(
    tx: Transaction,
    action: str,
    row: Any,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    tx.audit(action, f"batch:{row.number}", organisation_id=row.union_id, before=before, after=after)
