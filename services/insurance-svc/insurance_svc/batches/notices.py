"""What districts are told about their batches, and how it goes out: on the platform and by e-mail. No SQL here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from insurance_svc.batches.rules import ACCOUNT_BANK, ACCOUNT_NAME, ACCOUNT_NUMBER, yuan
from insurance_svc.seasons.rules import SCHEME_NAMES
from unioncard.contracts.insurance import PremiumNoticeKind
from unioncard.dates import day_in_words

# The centre's own matter: its accounts belong to the federation, which looks on.
FOR_THE_CENTRE = frozenset({PremiumNoticeKind.REVIEW_LATE})
# The district's, and the federation is told as well.
ESCALATED = frozenset({PremiumNoticeKind.OVERDUE, PremiumNoticeKind.VOIDED})


@dataclass(frozen=True, slots=True)
class Subject:
    """The batch a notice is about; amounts in fen."""

    number: str
    scheme: str
    coverage_year: int
    heads: int
    due_fen: int
    received_fen: int
    due_on: date | None
    vouchers: int
    reason: str | None

    @property
    def missing_fen(self) -> int:
        """What the district still owes."""
        return max(0, self.due_fen - self.received_fen)


_TITLES = {
    PremiumNoticeKind.PASSED: "参保批次 {0} 已审核通过，请缴费",
    PremiumNoticeKind.RETURNED: "参保批次 {0} 已被退回",
    PremiumNoticeKind.REVIEW_LATE: "参保批次 {0} 等待审核时间过长",
    PremiumNoticeKind.PAYMENT_REMINDER: "参保批次 {0} 缴费提醒",
    PremiumNoticeKind.PAYMENT_LAST_DAY: "参保批次 {0} 今天是缴费最后一天",
    PremiumNoticeKind.OVERDUE: "参保批次 {0} 已过缴费截止日",
    PremiumNoticeKind.WRITTEN_OFF: "参保批次 {0} 已核销",
    PremiumNoticeKind.VOIDED: "参保批次 {0} 因未缴费作废",
}


def title(kind: PremiumNoticeKind, number: str) -> str:
    """The notice's heading."""
    return _TITLES[kind].format(number)


def text(kind: PremiumNoticeKind, batch: Subject) -> str:
    """What the notice says and what is to be done."""
    return (
        f"{batch.coverage_year}年度{SCHEME_NAMES[batch.scheme]}（{batch.heads}人）：{''.join(_sentences(kind, batch))}"
    )


def _sentences(kind: PremiumNoticeKind, batch: Subject) -> Sequence[str]:
    last = day_in_words(batch.due_on) if batch.due_on else ""
    match kind:
        case PremiumNoticeKind.PASSED:
            if not batch.due_fen:
                return "清算分配款已足够抵用，无须缴费，等待核销。", ""
            return (
                f"请于{last}（含）前将{yuan(batch.due_fen)}元汇至{ACCOUNT_NAME}（{ACCOUNT_NUMBER}，{ACCOUNT_BANK}），",
                f"汇款附言只填写批次编号{batch.number}，并上传缴费凭证。",
            )
        case PremiumNoticeKind.RETURNED:
            return f"退回原因：{batch.reason or '未填写'}。", "请改正后在提交截止日之前重新提交。"
        case PremiumNoticeKind.REVIEW_LATE:
            return ("请尽快审核，以免影响区局缴费。",)
        case PremiumNoticeKind.PAYMENT_REMINDER | PremiumNoticeKind.PAYMENT_LAST_DAY:
            return f"缴费截止日为{last}（含）。", _missing(batch), "逾期未足额到账，批次作废。"
        case PremiumNoticeKind.OVERDUE:
            return f"缴费截止日{last}已过。", _missing(batch), "待当日银行对账单核对后，未足额到账的批次作废。"
        case PremiumNoticeKind.WRITTEN_OFF:
            return ("保费已核销，保障自起始日起生效。",)
        case PremiumNoticeKind.VOIDED:
            return (
                f"{batch.reason or '未按时缴费'}。",
                "名单已作废，会员可办理即时参保（有卡无保）；已到账的款项将退回。",
            )


def _missing(batch: Subject) -> str:
    voucher = "" if batch.vouchers else "，尚未上传缴费凭证"
    return (
        f"应缴{yuan(batch.due_fen)}元，已到账{yuan(batch.received_fen)}元，尚缺{yuan(batch.missing_fen)}元{voucher}。"
    )
