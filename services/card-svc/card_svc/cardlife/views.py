"""A card's life as staff and members see it."""

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from card_svc.cardlife import rules
from card_svc.cardlife.payees import card_of
from card_svc.cardlife.rules import AccountClass, LifeState
from unioncard.contracts.payees import Unpayable


class Limits(BaseModel):
    """非绑定账户转入限额；市总及互助保障会代发不受限。"""

    each_fen: int | None = Field(description="单笔限额（分），空为不限")
    a_day_fen: int | None = Field(description="日累计限额（分），空为不限")
    a_year_fen: int = Field(description="年累计限额（分）")


class CardLife(BaseModel):
    """A card's life on the day of the question."""

    state: LifeState
    label: str
    account_class: AccountClass = Field(description="1 一类账户，2 二类账户")
    activated_on: date | None = Field(description="激活日期")
    activate_by: date | None = Field(description="最迟激活日期：此后未激活即不能入账；空为没有期限或已激活")
    lost_on: date | None = Field(description="挂失日期")
    lost_until: date | None = Field(description="口头挂失有效期的最后一日")
    numbers_kept: int = Field(description="现用卡号补换卡时已保留的次数")
    keeps_left: int = Field(description="补换卡时还可保留卡号的次数")
    payable: bool = Field(description="今日能否入账")
    unpayable: Unpayable | None
    unpayable_label: str | None
    remedy: str | None
    limits: Limits | None = Field(description="空为不限")


def life_of(row: Any, today: date) -> CardLife | None:
    """Of a row with LIFE_COLUMNS; None without a card."""
    card = card_of(row)
    if card is None:
        return None
    why = rules.payable(card, today)
    label, remedy = rules.UNPAYABLE_TEXTS[why] if why else (None, None)
    limits = rules.limits(card, today)
    return CardLife(
        state=card.state,
        label=label_of(card, today),
        account_class=card.account_class,
        activated_on=card.activated_on,
        activate_by=rules.last_day_to_activate(card),
        lost_on=card.lost_on,
        lost_until=rules.last_day_of_loss(card),
        numbers_kept=card.numbers_kept,
        keeps_left=rules.keeps_left(card),
        payable=why is None,
        unpayable=why,
        unpayable_label=label,
        remedy=remedy,
        limits=Limits(each_fen=limits.each_fen, a_day_fen=limits.a_day_fen, a_year_fen=limits.a_year_fen)
        if limits
        else None,
    )


def label_of(card: rules.Card, today: date) -> str:
    """卡片状态 in a word."""
    if card.state is LifeState.LOST_BY_PHONE and not rules.is_lost(card, today):
        return "口头挂失已过期"
    if card.state is LifeState.OPEN and rules.is_dormant(card, today):
        return "逾期未激活"
    if card.state is LifeState.OPEN and card.told and card.activated_on is None:
        return "未激活"
    return rules.STATE_LABELS[card.state]
