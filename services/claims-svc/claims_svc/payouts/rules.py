"""Payouts: their numbers, their states, and how an answer of the bank is filed (domain 6). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from unioncard.contracts.claims import PayoutBatchState
from unioncard.contracts.payees import Unpayable

BATCH_LIMIT = 1000
# "Put right and sent again, once": what the bank sends back a second time stays with staff.
MOST_RETURNS = 2


class PayoutState(StrEnum):
    """Where a payout stands (划款状态)."""

    WAITING = "waiting"
    PAID = "paid"
    RETURNED = "returned"
    LEFT_OUT = "left_out"
    """未能划出: found unpayable before anything was sent, or the bank would not take its batch."""


PAYOUT_LABELS: Mapping[PayoutState, str] = {
    PayoutState.WAITING: "划款中",
    PayoutState.PAID: "已到账",
    PayoutState.RETURNED: "已退回",
    PayoutState.LEFT_OUT: "未能划出",
}
BATCH_LABELS: Mapping[PayoutBatchState, str] = {
    PayoutBatchState.GATHERED: "待发送",
    PayoutBatchState.SENDING: "发送中",
    PayoutBatchState.SENT: "银行办理中",
    PayoutBatchState.DONE: "已完成",
}

NO_ACCOUNT = "no_account"
NO_MEMBER = "no_member"
REFUSED_BY_BANK = "refused_by_bank"
NUMBER_GONE = "number_gone"
GONE_CODES = frozenset({"NUMBER_CHANGED", "ACCOUNT_CANCELLED"})
"""Why the bank sends money back that no later day will bring to the same number."""
UNPAYABLE_LABELS: Mapping[str, str] = {
    Unpayable.NO_CARD: "会员没有可以入账的服务卡，请先办卡，或改划单位账户",
    Unpayable.CANCELLED: "会员的服务卡已销户，请重新办卡，或改划单位账户",
    Unpayable.NOT_ACTIVATED: "会员的服务卡超过六个月未激活，请本人到网点激活，或改划单位账户",
    Unpayable.LOST: "会员的服务卡已挂失，请补卡后再划款，或改划单位账户",
    NO_ACCOUNT: "没有可用的收款账户，请由区局（产业）工会指定单位账户，或补全继承人账户",
    NO_MEMBER: "没有查到该会员的资料，请核对会员信息后再划款",
    NUMBER_GONE: "银行已告知该卡号已更换或销户，尚未取得新卡号；请取回银行卡片文件后再划款，或改划单位账户",
    REFUSED_BY_BANK: "银行未受理该划款批次，请联系银行核实后再划款",
}


def batch_number(day: date, place: int) -> str:
    """``FK202003100001``: FK (付款), the day, and a count of the day."""
    return f"FK{day:%Y%m%d}{place:04d}"


def payout_number(batch: str, place: int) -> str:
    """``FK202003100001-0001``: the batch and a place in it. Each attempt to pay has a number of its own."""
    return f"{batch}-{place:04d}"


class Verdict(StrEnum):
    """What becomes of one result. All but the first two are kept in ``payout_set_aside`` under their own name."""

    NEWS = "news"
    REPEAT = "repeat"
    UNKNOWN_BATCH = "unknown_batch"
    UNKNOWN_PAYOUT = "unknown_payout"
    OTHER_BATCH = "other_batch"
    NOT_SENT = "not_sent"
    OTHER_AMOUNT = "other_amount"
    CONTRADICTS = "contradicts"


SET_ASIDE = frozenset(Verdict) - {Verdict.NEWS, Verdict.REPEAT}

VERDICT_LABELS: Mapping[Verdict, str] = {
    Verdict.UNKNOWN_BATCH: "没有这个划款批次",
    Verdict.UNKNOWN_PAYOUT: "没有这笔划款",
    Verdict.OTHER_BATCH: "划款不在该批次中",
    Verdict.NOT_SENT: "该笔划款没有发送给银行",
    Verdict.OTHER_AMOUNT: "金额与划款金额不符",
    Verdict.CONTRADICTS: "与已登记的结果相反",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What we have of a payout. ``answered_at``: when the bank knew what we filed last."""

    batch_number: str
    amount_fen: int
    state: PayoutState
    sent: bool
    answered_at: datetime | None


def judge(known: Known | None, batch: str, status: PayoutState, amount_fen: int, said_at: datetime) -> Verdict:
    """File a result for a payout; ``known`` is None where nobody has it.

    Money that had arrived may come back later: that is news. What the bank knew before is no news any more, in
    whatever order it comes.
    """
    if known is None:
        return Verdict.UNKNOWN_PAYOUT
    if known.batch_number != batch:
        return Verdict.OTHER_BATCH
    if known.state is PayoutState.LEFT_OUT or not known.sent:
        return Verdict.NOT_SENT
    if known.amount_fen != amount_fen:
        return Verdict.OTHER_AMOUNT
    if known.state is PayoutState.WAITING:
        return Verdict.NEWS
    if known.state is status:
        return Verdict.REPEAT
    later = known.answered_at is None or said_at > known.answered_at
    if status is PayoutState.RETURNED:
        return Verdict.NEWS if later else Verdict.CONTRADICTS
    return Verdict.CONTRADICTS if later else Verdict.REPEAT
