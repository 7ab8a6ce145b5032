"""The one page that tells what a claim still needs (尚需材料)."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from claims_svc.claims.notices import last_day_before
from claims_svc.claims.rules import BEFORE_REVIEW, STATE_LABELS
from claims_svc.papers.rules import PAPER_LABELS, STAMP_LABELS, STAMPED, Needs, PaperKind, StampLevel
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import CoverState

_WHERE = {
    PaperKind.APPLICATION_FORM: "可在本申请页下载已填好的表格，盖章后拍照或扫描上传",
    PaperKind.TRANSFER_REQUEST: "可在本申请页下载已填好的申请书，由区局（产业）工会盖章后上传",
}


class PaperNeeded(BaseModel):
    """还缺的一份材料。"""

    kind: PaperKind
    label: str
    hint: str | None = Field(description="从哪里取得")


class StampNeeded(BaseModel):
    """还缺的一枚盖章。"""

    paper: PaperKind
    label: str
    level: StampLevel
    by: str = Field(description="由谁盖章")


class NeedsShown(BaseModel):
    """这份申请还需要什么。"""

    number: str
    state: ClaimState
    state_label: str
    complete: bool = Field(description="材料和盖章是否齐全")
    papers: list[PaperNeeded]
    stamps: list[StampNeeded]
    account: bool = Field(description="还须由区局（产业）工会指定单位账户")
    due_at: datetime | None = Field(description="从此刻起为逾期")
    last_day: str | None = Field(description="补齐的最后一日")
    lines: list[str] = Field(description="逐条说明，可直接打印或转告")


def shown(row: Any, needs: Needs) -> NeedsShown:
    """What a claim with this row still needs, also in words."""
    state = ClaimState(row.state)
    waiting = state in BEFORE_REVIEW
    papers = [
        PaperNeeded(kind=kind, label=PAPER_LABELS[kind], hint=_WHERE.get(kind)) for kind in needs.papers if waiting
    ]
    stamps = [
        StampNeeded(
            paper=paper, label=PAPER_LABELS[paper], level=needs.stamps[paper], by=STAMP_LABELS[needs.stamps[paper]]
        )
        for paper in STAMPED
        if waiting and paper in needs.stamps
    ]
    page = NeedsShown(
        number=row.number,
        state=state,
        state_label=STATE_LABELS[state],
        complete=not papers and not stamps and not (waiting and needs.account),
        papers=papers,
        stamps=stamps,
        account=waiting and needs.account,
        due_at=row.due_at if waiting else None,
        last_day=last_day_before(row.due_at) if waiting and row.due_at is not None else None,
        lines=[],
    )
    page.lines = _lines(page, row.cover_state)
    return page


def _lines(page: NeedsShown, cover_state: str | None) -> list[str]:
    lines = [f"给付申请 {page.number}：{page.state_label}"]
    lines += [f"补交：{one.label}" + (f"（{one.hint}）" if one.hint else "") for one in page.papers]
    if page.account:
        lines.append("指定：收款的单位账户，由区局（产业）工会在平台上指定")
    lines += [f"盖章：{one.label}，由{one.by}" for one in page.stamps]
    if page.complete:
        lines.append("材料和盖章已齐全，无需再补")
    if page.last_day is not None:
        lines.append(f"请于{page.last_day}前补齐（当日含），逾期申请将自动办结")
    if page.state is ClaimState.FILED:
        lines.append("保障情况正在核对，材料可以先行上传")
    if page.state is ClaimState.PROVISIONAL and cover_state != CoverState.DEFINITE:
        lines.append("保费尚未核销，核销后自动进入审核，无需办理")
    return lines
