"""The life of a member's card state (办理状态, domain 4) and the channel it takes (domain 4.2)."""

from collections.abc import Mapping
from enum import StrEnum

from unioncard.contracts.cards import CardState, Channel
from unioncard.contracts.members import MemberKind, MemberState
from unioncard.documents import DocumentType

STEPS: Mapping[CardState, frozenset[CardState]] = {
    # added to the to-do list (domain 4.1)
    CardState.NONE: frozenset({CardState.TO_DO}),
    # removed (back to where it was), or submitted (domain 4.4)
    CardState.TO_DO: frozenset({CardState.NONE, CardState.FAILED, CardState.IN_BATCH}),
    # the bank's answer (domain 4.5)
    CardState.IN_BATCH: frozenset({CardState.ISSUED, CardState.FAILED}),
    # data mended, added again (domain 4.7)
    CardState.FAILED: frozenset({CardState.TO_DO}),
    # cancelled at the bank, so that a new one can be applied for (domain 4, card life; G19 Q99)
    CardState.ISSUED: frozenset({CardState.NONE}),
}

LABELS: Mapping[CardState, str] = {
    CardState.NONE: "未办卡",
    CardState.TO_DO: "待办中",
    CardState.IN_BATCH: "办理中",
    CardState.ISSUED: "已办卡",
    CardState.FAILED: "办卡失败",
}

CHANNEL_LABELS: Mapping[Channel, str] = {Channel.NORMAL: "普通", Channel.SPECIAL: "特殊"}

# Failures by which the bank says that the normal channel cannot print the name (domain 4.2, H19).
DEMANDS_SPECIAL = frozenset({"NAME_NOT_GBK", "NAME_TOO_LONG"})


class Obstacle(StrEnum):
    """Why a member cannot be put on the to-do list."""

    NOT_FOUND = "not_found"
    NOT_EMPLOYED = "not_employed"
    NOT_NORMAL = "not_normal"
    NO_NUMBER = "no_number"
    TO_DO = "to_do"
    IN_BATCH = "in_batch"
    ISSUED = "issued"


# (what is wrong, how to mend it) as staff read it
OBSTACLE_TEXTS: Mapping[Obstacle, tuple[str, str]] = {
    Obstacle.NOT_FOUND: ("本工会没有这名会员", "请刷新列表后重新选择"),
    Obstacle.NOT_EMPLOYED: ("灵活就业或企业外入会会员由本人申请办卡", "请会员本人通过线上服务大厅申请"),
    Obstacle.NOT_NORMAL: ("会员状态不是“正常”", "请待入会审核或转会办结后再添加"),
    Obstacle.NO_NUMBER: ("会员编号尚未生成", "请待上级工会审核通过、编号生成后再添加"),
    Obstacle.TO_DO: ("会员已在待办列表中", "无需重复添加"),
    Obstacle.IN_BATCH: ("会员正在办卡批次中", "请等待银行反馈"),
    Obstacle.ISSUED: ("会员已办卡", "无需再次办理"),
}

_BY_STATE = {
    CardState.TO_DO: Obstacle.TO_DO,
    CardState.IN_BATCH: Obstacle.IN_BATCH,
    CardState.ISSUED: Obstacle.ISSUED,
}


def obstacle(kind: str, member_state: str, number: str | None, card: CardState) -> Obstacle | None:
    """Why this member cannot be put on the to-do list, None if it can (domain 4.1, H19, M24)."""
    if kind != MemberKind.EMPLOYED:
        return Obstacle.NOT_EMPLOYED
    if member_state != MemberState.NORMAL:
        return Obstacle.NOT_NORMAL
    if not number:
        return Obstacle.NO_NUMBER
    return _BY_STATE.get(card)


def channel_for(document_type: str, failed_code: str | None) -> Channel:
    """The channel a new record takes by itself (domain 4.2)."""
    if must_be_special(document_type) or failed_code in DEMANDS_SPECIAL:
        return Channel.SPECIAL
    return Channel.NORMAL


def must_be_special(document_type: str) -> bool:
    """Any document other than a resident identity card keeps to the special channel."""
    return document_type != DocumentType.RESIDENT_IDENTITY_CARD
