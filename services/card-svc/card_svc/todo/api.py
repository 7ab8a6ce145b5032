"""The to-do list over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards.rules import OBSTACLE_TEXTS, Obstacle, must_be_special, obstacle
from card_svc.cards.store import lock_union
from card_svc.personal import PersonalData
from card_svc.service import OPERATOR, VIEWERS, TheService, scope
from card_svc.todo import store
from card_svc.todo.rules import CheckState, expired
from unioncard.auth import Allow, Principal
from unioncard.contracts.cards import CardState, Channel
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.documents import DocumentType
from unioncard.names import normalise_name
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.text import InvalidValue, half_width, without_spaces
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, PathId, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/todo", tags=["待办会员列表"])

Operator = Annotated[Principal, Depends(Allow(*OPERATOR))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Chosen(BaseModel):
    """Which members: a list of them, or all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"member_ids": [1, 2]}, {"all": True}]})

    member_ids: list[Id] | None = Field(None, min_length=1, max_length=1000, description="选中的会员")
    all: bool = Field(False, description="本工会全部可办卡的会员")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.all == (self.member_ids is not None):
            raise ValueError("member_ids 与 all=true 二选一")
        return self


class LeftOut(BaseModel):
    """Members without a card whom "all" does not take, by why."""

    not_employed: int = Field(description="灵活就业或企业外入会")
    not_normal: int = Field(description="会员状态不正常")
    no_number: int = Field(description="会员编号未生成")


class Added(BaseModel):
    """What adding did."""

    added: int
    normal: int = Field(description="进入普通通道")
    special: int = Field(description="进入特殊通道")
    left_out: LeftOut | None = Field(None, description="仅在 all=true 时给出")


class Removal(BaseModel):
    """Who leaves the list: chosen members, or all of a channel that hold its submission up."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"member_ids": [1]}, {"all_not_passed": True, "channel": "normal"}]},
    )

    member_ids: list[Id] | None = Field(None, min_length=1, max_length=1000)
    all_not_passed: bool = Field(False, description="该通道全部未通过、未校验或信息未完善的会员")
    channel: Channel | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.all_not_passed == (self.member_ids is not None):
            raise ValueError("member_ids 与 all_not_passed=true 二选一")
        if self.all_not_passed and self.channel is None:
            raise ValueError("all_not_passed=true 时须指明 channel")
        return self


class Removed(BaseModel):
    """How many left the list."""

    removed: int


class ChannelChoice(BaseModel):
    """Where a record shall go."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel


class Completion(BaseModel):
    """What the bank must know of the document (完善信息)."""

    model_config = ConfigDict(extra="forbid")

    document_expiry: date = Field(description="证件到期日；长期有效填 9999-12-31")
    nationality: Text = Field(description="国籍")
    document_type: DocumentType | None = Field(None, description="证件类型；仅特殊通道可改")


class TodoRecord(BaseModel):
    """A row of the list."""

    member_id: int
    union_id: int
    number: str = Field(description="会员编号")
    name: str
    document_type: str
    document_number: str = Field(description="证件号码（掩码）")
    document_expiry: date | None
    nationality: str | None
    channel: Channel
    added_at: datetime
    check_state: CheckState
    check_reason: str | None
    checked_at: datetime | None
    complete: bool = Field(description="证件信息已完善")


class Totals(BaseModel):
    """Of one channel, whatever the filters."""

    all: int
    passed: int
    not_passed: int
    unchecked: int
    checking: int
    complete: int
    incomplete: int


class TodoPage(Page[TodoRecord]):
    """A page with the counts of both tabs and the totals of this one (domain 8)."""

    tabs: dict[Channel, int]
    totals: Totals


def document_filter(personal: PersonalData, text: str | None) -> list[str] | None:
    """What a search for a document number compares with."""
    return None if text is None else list(personal.document_hashes(without_spaces(half_width(text)).upper()))


