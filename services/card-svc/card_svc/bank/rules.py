"""How what the bank says is filed (domain 4.5, 4.8): as news, as a repeat, or set aside for reconciliation."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of one thing that the bank says. All but the first two are kept in ``set_aside`` by their name."""

    NEWS = "news"
    REPEAT = "repeat"
    UNKNOWN_BATCH = "unknown_batch"
    NOT_IN_BATCH = "not_in_batch"
    RELEASED = "released"
    OTHER_NUMBER = "other_number"
    CONTRADICTS = "contradicts"
    NUMBER_TAKEN = "number_taken"
    # of the life of a card
    UNKNOWN_NUMBER = "unknown_number"
    TWO_ACCOUNTS = "two_accounts"
    REOPENED = "reopened"


SET_ASIDE = frozenset(Verdict) - {Verdict.NEWS, Verdict.REPEAT}

VERDICT_LABELS = {
    Verdict.UNKNOWN_BATCH: "没有这个批次",
    Verdict.NOT_IN_BATCH: "会员不在该批次中",
    Verdict.RELEASED: "会员已不在该批次办理中",
    Verdict.OTHER_NUMBER: "与已登记的卡号不同",
    Verdict.CONTRADICTS: "与已登记的结果相反",
    Verdict.NUMBER_TAKEN: "卡号已属于另一名会员",
    Verdict.UNKNOWN_NUMBER: "用卡状态：没有这个卡号",
    Verdict.TWO_ACCOUNTS: "用卡状态：卡号分属不同账户",
    Verdict.REOPENED: "用卡状态：已销户的账户又有变动",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What we have of a member in a batch."""

    outcome: str
    card_hash: str | None
    in_this_batch: bool


def judge(known: Known | None, status: str, card_hash: str | None, *, taken: bool) -> Verdict:
    """File a result for a member of a batch that exists; ``taken``: another member holds that card number.

    The first answer stands: what says otherwise later is set aside, never lost and never applied.
    """
    if known is None:
        return Verdict.NOT_IN_BATCH
    if known.outcome == "waiting":
        if not known.in_this_batch:
            return Verdict.RELEASED
        return Verdict.NUMBER_TAKEN if taken else Verdict.NEWS
    if known.outcome != status:
        return Verdict.CONTRADICTS
    if known.outcome == "issued" and known.card_hash != card_hash:
        return Verdict.OTHER_NUMBER
    return Verdict.REPEAT
