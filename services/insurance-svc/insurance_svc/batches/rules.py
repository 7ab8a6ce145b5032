"""The life of a district's batch (参保批次), and whose calendar judges which step."""

from dataclasses import dataclass
from datetime import date, timedelta

from unioncard.contracts.insurance import PremiumState
from unioncard.money import Fen, format_yuan

STATE_LABELS = {
    PremiumState.REVIEWING: "参保审核中",
    PremiumState.PASSED: "待缴费",
    PremiumState.WRITTEN_OFF: "已核销",
    PremiumState.RETURNED: "已退回",
    PremiumState.VOIDED: "已作废",
}

# From where to where, and who does it (domain 5). Nothing leaves a state that has no line.
STEPS = {
    PremiumState.REVIEWING: frozenset({PremiumState.PASSED, PremiumState.RETURNED}),  # the centre
    PremiumState.PASSED: frozenset({PremiumState.WRITTEN_OFF, PremiumState.VOIDED}),  # the centre; the last day
}

TERM_LABELS = {"full": "全年", "half": "半年"}

ACCOUNT_NAME = "上海市职工保障互助中心会员专享保障专户"
ACCOUNT_NUMBER = "31602303002745697"
ACCOUNT_BANK = "上海银行人民广场支行"

NUMBERS_A_DAY = 9999


def number_of(day: date, running: int) -> str:
    """批次编号: CB + yyyymmdd + four digits. Raises ValueError for the 10,000th of a day."""
    if not 1 <= running <= NUMBERS_A_DAY:
        raise ValueError(f"no number {running} on a day")
    return f"CB{day:%Y%m%d}{running:04d}"


@dataclass(frozen=True, slots=True)
class Money:
    """What a number of lists comes to, in fen: fee = subsidy + district + union."""

    lists: int = 0
    heads: int = 0
    fee_fen: int = 0
    subsidy_fen: int = 0
    district_fen: int = 0
    union_fen: int = 0

    @property
    def shares_fen(self) -> int:
        """What district and unions pay before any credit."""
        return self.district_fen + self.union_fen


def credit_used(available_fen: int, money: Money) -> int:
    """What of the credit (清算分配款) a centralized batch takes: due never falls below zero, the rest stays."""
    return max(0, min(available_fen, money.shares_fen))


def due_on(centralized: bool, calendar_day: date | None, today: date, instant_days: int) -> date:
    """The last day of payment, included: the campaign's own, or so many days after the centre passed the batch."""
    if centralized and calendar_day is not None:
        return calendar_day
    return today + timedelta(days=instant_days)


def yuan(fen: int) -> str:
    """An amount as people read it: ``1,234.05``."""
    return format_yuan(Fen(fen))
