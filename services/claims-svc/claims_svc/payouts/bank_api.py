"""The bank's callback about payouts."""

from fastapi import APIRouter, Request

from claims_svc.payouts.answers import file_answers
from claims_svc.payouts.models import Filed, PayoutAnswer
from claims_svc.service import TheService
from unioncard.messaging import inbox
from unioncard.web.app import problem_responses
from unioncard.web.callbacks import read_signed, signed_body

router = APIRouter(prefix="/partners/bank", tags=["银行回调"])


@router.post("/payout-answers", openapi_extra=signed_body(PayoutAnswer), responses=problem_responses(401))
async def take_payout_answer(request: Request, service: TheService) -> Filed:
    """银行反馈划款结果：可重复、可乱序、可分次；无法归档的结果留待核对，不作为错误返回。"""
    answer = await read_signed(request, service.context.keys.partner_secret("bank"), PayoutAnswer)
    async with service.context.work.begin("partner:bank") as tx:
        if await inbox.claim(tx.conn, [inbox.Claim(f"payout-answer/{answer.answer_id}", "done")]):
            return await file_answers(tx, [answer])
    count = len(answer.results)
    return Filed(results=count, news=0, repeats=count, set_aside=0)
