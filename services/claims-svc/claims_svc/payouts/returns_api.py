"""What came back: who waits for a payout to be put right, and putting it right (domain 6)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.accounts import store as accounts
from claims_svc.claims import store as claims
from claims_svc.claims.rules import PAYEE_LABELS, ClaimEvent, PayeeKind, payees_of
from claims_svc.payouts import store, views
from claims_svc.payouts.rules import MOST_RETURNS
from claims_svc.payouts.shapes import ToPutRight, to_put_right
from claims_svc.service import CENTRE_PAYER, VIEWERS, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.claims import ClaimState
from unioncard.database import reading
from unioncard.problems import conflict, invalid, not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, LongText, Text
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["退汇"], responses=problem_responses(401, 403, 404))

Payer = Annotated[Principal, Depends(Allow(*CENTRE_PAYER))]
Viewer = Annotated[Principal, Depends(Allow(*VIEWERS))]


class Correction(BaseModel):
    """How a payout that did not arrive is put right."""

    model_config = ConfigDict(extra="forbid")

    payee: PayeeKind = Field(description="own_card：重新查询会员现有卡号；unit_account：改划单位账户；heir：继承人账户")
    account_id: Id | None = Field(None, description="单位账户；仅 unit_account")
    note: LongText = Field(description="如何更正", examples=["会员已换领新卡，按新卡号划款"])
    bank_denies_arrival: bool = Field(
        False, description="已向银行核实：款项确未到账。银行在退回之后又报告到账的，核实后才能重新划款"
    )


class Corrected(BaseModel):
    """Where the claim stands now."""

    claim_number: str
    state: Literal["to_pay"]
    payee: PayeeKind
    account_id: int | None


@router.get("/payout-returns", summary="退汇待处理")
async def list_to_put_right(
    principal: Viewer, service: TheService, paging: Paging, district_id: Annotated[Id | None, Query()] = None
) -> Page[ToPutRight]:
    """银行退回或未能划出、等待更正后重新划款的给付申请，按申请编号排列。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await views.to_put_right(
            conn, await scope(conn, principal), district_id, key[0] if key else "", paging.limit + 1
        )
    return Page(
        items=[to_put_right(service.personal, row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.claim_number]),
    )


@router.post(
    "/claims/{number}/payout-correction",
    status_code=201,
    response_model=Corrected,
    responses=problem_responses(409),
    summary="更正后重新划款",
)
async def correct(
    number: Text, body: Correction, key: IdempotencyKey, principal: Payer, service: TheService
) -> Response:
    """更正收款账户后重新划款一次，使用新的划款编号；银行第二次退回的由经办人线下处理。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Corrected:
            row = (await claims.locked(tx.conn, [number])).get(number)
            if row is None:
                raise not_found("这件给付申请")
            if row.state != ClaimState.RETURNED:
                raise conflict("not-returned", "该申请没有等待更正的划款", "请查看申请的办理状态。")
            if await store.returns_of(tx.conn, number) >= MOST_RETURNS:
                raise conflict(
                    "returned-twice",
                    "银行已两次退回，不能再次划款",
                    "请联系会员、工会与银行核实后线下处理。",
                )
            # Whoever sends again what arrived pays twice, and nothing on this side could tell.
            if not body.bank_denies_arrival and await store.said_to_have_arrived(tx.conn, number):
                raise conflict(
                    "said-to-have-arrived",
                    "银行在退回之后又报告该笔款项已到账，不能直接重新划款",
                    "请先向银行核实：确未到账的，填写 bank_denies_arrival 后再更正；已到账的，不要重新划款。",
                )
            if body.payee not in payees_of(ClaimEvent(row.event)):
                raise invalid("payee", f"该申请不能划入{PAYEE_LABELS[body.payee]}", "请选择其他收款方式。")
            await _check_account(tx.conn, row.district_id, body)
            account_id = body.account_id if body.payee is PayeeKind.UNIT_ACCOUNT else None
            moved = await claims.change(
                tx,
                number,
                [ClaimState.RETURNED],
                ClaimState.TO_PAY,
                payee=body.payee.value,
                account_id=account_id,
            )
            assert moved is not None  # locked
            after = {
                "payee": body.payee,
                "account_id": account_id,
                "note": body.note,
                "bank_denies_arrival": body.bank_denies_arrival,
            }
            tx.audit("payout.corrected", f"claim:{number}", organisation_id=row.union_id, after=after)
            return Corrected(claim_number=number, state="to_pay", payee=body.payee, account_id=account_id)

        return await once(tx, principal, key, body, make)


async def _check_account(conn: AsyncConnection, district_id: int, body: Correction) -> None:
    if body.payee is not PayeeKind.UNIT_ACCOUNT:
        if body.account_id is not None:
            raise invalid("account-not-wanted", "只有划入单位账户时才填写账户", "请去掉账户，或改选单位账户。")
        return
    if body.account_id is None or not await accounts.usable(conn, body.account_id, district_id):
        raise invalid(
            "account-not-usable",
            "没有这个可用的单位账户",
            "请选择申请所属区局（产业）工会已指定并复核通过的单位账户。",
        )
