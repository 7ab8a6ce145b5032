"""What can happen to a member's card, and how staff read it."""

from collections.abc import Mapping
from enum import StrEnum


class Step(StrEnum):
    """What happened to a member's card."""

    ADDED = "added"
    REMOVED = "removed"
    LEFT = "left"
    CHANNEL_CHANGED = "channel_changed"
    COMPLETED = "completed"
    CHECK_REQUESTED = "check_requested"
    CHECK_PASSED = "check_passed"
    CHECK_NOT_PASSED = "check_not_passed"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    ISSUED = "issued"
    FAILED = "failed"
    COLLECTED = "collected"
    IN_PERSON = "in_person"
    ACTIVATED = "activated"
    CLASS_CHANGED = "class_changed"
    LOST_BY_PHONE = "lost_by_phone"
    LOST_IN_WRITING = "lost_in_writing"
    FOUND = "found"
    NUMBER_KEPT = "number_kept"
    NUMBER_CHANGED = "number_changed"
    CANCELLED = "cancelled"


LABELS: Mapping[Step, str] = {
    Step.ADDED: "添加至待办",
    Step.REMOVED: "移出待办",
    Step.LEFT: "会员变动，移出待办",
    Step.CHANNEL_CHANGED: "切换办卡通道",
    Step.COMPLETED: "完善证件信息",
    Step.CHECK_REQUESTED: "提交系统校验",
    Step.CHECK_PASSED: "系统校验通过",
    Step.CHECK_NOT_PASSED: "系统校验未通过",
    Step.SUBMITTED: "提交办卡",
    Step.REFUSED: "银行未受理批次",
    Step.ISSUED: "办卡成功",
    Step.FAILED: "办卡失败",
    Step.COLLECTED: "已领卡",
    Step.IN_PERSON: "由会员本人凭告知函领卡",
    Step.ACTIVATED: "激活",
    Step.CLASS_CHANGED: "账户种类变更",
    Step.LOST_BY_PHONE: "口头挂失",
    Step.LOST_IN_WRITING: "书面挂失",
    Step.FOUND: "解除挂失",
    Step.NUMBER_KEPT: "补换卡（卡号不变）",
    Step.NUMBER_CHANGED: "补换卡（更换卡号）",
    Step.CANCELLED: "已销户",
}
