"""What goes into a check with the population office, what it counts, and what people see of it in the Temporal UI."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from temporalio.common import SearchAttributePair

from unioncard.contracts.insurance import ExclusionsRecorded, Scheme
from workflows.campaign_calendar import SCHEMES
from workflows.card_batch_view import moment
from workflows.search_attributes import BATCH, DISTRICT, PHASE, YEAR

CHECKING, DONE, ABORTED = "人口办核查中", "人口办核查完成", "人口办核查中止"


class ExclusionProgress(BaseModel):
    """Members so far, and where to go on."""

    after: tuple[int, int] | None = Field(None, description="the last chunk's end, as insurance-svc named it")
    over: bool = False
    total: int | None = None
    checked: int = 0
    excluded: int = 0
    cleared: int = 0
    unknown: int = 0
    refused: str | None = None

    def add(self, recorded: ExclusionsRecorded, *, asked: int, unknown: int) -> None:
        """Count one chunk in."""
        self.checked += asked
        self.unknown += unknown
        self.excluded += recorded.excluded
        self.cleared += recorded.cleared


class ExclusionStart(BaseModel):
    """Input of the workflow. ``progress`` is there when it continues as new."""

    scheme: Scheme
    year: int
    district_id: int
    district_code: str
    opening: int | None = Field(None, description="the day the window opened, as yyyymmdd; None of a batch")
    batch_number: str | None = None
    asked_at: datetime = Field(description="in business time")
    progress: ExclusionProgress | None = None

    @property
    def workflow_id(self) -> str:
        """``exclusion-check/2020/036/20191101`` or ``exclusion-check/2020/036/CB201912280001``."""
        return f"exclusion-check/{self.year}/{self.district_code}/{self.batch_number or self.opening}"


class ExclusionEnd(BaseModel):
    """How the check ended, in members."""

    checked: int
    excluded: int
    cleared: int
    unknown: int


def exclusion_summary(start: ExclusionStart) -> str:
    """The line in the list of workflows."""
    whom = f"批次 {start.batch_number}" if start.batch_number else f"区局 {start.district_code}"
    return f"人口办核查 · {start.year}年度{SCHEMES[start.scheme]} · {whom}"


def exclusion_introduction(start: ExclusionStart) -> str:
    """The fixed description of one workflow."""
    if start.batch_number:
        return (
            f"区局 {start.district_code} 提交批次 {start.batch_number} 后，于 {moment(start.asked_at)} 起向人口办核查"
            "名单中的会员；不符人员显示在批次详情中，供中心审核时参考。"
        )
    return (
        f"基层工会参保开放后，于 {moment(start.asked_at)} 起向人口办核查区局 {start.district_code} 有卡的在职会员；"
        "不符人员不能列入集中参保名单。"
    )


def exclusion_attributes(start: ExclusionStart) -> list[SearchAttributePair[Any]]:
    """What the list can be filtered by from the first moment."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(DISTRICT, start.district_code),
        SearchAttributePair(YEAR, start.year),
        SearchAttributePair(PHASE, CHECKING),
    ]
    return [*pairs, SearchAttributePair(BATCH, start.batch_number)] if start.batch_number else pairs


def exclusion_phase(progress: ExclusionProgress) -> str:
    """UnioncardPhase of a check."""
    if progress.refused:
        return ABORTED
    return DONE if progress.over else CHECKING


def exclusion_details(start: ExclusionStart, progress: ExclusionProgress) -> str:
    """What has been checked, what is awaited and what to do."""
    phase = exclusion_phase(progress)
    total = "" if progress.total is None else f"/{progress.total}"
    return "\n".join(
        [
            f"### {phase}",
            f"- **进度**：已核查 {progress.checked}{total}",
            f"- **结果**：不符 {progress.excluded} · 恢复 {progress.cleared} · 未能核查 {progress.unknown}",
            f"- **自**：{moment(start.asked_at)}",
            *([f"- **受阻**：{progress.refused}"] if progress.refused else []),
            f"- **怎么办**：{_advice(start, phase)}",
        ]
    )


def _advice(start: ExclusionStart, phase: str) -> str:
    if phase == CHECKING:
        return "无需操作。人口办暂时无法连接时系统自动重试，不影响参保进行。"
    if phase == ABORTED:
        return "请联系平台运维；参保不受影响，以最近一次核查结果为准。"
    if start.batch_number:
        return "请中心审核时在批次详情中查看不符人员，必要时退回批次。"
    return "无需操作。不符人员及原因显示在基层工会的可参保名单中。"
