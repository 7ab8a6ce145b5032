"""What goes into a system check's workflow, what it counts, and what people see of it in the Temporal UI."""

from datetime import datetime

from pydantic import BaseModel

from unioncard.contracts.cards import Channel, CheckChunkResult
from workflows.card_batch_view import CHANNELS, moment


class CardCheckStart(BaseModel):
    """Input of the workflow ``card-check/<check_id>``."""

    check_id: str
    union_id: int
    district_code: str
    channel: Channel
    total: int
    chunks: int
    requested_at: datetime


class CardCheckEnd(BaseModel):
    """How the check ended, in members."""

    passed: int
    not_passed: int
    gone: int


class Tally(BaseModel):
    """Members so far."""

    passed: int = 0
    not_passed: int = 0
    gone: int = 0
    refused: str | None = None

    def add(self, result: CheckChunkResult) -> None:
        """Count one chunk in."""
        self.passed += result.passed
        self.not_passed += result.not_passed
        self.gone += result.gone

    @property
    def done(self) -> int:
        """Members with an outcome."""
        return self.passed + self.not_passed + self.gone


def summary(start: CardCheckStart) -> str:
    """The line in the list of workflows."""
    return f"系统校验 {start.check_id} · {start.total}人 · {CHANNELS[start.channel]}"


def introduction(start: CardCheckStart) -> str:
    """The fixed description of one workflow."""
    return (
        f"基层工会 {start.union_id}（区局 {start.district_code}）于 {moment(start.requested_at)} 申请，"
        f"共 {start.total} 人，分 {start.chunks} 组向人口办、人保库核对。"
    )


def details(start: CardCheckStart, tally: Tally) -> str:
    """What has been checked, what is awaited and what to do."""
    if tally.refused:
        title, advice = "校验中止", f"{tally.refused}。请重新提交系统校验。"
    elif tally.done < start.total:
        title, advice = "校验中", "无需操作。人口办或人保库暂时无法连接时系统自动重试。"
    else:
        title, advice = "已完成", "请在待办列表中查看结果，移除未通过的会员后提交办卡。"
    return "\n".join(
        [
            f"### {title}",
            f"- **进度**：已校验 {tally.done}/{start.total}",
            f"- **结果**：通过 {tally.passed} · 未通过 {tally.not_passed} · 已不在待办 {tally.gone}",
            f"- **自**：{moment(start.requested_at)}",
            f"- **怎么办**：{advice}",
        ]
    )
