"""What makes a reviewer look twice (疑点提示). None decides: each keeps a person in the decision. Pure."""

from collections.abc import Mapping
from enum import StrEnum

SOON_DAYS = 30
"""An event in the first 30 days of a cover is soon."""
SHOWN = 20
"""Claims named with a sign."""


class SignKind(StrEnum):
    """Kinds of signs."""

    SAME_EVENT = "same_event"
    SOON_AFTER_COVER = "soon_after_cover"
    SAME_PAYEE = "same_payee"


SIGN_LABELS: Mapping[SignKind, str] = {
    SignKind.SAME_EVENT: "同一事由另有工会提出申请",
    SignKind.SOON_AFTER_COVER: f"起保后 {SOON_DAYS} 天内发生",
    SignKind.SAME_PAYEE: "收款账户同时用于其他会员的申请",
}


def text_of(kind: SignKind, count: int) -> str:
    """What a reviewer reads; ``count``: of the other claims or members that the sign is about."""
    match kind:
        case SignKind.SAME_EVENT:
            return f"该会员的同一事由或同一住院日期，另有 {count} 件由其他工会提出的申请，请核对。"
        case SignKind.SOON_AFTER_COVER:
            others = f"，同一工会同年度另有 {count} 件申请也是如此" if count else ""
            return f"事由发生在起保后 {SOON_DAYS} 天内{others}，请核对首次确诊或事故日期。"
        case SignKind.SAME_PAYEE:
            return f"该收款账户还用于另外 {count} 名会员的申请，请核对收款人。"
