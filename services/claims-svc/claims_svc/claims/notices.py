"""Who is told what about a claim. Nothing medical, and no name: a notice names the claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from unioncard.contracts.claims import ClaimNoticeKind, ClaimState
from unioncard.dates import day_in_words, shanghai_date
from unioncard.money import Fen, format_yuan
from unioncard.notices import NewNotice, tell
from unioncard.unit_of_work import Transaction

K, S = ClaimNoticeKind, ClaimState


@dataclass(frozen=True, slots=True)
class _Told:
    """In which states a notice still means something, and who hears it."""

    states: frozenset[ClaimState]
    union: bool = False
    district: bool = False
    centre: bool = False


_DECIDED = frozenset({S.TO_PAY, S.PAYING, S.PAID, S.REFUSED, S.RETURNED})

TOLD: Mapping[ClaimNoticeKind, _Told] = {
    K.PAPERS_MISSING: _Told(frozenset({S.INCOMPLETE}), union=True),
    K.PAPERS_LAST_DAY: _Told(frozenset({S.INCOMPLETE}), union=True, district=True),
    K.STAMP_MISSING: _Told(frozenset({S.STAMPING}), union=True),
    K.REVIEW_LATE: _Told(frozenset({S.ADJUDICATING}), centre=True),
    K.CONFIRMATION_LATE: _Told(frozenset({S.CONFIRMING}), centre=True),
    K.MEDICAL_LATE: _Told(frozenset({S.MEDICAL_REVIEW}), centre=True),
    K.PAYOUT_LATE: _Told(frozenset({S.TO_PAY, S.PAYING}), centre=True),
    K.RETURNED: _Told(frozenset({S.RETURNED}), union=True, district=True, centre=True),
    K.DECIDED: _Told(_DECIDED, union=True, district=True),
}


async def tell_all(tx: Transaction, wanted: Sequence[tuple[Any, ClaimNoticeKind, int]], centre: Sequence[int]) -> int:
    """Put these notices (claim's row, kind, occurrence) before the people concerned; how many were new."""
    notices: list[NewNotice] = []
    for row, kind, occurrence in wanted:
        told = TOLD[kind]
        if row.state not in told.states:
            continue
        title, text = words(row, kind)
        # Where only the district's stamp is missing, the district has to act.
        district = told.district or (kind is K.STAMP_MISSING and row.district_stamp) or row.filed_by_role == "district"
        who = {
            *([row.union_id] if told.union else []),
            *([row.district_id] if district and (told.union or told.district) else []),
            *(centre if told.centre else []),
        }
        notices += [NewNotice(one, kind, f"claim:{row.number}", title, text, occurrence) for one in sorted(who)]
    return await tell(tx, notices)


def words(row: Any, kind: ClaimNoticeKind) -> tuple[str, str]:
    """Title and text of a notice."""
    claim = f"给付申请 {row.number}"
    match kind:
        case K.PAPERS_MISSING:
            return (
                f"{claim}尚缺材料",
                f"尚缺 {row.missing} 项材料，请于{_last_day(row)}前补交；所缺材料见申请的“尚需材料”。",
            )
        case K.PAPERS_LAST_DAY:
            return f"{claim}补交材料今日截止", f"尚缺 {row.missing} 项材料，今日未补齐的，申请将按逾期办结。"
        case K.STAMP_MISSING:
            who = "区局（产业）工会" if row.district_stamp else "基层工会或区局（产业）工会"
            return f"{claim}待盖章", f"材料已齐，请由{who}于{_last_day(row)}前盖章。"
        case K.REVIEW_LATE:
            return f"{claim}审核超时", "该申请等待审核已超过约定时间，请尽快办理。"
        case K.CONFIRMATION_LATE:
            return f"{claim}复核超时", "该申请等待复核已超过约定时间，请由另一位审核员尽快复核。"
        case K.MEDICAL_LATE:
            return f"{claim}医学复核超时", "该申请的医学问题尚未答复，请尽快办理。"
        case K.PAYOUT_LATE:
            return f"{claim}划款超时", "该申请已决定给付，划款尚未完成，请核对划款批次。"
        case K.RETURNED:
            return f"{claim}划款被退回", "银行已退回款项，请核对收款卡或账户，更正后重新划款；款项没有丢失。"
        case K.DECIDED:
            return f"{claim}已有审核结果", _decision(row)


def _last_day(row: Any) -> str:
    return "规定期限" if row.due_at is None else last_day_before(row.due_at)


def last_day_before(too_late: datetime) -> str:
    """The last day in Shanghai before the first instant too late, in words."""
    return day_in_words(shanghai_date(too_late) - timedelta(days=1))


def _decision(row: Any) -> str:
    until = f"如有异议，请于{last_day_before(row.appeal_until)}前提出申诉。" if row.appeal_until is not None else ""
    if row.state == S.REFUSED:
        return f"经审核不予给付，理由和依据见申请详情。{until}"
    less = f"，其余{format_yuan(Fen(row.refused_fen))}元不予给付，理由见申请详情" if row.refused_fen else ""
    return f"同意给付{format_yuan(Fen(row.approved_fen))}元{less}。{until}"
