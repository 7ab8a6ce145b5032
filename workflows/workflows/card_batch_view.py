"""What people see of a card batch in the Temporal UI: its phase and, in Chinese, what is awaited and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unioncard.contracts.cards import Channel
from unioncard.dates import SHANGHAI
from workflows.card_batch_progress import Batch, Progress

CHANNELS = {Channel.NORMAL: "普通通道", Channel.SPECIAL: "特殊通道"}


class Phase(StrEnum):
    """UnioncardPhase of a card batch."""

    SUBMITTING = "提交银行"
    NUMBERS = "等待卡号"
    CALL = "等待银行来电"
    PICKUP = "等待领卡"
    DONE = "已完成"
    CLOSED = "已关闭"
    REFUSED = "银行退回"


@dataclass(frozen=True)
class View:
    """All that is shown; two equal views need no update."""

    phase: Phase
    next_deadline: datetime | None
    late: bool
    overdue: bool
    details: str


def summary(batch: Batch) -> str:
    """The line in the list of workflows."""
    return f"办卡批次 {batch.number} · {batch.members}人 · {CHANNELS[batch.channel]}"


def introduction(batch: Batch) -> str:
    """The fixed description of one workflow."""
    return (
        f"基层工会 {batch.union_id}（区局 {batch.district_code}）于 {moment(batch.submitted_at)} 提交，"
        f"共 {batch.members} 人，{CHANNELS[batch.channel]}。\n\n"
        "流程：提交银行 → 等待卡号（3日）→ 等待银行来电（15日，法定节假日顺延）→ 领卡，每30日提醒，直到每张卡都有着落。"
    )


def phase_of(batch: Batch, progress: Progress) -> Phase:
    """The phase by what is known, whatever order it came in."""
    if progress.closed:
        return Phase.CLOSED
    if progress.complete:
        return Phase.DONE
    if progress.deadlines is None:
        return Phase.SUBMITTING
    if progress.issued == 0:
        return Phase.NUMBERS
    if batch.channel is Channel.NORMAL and progress.called_on is None:
        return Phase.CALL
    return Phase.PICKUP


def view_of(
    batch: Batch, progress: Progress, *, since: datetime, awaited: Mapping[str, datetime], refused: str | None = None
) -> View:
    """``since``: when the phase began; ``awaited``: pending deadlines by name; ``refused``: why the bank said no."""
    phase = Phase.REFUSED if refused else phase_of(batch, progress)
    open_ = not progress.over and refused is None
    deadline = min(awaited.values(), default=None) if open_ else None
    late = open_ and progress.late and progress.waiting > 0
    overdue = open_ and progress.overdue and progress.called_on is None
    lines = [
        f"### {phase}",
        f"- **现状**：{_standing(batch, progress)}",
        f"- **自**：{moment(since)}",
        *(f"- **{name}**：{moment(due)} 前" for name, due in sorted(awaited.items(), key=lambda one: one[1]) if open_),
        *(["- **卡号迟到**：3日已过，仍有会员没有结果"] if late else []),
        *(["- **逾期**：银行未在期限内来电"] if overdue else []),
        f"- **怎么办**：{_advice(phase, late, overdue, refused)}",
    ]
    return View(phase, deadline, late, overdue, "\n".join(lines))


def moment(instant: datetime) -> str:
    """An instant as people in Shanghai write it; midnight belongs to the day that ends with it."""
    local = instant.astimezone(SHANGHAI)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        local -= timedelta(days=1)
        return f"{local.year}年{local.month}月{local.day}日24:00"
    return f"{local.year}年{local.month}月{local.day}日{local:%H:%M}"


def _standing(batch: Batch, progress: Progress) -> str:
    failed = batch.members - progress.waiting - progress.issued
    parts = [
        f"共 {batch.members} 人",
        f"待银行答复 {progress.waiting}",
        f"已出卡 {progress.issued}",
        f"失败 {max(0, failed)}",
        f"待领卡 {progress.unaccounted}",
    ]
    if progress.called_on:
        parts.append(f"银行 {progress.called_on.month}月{progress.called_on.day}日来电")
    if progress.reminded:
        parts.append(f"已提醒 {progress.reminded} 次")
    return " · ".join(parts)


def _advice(phase: Phase, late: bool, overdue: bool, refused: str | None) -> str:
    if refused:
        return f"银行退回：{refused}。请按原因处理后重新提交批次。"
    if overdue:
        return "请联系银行确认领卡时间，并在批次中登记来电；确实无法领取的，可注明原因关闭批次。"
    if late:
        return "请联系银行查询制卡进度。系统每晚自动取回银行结果，取到后自动继续。"
    return {
        Phase.SUBMITTING: "无需操作。银行暂时无法连接时系统自动重试。",
        Phase.NUMBERS: "无需操作。银行结果一般3日内返回，每晚另有自动取回。",
        Phase.CALL: "基层工会接到银行电话后，请在批次中登记来电日期。",
        Phase.PICKUP: "请基层工会按约领卡，并在批次中登记已领和本人自领的会员。",
        Phase.DONE: "无需操作。",
        Phase.CLOSED: "批次已由工作人员关闭，无需操作。",
    }[phase]
