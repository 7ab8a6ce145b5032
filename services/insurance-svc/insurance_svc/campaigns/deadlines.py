"""Deadlines: judged by when a request was received, against the calendar's rows (domain 5)."""

from collections.abc import Mapping
from datetime import datetime

from insurance_svc.seasons import store
from insurance_svc.seasons.rules import PHASE_NAMES, SCHEME_NAMES, PhaseDays
from unioncard.contracts.insurance import Phase
from unioncard.problems import Problem, conflict
from unioncard.unit_of_work import Transaction

# What whoever comes too late can do instead.
_INSTEAD: Mapping[str, str] = {
    Phase.FEE_SPLIT: "如确需调整，请联系市总工会为本区局延长或重新开放该阶段。",
    Phase.UNION_WINDOW: "未赶上集中参保的会员，可在保障年度开始后办理即时参保（有卡无保）。",
    Phase.UNION_PAYMENT: "未按时缴费的名单不能随区局提交；相关会员可办理即时参保（有卡无保）。",
    Phase.DISTRICT_REVIEW: "如确需继续审核，请联系市总工会为本区局延长该阶段。",
    Phase.DISTRICT_SUBMISSION: "未提交的名单将作废，相关会员可办理即时参保（有卡无保）；确有特殊情况请联系市总工会。",
    Phase.PAYMENT: "逾期未缴费的批次作废，相关会员可办理即时参保（有卡无保）。",
    "enrolment": "请核对保障年度；如该年度已结束，请办理下一年度的参保。",
}
_EARLY = "请在开放后办理。"


async def must_be_open(tx: Transaction, scheme: str, year: int, phase: str, district_id: int) -> PhaseDays:
    """The phase's days for that district, if the request came within them.

    Raises 409 ``phase-closed`` outside of them and ``phase-not-planned`` where the calendar has no such row.
    """
    return open_at(tx.now, await store.phases(tx.conn, scheme, year, district_id), scheme, year, phase)


def open_at(now: datetime, phases: Mapping[str, PhaseDays], scheme: str, year: int, phase: str) -> PhaseDays:
    """:func:`must_be_open` by a calendar that is known already."""
    days = _planned(phases, scheme, year, phase)
    if not days.contains(now):
        raise _closed(now, year, days)
    return days


def open_for_union_at(
    now: datetime, phases: Mapping[str, PhaseDays], scheme: str, year: int, *, returned_before: bool
) -> PhaseDays:
    """The days within which the union may send this list: its window; and for a list that the district returned,
    until the last day of the district's submission (domain 5, "returned late").

    Raises as :func:`must_be_open`.
    """
    window = _planned(phases, scheme, year, Phase.UNION_WINDOW)
    if window.contains(now):
        return window
    submission = phases.get(Phase.DISTRICT_SUBMISSION)
    if returned_before and submission is not None and window.begun(now) and not submission.over(now):
        return PhaseDays(submission.phase, window.first_day, submission.last_day)
    raise _closed(now, year, window)


def _planned(phases: Mapping[str, PhaseDays], scheme: str, year: int, phase: str) -> PhaseDays:
    days = phases.get(phase)
    if days is None:
        raise conflict(
            "phase-not-planned",
            f"{year}年度{SCHEME_NAMES.get(scheme, scheme)}没有安排“{PHASE_NAMES.get(phase, phase)}”",
            "日历中没有该阶段的日期，请核对保障年度，或联系市总工会发布日历。",
        )
    return days


def _closed(now: datetime, year: int, days: PhaseDays) -> Problem:
    begun = days.begun(now)
    return conflict(
        "phase-closed",
        f"{year}年度“{days.name}”{'已截止' if begun else '尚未开始'}",
        f"办理时间为{days.in_words()}。{_INSTEAD.get(days.phase, '') if begun else _EARLY}",
        phase=days.phase,
        first_day=days.first_day.isoformat() if days.first_day else None,
        last_day=days.last_day.isoformat() if days.last_day else None,
    )
