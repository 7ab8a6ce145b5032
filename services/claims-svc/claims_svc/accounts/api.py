"""Unit accounts over HTTP: the district names them, a second pair of eyes approves."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from claims_svc.accounts import store
from claims_svc.service import CENTRE, ClaimsService, TheService, scope
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.districts import district_of
from unioncard.problems import Problem, conflict, not_found
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import LongText, PathId, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/unit-accounts", tags=["单位账户"], responses=problem_responses(401, 403, 404))

District = Annotated[Principal, Depends(Allow(Role.DISTRICT))]
Decider = Annotated[Principal, Depends(Allow(Role.DISTRICT, Role.CENTRE_PAYER))]
Viewer = Annotated[Principal, Depends(Allow(Role.UNION, Role.DISTRICT, *CENTRE, Role.FEDERATION))]
State = Literal["waiting", "approved", "refused", "closed"]


class Naming(BaseModel):
    """An account that the district names for payouts to units."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    holder_name: Text = Field(description="户名", examples=["示例科技公司工会委员会"])
    account_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,32}$")] = Field(
        description="账号，8 至 32 位数字", examples=["31602300000000001"]
    )
    bank: Text = Field(description="开户行", examples=["示例银行人民广场支行"])
    reason: LongText = Field(description="指定该账户的原因", examples=["单位代收给付款"])


class Deciding(BaseModel):
    """The second pair of eyes."""

    model_config = ConfigDict(extra="forbid")

    approved: bool


class Closing(BaseModel):
    """Why nothing more is paid to it."""

    model_config = ConfigDict(extra="forbid")

    reason: LongText


class UnitAccount(BaseModel):
    """一个单位账户；账号只显示末四位。"""

    id: int
    district_id: int
    district_name: str
    holder_name: str
    account_end: str = Field(description="账号末四位")
    bank: str
    state: State
    reason: str
    entered_by: int
    entered_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None


@router.get("", summary="单位账户列表")
async def list_accounts(
    principal: Viewer, service: TheService, paging: Paging, state: State | None = None
) -> Page[UnitAccount]:
    """本区局（工会：所属区局）已指定的单位账户，最新的在前。"""
    key = paging.key(int)
    async with reading(service.context.engine) as conn:
        visible = await scope(conn, principal)
        # A union asks for payment to an account of the district above it.
        own = [(await district_of(conn, principal.organisation_id)).id] if principal.role is Role.UNION else None
        rows = await store.page(conn, own, visible, state, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[_shown(service, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.id]),
    )


@router.post("", status_code=201, response_model=UnitAccount, responses=problem_responses(409), summary="指定单位账户")
async def name_account(body: Naming, key: IdempotencyKey, principal: District, service: TheService) -> Response:
    """区局指定一个单位账户，由另一人复核后可用于划款；更换账户请另行指定并停用原账户。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> UnitAccount:
            district = await district_of(tx.conn, principal.organisation_id)
            made = await store.enter(tx, service.personal, district.id, body.model_dump(), principal.account_id)
            if made is None:
                raise conflict("account-known", "该账户已经指定", "请查看单位账户列表；停用后可重新指定。")
            _audit(tx, "unit-account.entered", made, district.id)
            return await _found(tx, service, principal, made)

        return await once(tx, principal, key, body, make)


@router.post(
    "/{account_id}/decision",
    status_code=201,
    response_model=UnitAccount,
    responses=problem_responses(409),
    summary="复核单位账户",
)
async def decide_account(
    account_id: PathId, body: Deciding, key: IdempotencyKey, principal: Decider, service: TheService
) -> Response:
    """复核人不能是录入人；通过后可用于划款。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> UnitAccount:
            known = await _found(tx, service, principal, account_id)
            if known.entered_by == principal.account_id:
                raise Problem(403, "four-eyes", "录入人不能复核自己的录入", "请由另一位经办人复核。")
            state: Literal["approved", "refused"] = "approved" if body.approved else "refused"
            if await store.decide(tx, account_id, state, principal.account_id) is None:
                raise conflict("decided", "该账户已经复核或停用", "请刷新列表。")
            _audit(tx, f"unit-account.{state}", account_id, known.district_id)
            return await _found(tx, service, principal, account_id)

        return await once(tx, principal, key, body, make)


@router.post(
    "/{account_id}/closure",
    status_code=201,
    response_model=UnitAccount,
    responses=problem_responses(409),
    summary="停用单位账户",
)
async def close_account(
    account_id: PathId, body: Closing, key: IdempotencyKey, principal: Decider, service: TheService
) -> Response:
    """立即停用；尚未划出的给付转为退汇待处理，由经办人更正收款账户。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> UnitAccount:
            known = await _found(tx, service, principal, account_id)
            if await store.close(tx, account_id, body.reason, principal.account_id) is None:
                raise conflict("account-closed", "该账户已停用或未通过复核", "请刷新列表。")
            _audit(tx, "unit-account.closed", account_id, known.district_id)
            return await _found(tx, service, principal, account_id)

        return await once(tx, principal, key, body, make)


async def _found(tx: Transaction, service: ClaimsService, principal: Principal, account_id: int) -> UnitAccount:
    row = await store.find(tx.conn, await scope(tx.conn, principal), account_id)
    if row is None:
        raise not_found("这个单位账户")
    return _shown(service, row)


def _audit(tx: Transaction, action: str, account_id: int, district_id: int) -> None:
    tx.audit(action, f"unit-account:{account_id}", organisation_id=district_id)


def _shown(service: ClaimsService, row: Any) -> UnitAccount:
    name = service.personal.decrypt(store.HOLDER, store.subject(row.id), row.holder_name)
    return UnitAccount.model_validate(dict(row._mapping) | {"holder_name": name})
