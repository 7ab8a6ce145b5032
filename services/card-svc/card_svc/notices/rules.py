"""Who is told what about a batch (domain 4.5), in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from unioncard.contracts.cards import BatchCounts, Channel, NoticeKind

COLLECT_AFTER_DAYS = 15

# Beside the union's own operators: the district and the federation.
ESCALATED: frozenset[NoticeKind] = frozenset({NoticeKind.NUMBERS_LATE, NoticeKind.CALL_OVERDUE})

TITLES: Mapping[NoticeKind, str] = {
    NoticeKind.NUMBERS_GENERATED: "卡号已生成",
    NoticeKind.NUMBERS_LATE: "卡号逾期未生成",
    NoticeKind.CALL_OVERDUE: "银行逾期未通知领卡",
    NoticeKind.PICKUP_REMINDER: "尚有会员卡未领取",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notice says about its batch."""

    number: str
    union_name: str
    channel: Channel
    outlet_name: str | None
    members: int
    counts: BatchCounts
    submitted_on: date


def title(kind: NoticeKind, number: str) -> str:
    """One line for the list of notices."""
    return f"批次 {number}：{TITLES[kind]}"


def text(kind: NoticeKind, subject: Subject, today: date) -> str:
    """The notice itself."""
    counts, who = subject.counts, f"{subject.union_name}的办卡批次 {subject.number}"
    match kind:
        case NoticeKind.NUMBERS_GENERATED:
            answered = f"{who}已有银行反馈：{counts.issued} 人卡号已生成，{counts.failed} 人办卡失败。"
            failed = "失败原因见会员的办卡日志，修改资料后可重新加入待办。" if counts.failed else ""
            return answered + _how_to_collect(subject, today) + failed
        case NoticeKind.NUMBERS_LATE:
            return (
                f"{who}于 {_day(subject.submitted_on)}提交，已满三个自然日，仍有 {counts.waiting} 人的卡号未生成。"
                "平台每晚继续取回银行结果；请联系银行核实办理进度。"
            )
        case NoticeKind.CALL_OVERDUE:
            return (
                f"{who}于 {_day(subject.submitted_on)}提交，十五日内（法定节假日顺延）未登记银行的领卡电话。"
                "请经办人核对所留手机号码并主动联系经办网点；如已接到电话，请在批次中补登记。"
            )
        case NoticeKind.PICKUP_REMINDER:
            return (
                f"{who}还有 {counts.unaccounted} 张卡未登记领取。请尽快到经办网点领取并登记；"
                "由会员本人凭领卡告知函领取的，请一并登记。"
            )


def _how_to_collect(subject: Subject, today: date) -> str:
    if not subject.counts.issued:
        return ""
    if subject.channel is Channel.SPECIAL:
        return "特殊通道的卡由会员本人在网点办理时领取。"
    from_day = _day(today + timedelta(days=COLLECT_AFTER_DAYS))
    return f"请于 15 天后（{from_day}起）备齐领卡材料到{subject.outlet_name}领取，期间请留意银行来电。"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
