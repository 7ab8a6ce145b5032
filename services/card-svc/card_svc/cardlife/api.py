"""The bank's callback about the life of cards, and whether a card that somebody shows is valid."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from card_svc.bank.models import Filed
from card_svc.cardlife import payees, rules, store
from card_svc.cardlife.models import Notice
from card_svc.cardlife.rules import INVALID_LABELS, Invalid
from card_svc.service import HONOURING, TheService
from unioncard.auth import Allow, Principal
from unioncard.contracts.members import MemberState
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.web.app import problem_responses
from unioncard.web.callbacks import read_signed, signed_body

router = APIRouter()

# A member on the way to another union is a member still.
_IN_UNION = (MemberState.NORMAL, MemberState.IN_TRANSFER)


class Shown(BaseModel):
    """A card that somebody shows."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[str, Field(pattern=r"^[0-9]{10}$", description="会员编号，即卡背面的条形码")]


class Validity(BaseModel):
    """Whether it is to be honoured. Whose card it is, is not said."""

    valid: bool
    reason: Invalid | None
    label: str | None


@router.post(
    "/partners/bank/card-lives",
    tags=["银行回调"],
    openapi_extra=signed_body(Notice),
    responses=problem_responses(401),
)
async def take_lives(request: Request, service: TheService) -> Filed:
    """银行告知用卡状态的变动（激活、挂失、补换卡、销户等）：可重复、可乱序；不属于本平台的卡号留待核对。"""
    notice = await read_signed(request, service.context.keys.partner_secret("bank"), Notice)
    async with service.context.work.begin("partner:bank") as tx:
        return await store.file_lives(tx, service.personal, notice.notice_id, notice.lives)


# With the number in the body, so that it stands in no access log.
@router.post("/cards/validity", tags=["卡片信息管理"], responses=problem_responses(401, 403))
async def check_validity(
    shown: Shown, _: Annotated[Principal, Depends(Allow(*HONOURING))], service: TheService
) -> Validity:
    """凭条形码查询会员服务卡今日是否有效，供提供会员优惠的单位使用；只答是否，不答持卡人信息。"""
    async with reading(service.context.engine) as conn:
        found = await payees.shown(conn, shown.number)
    state, card = found or (None, None)
    today = shanghai_date(service.context.clock.now())
    reason = rules.valid(in_union=state in _IN_UNION, card=card, day=today)
    return Validity(valid=reason is None, reason=reason, label=INVALID_LABELS[reason] if reason else None)
