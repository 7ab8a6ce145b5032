"""Who may decide on an import, and what a decision leaves (domain 2, 3; G19 15, 20, 21)."""

from enum import StrEnum

from member_svc.imports.models import ImportState
from unioncard.principal import Principal
from unioncard.problems import Problem


class Decision(StrEnum):
    """审核结果."""

    APPROVE = "approve"
    REFUSE = "refuse"


SEQUENCE_DIGITS = 7
LAST_SEQUENCE = 10**SEQUENCE_DIGITS - 1


def check_decider(principal: Principal, superior_id: int | None, asked_by: int) -> None:
    """Only the direct superior decides, and never the account that asked (four eyes): else a 403 problem."""
    if principal.account_id == asked_by:
        raise Problem(
            403, "four-eyes", "不能审核自己提交的申请", "申请与审核必须由不同的人办理，请由上级工会的其他审核人处理。"
        )
    if principal.organisation_id != superior_id:
        raise Problem(403, "not-direct-superior", "该申请不由您的组织审核", "会员变更由其直属上级工会审核。")


def state_after(waiting: int, approved: int, refused: int) -> ImportState:
    """An import's state by how many of its items wait, were approved, were refused."""
    if waiting:
        return ImportState.WAITING
    if approved and refused:
        return ImportState.PARTLY_APPROVED
    return ImportState.APPROVED if approved else ImportState.REFUSED