def name_filter(personal: PersonalData, text: str | None) -> list[str] | None:
    """What a search for a name compares with; what cannot be a name is nobody's."""
    if text is None:
        return None
    try:
        return list(personal.name_hashes(normalise_name(text)))
    except InvalidValue:
        return []


@router.post("", status_code=201, response_model=Added, responses=problem_responses(401, 403, 404, 409))
async def add(body: Chosen, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """添加选中或全部未办卡、办卡失败的会员至待办；选中的会员中有一人不符合条件，则全部不添加。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Added:
            union_id = principal.organisation_id
            await scope(tx.conn, principal)
            await lock_union(tx.conn, union_id)
            if body.member_ids is not None:
                await _refuse_unfit(tx, service.personal, union_id, body.member_ids)
            moved = await store.add(tx, union_id, body.member_ids)
            by_channel = await _channels(tx, [one.member_id for one in moved])
            tx.audit("todo.added", f"union:{union_id}", organisation_id=union_id, after={"members": len(moved)})
            left_out = LeftOut(**await store.left_out(tx.conn, union_id)) if body.all else None
            return Added(added=len(moved), left_out=left_out, **by_channel)

        return await once(tx, principal, key, body, make)


async def _channels(tx: Transaction, ids: list[int]) -> dict[str, int]:
    special = await store.count_special(tx.conn, ids)
    return {"normal": len(ids) - special, "special": special}


async def _refuse_unfit(tx: Transaction, personal: PersonalData, union_id: int, ids: list[int]) -> None:
    found = await store.candidates(tx.conn, union_id, ids)
    rows: list[RowError] = []
    for line, member_id in enumerate(ids, start=1):
        row = found.get(member_id)
        why = (
            Obstacle.NOT_FOUND if row is None else obstacle(row.kind, row.state, row.number, CardState(row.card_state))
        )
        if why is not None:
            rows.append(_row_error(personal, line, row, why))
    if rows:
        raise Problem(
            422, "members-unfit", f"{len(rows)} 名会员不能添加至待办", "请按各行提示处理后重新添加。", rows=rows
        )


def _row_error(personal: PersonalData, line: int, row: Any, why: Obstacle) -> RowError:
    reason, remedy = OBSTACLE_TEXTS[why]
    name = personal.name(row.id, row.name) if row else ""
    number = personal.masked_document(row.id, row.document_number) if row else ""
    return RowError(line=line, name=name, number=number, field="member_ids", reason=reason, remedy=remedy)


@router.post("/removals", status_code=201, response_model=Removed, responses=problem_responses(401, 403, 404, 409))
async def remove(body: Removal, key: IdempotencyKey, principal: Operator, service: TheService) -> Response:
    """移出待办：选中的会员，或某通道全部未通过、未校验、未完善的会员。已不在列表中的会员不受影响。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Removed:
            union_id = principal.organisation_id
            await lock_union(tx.conn, union_id)
            if body.member_ids is not None:
                removed = await store.remove_chosen(tx, union_id, body.member_ids)
            else:
                assert body.channel is not None  # the model insists on it
                removed = await store.remove_holding_up(tx, union_id, body.channel)
            tx.audit("todo.removed", f"union:{union_id}", organisation_id=union_id, after={"members": len(removed)})
            return Removed(removed=len(removed))

        return await once(tx, principal, key, body, make)


@router.post("/{member_id}/channel", status_code=204, responses=problem_responses(401, 403, 404, 409))
async def switch(member_id: PathId, body: ChannelChoice, principal: Operator, service: TheService) -> None:
    """切换办卡通道；非居民身份证件只能走特殊通道。"""
    async with service.context.work.begin(principal.actor) as tx:
        await lock_union(tx.conn, principal.organisation_id)
        record = await _record(tx, principal, member_id)
        if body.channel is Channel.NORMAL and must_be_special(record.document_type):
            raise conflict(
                "special-only",
                "该会员只能通过特殊通道办卡",
                "会员的证件不是居民身份证；如证件类型有误，请先在会员管理中修改。",
            )
        if record.channel != body.channel:
            await store.set_channel(tx.conn, member_id, body.channel)
            await cardlog.add(tx, Step.CHANNEL_CHANGED, [member_id], reason=_channel_reason(body.channel))
            tx.audit(
                "todo.channel",
                f"member:{member_id}",
                organisation_id=principal.organisation_id,
                before={"channel": record.channel},
                after={"channel": body.channel},
            )


def _channel_reason(channel: Channel) -> str:
    return "转入特殊通道" if channel is Channel.SPECIAL else "转入普通通道"


@router.put("/{member_id}/document", status_code=204, responses=problem_responses(401, 403, 404, 409))
async def complete(member_id: PathId, body: Completion, principal: Operator, service: TheService) -> None:
    """修改证件到期日、国籍（特殊通道可补充证件类型），无需审核。"""
    async with service.context.work.begin(principal.actor) as tx:
        await lock_union(tx.conn, principal.organisation_id)
        record = await _record(tx, principal, member_id)
        if expired(body.document_expiry, shanghai_date(tx.now)):
            raise invalid(
                "document-expired", "证件已过有效期", "请核对证件到期日；证件确已到期的，请换领新证后再办卡。"
            )
        kind = str(body.document_type or record.document_type)
        if kind != record.document_type and record.channel != Channel.SPECIAL:
            raise conflict("normal-keeps-type", "普通通道不能修改证件类型", "请先将该会员切换至特殊通道。")
        await store.complete(tx.conn, member_id, kind, body.document_expiry, body.nationality)
        await cardlog.add(tx, Step.COMPLETED, [member_id])
        tx.audit(
            "todo.document",
            f"member:{member_id}",
            organisation_id=principal.organisation_id,
            before={"expiry": record.document_expiry, "nationality": record.nationality, "type": record.document_type},
            after={"expiry": body.document_expiry, "nationality": body.nationality, "type": kind},
        )


async def _record(tx: Transaction, principal: Principal, member_id: int) -> Any:
    record = await store.find(tx.conn, principal.organisation_id, member_id)
    if record is None:
        raise not_found("待办列表中的这名会员")
    return record


@router.get("", responses=problem_responses(401, 403, 404))
async def list_todo(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    channel: Channel = Channel.NORMAL,
    name: Annotated[Text | None, Query()] = None,
    document_number: Annotated[Text | None, Query()] = None,
    check_state: CheckState | None = None,
    complete: bool | None = None,
    union_id: Annotated[Id | None, Query()] = None,
) -> TodoPage:
    """待办会员列表，按办卡通道分页签，附合计。"""
    personal = service.personal
    key = paging.key(int)
    filters = store.Filters(
        channel,
        union_id,
        name_filter(personal, name),
        document_filter(personal, document_number),
        check_state,
        complete,
    )
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        counts = await store.counts(conn, visible, union_id)
        rows = await store.page(conn, visible, filters, key[0] if key else None, paging.limit + 1)
    return TodoPage(
        items=[_as_record(personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.member_id]),
        tabs={one: sum(row.records for row in counts if row.channel == one) for one in Channel},
        totals=_totals([row for row in counts if row.channel == channel]),
    )


def _totals(rows: list[Any]) -> Totals:
    complete = sum(row.records for row in rows if row.complete)
    total = sum(row.records for row in rows)
    by_state = {state.value: sum(row.records for row in rows if row.check_state == state) for state in CheckState}
    return Totals(all=total, complete=complete, incomplete=total - complete, **by_state)


def _as_record(personal: PersonalData, row: Any) -> TodoRecord:
    return TodoRecord.model_validate(
        dict(row._mapping)
        | {
            "name": personal.name(row.member_id, row.name),
            "document_number": personal.masked_document(row.member_id, row.document_number),
        }
    )
