"""Payouts as staff see them: names opened, documents and account numbers masked."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from claims_svc.claims.rules import BENEFIT_LABELS, PayeeKind
from claims_svc.payouts.rules import PAYOUT_LABELS, UNPAYABLE_LABELS, PayoutState
from claims_svc.personal import PersonalData
from unioncard.contracts.cover import Benefit


class Person(BaseModel):
    """Whose claim it is."""

    member_name: str
    member_number: str | None
    member_document: str = Field(description="证件号码，部分隐藏")
    union_name: str
    district_name: str


class Payout(Person):
    """一笔划款；每次划款有各自的编号。"""

    number: str
    batch_number: str
    claim_number: str
    benefit: Benefit
    benefit_label: str
    payee: PayeeKind
    account_end: str | None = Field(description="收款账号末四位")
    amount_fen: int
    state: PayoutState
    state_label: str
    reason: str | None = Field(description="退回或未能划出的原因")
    limits_exempt: bool = Field(description="按二类账户限额豁免划款")
    paid_at: datetime | None
    returned_at: datetime | None


class ToPutRight(Person):
    """一件退汇待处理的给付申请及其最近一次划款。"""

    claim_number: str
    benefit: Benefit
    benefit_label: str
    payee: PayeeKind
    account_end: str | None
    amount_fen: int
    reason: str
    since: datetime
    returns: int = Field(description="银行已退回的次数")


def payout(personal: PersonalData, row: Any) -> Payout:
    """A row of :func:`claims_svc.payouts.views.payouts`."""
    labels = {"state_label": PAYOUT_LABELS[PayoutState(row.state)], "reason": why(row)}
    return Payout.model_validate(dict(row._mapping) | _person(personal, row) | labels)


def to_put_right(personal: PersonalData, row: Any) -> ToPutRight:
    """A row of :func:`claims_svc.payouts.views.to_put_right`."""
    more = {"since": row.changed_at, "reason": why(row)}
    return ToPutRight.model_validate(dict(row._mapping) | _person(personal, row) | more)


def why(row: Any) -> str | None:
    """Why a payout came back, or was not sent at all; None while nothing is wrong."""
    if row.state == PayoutState.LEFT_OUT:
        return UNPAYABLE_LABELS[row.unpayable]
    return (row.reason or "银行未说明原因") if row.state == PayoutState.RETURNED else None


def _person(personal: PersonalData, row: Any) -> dict[str, str]:
    return {
        "member_name": personal.name(row.member_id, row.member_name),
        "member_document": personal.masked_document(row.member_id, row.member_document),
        "benefit_label": BENEFIT_LABELS[Benefit(row.benefit)],
    }
