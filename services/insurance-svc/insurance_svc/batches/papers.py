"""Papers of a batch: the district's notice (参保缴费告知书) as PDF, and the payment details (缴费明细) as a sheet.

Blocking: run them in a thread.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from insurance_svc.batches import export
from insurance_svc.batches.rules import ACCOUNT_BANK, ACCOUNT_NAME, ACCOUNT_NUMBER, TERM_LABELS, yuan
from insurance_svc.enrolments.rules import Way
from insurance_svc.seasons.rules import SCHEME_NAMES
from unioncard.dates import day_in_words
from unioncard.money import Fen, capital_yuan
from unioncard.typesetting import typeset

TITLE = "会员专享基本保障参保缴费告知书"
_TEMPLATE = Path(__file__).with_name("notice.typ")

_DETAILS: export.Columns = (
    ("名单编号", 10, lambda row: str(row.id)),
    ("工会名称", 34, lambda row: row.union_name),
    ("参保类型", 12, lambda row: Way(row.way).label),
    ("档次", 8, lambda row: row.class_code),
    ("保费标准", 10, lambda row: TERM_LABELS[row.term]),
    ("人数", 8, lambda row: str(row.heads)),
    ("保费", 14, lambda row: yuan(row.heads * row.fee_fen)),
    ("市总补贴", 14, lambda row: yuan(row.heads * row.subsidy_fen)),
    ("区局承担", 14, lambda row: yuan(row.heads * row.district_fen)),
    ("基层承担", 14, lambda row: yuan(row.heads * row.union_fen)),
)


def notice(font_paths: Sequence[Path], row: Any, sums: Sequence[Any], today: date) -> bytes:
    """The district's notice: heads by class, totals with and without subsidy, credit, what remains, by when, where."""
    due_on = f"{day_in_words(row.due_on)}（含）" if row.due_on else "待市职保中心审核通过后确定"
    data = {
        "title": TITLE,
        "to": row.district_name,
        "opening": (
            f"贵单位提交的{row.coverage_year}年度{SCHEME_NAMES[row.scheme]}批次{row.number}，共{row.lists}份名单、"
            f"{row.heads}人，应缴保费如下。请按时缴费，并在平台上传缴费凭证。"
        ),
        "columns": ["档次", "保费标准", "人数", "保费", "市总补贴", "区局承担", "基层承担"],
        "rows": [
            [
                one.class_code,
                TERM_LABELS[one.term],
                str(one.heads),
                yuan(one.fee_fen),
                yuan(one.subsidy_fen),
                yuan(one.district_fen),
                yuan(one.union_fen),
            ]
            for one in sums
        ],
        "amounts": [
            ["保费合计（含市总补贴）", *_both(row.fee_fen)],
            ["保费合计（不含市总补贴）", *_both(row.district_fen + row.union_fen)],
            ["抵用清算分配款", *_both(row.credit_fen)],
            ["应缴金额", *_both(row.due_fen)],
        ],
        "payment": [
            ["缴费截止日", due_on],
            ["户名", ACCOUNT_NAME],
            ["账号", ACCOUNT_NUMBER],
            ["开户行", ACCOUNT_BANK],
            ["汇款附言", row.number],
        ],
        "warning": "逾期未足额到账的批次作废，名单上的会员须另行办理即时参保。缴费是否及时以银行起息日为准。",
        "signed": ["上海市总工会职工援助服务中心", "上海市职工保障互助中心"],
        "date": day_in_words(today),
    }
    return typeset(_TEMPLATE, data, font_paths, "告知书")


def _both(fen: int) -> list[str]:
    """An amount in figures and in capitals."""
    return [f"¥{yuan(fen)}", capital_yuan(Fen(fen))]


def details(row: Any, prices: Sequence[Any]) -> bytes:
    """The payment details: a line a list and price, with what the batch comes to above them."""
    heading = [
        ("批次编号", row.number),
        ("区局", row.district_name),
        ("参保方式", f"{row.coverage_year}年度{SCHEME_NAMES[row.scheme]}"),
        ("人数", str(row.heads)),
        ("保费", f"{yuan(row.fee_fen)}元"),
        ("市总补贴", f"{yuan(row.subsidy_fen)}元"),
        ("抵用清算分配款", f"{yuan(row.credit_fen)}元"),
        ("应缴金额", f"{yuan(row.due_fen)}元（{capital_yuan(Fen(row.due_fen))}）"),
        ("缴费截止日", row.due_on.isoformat() if row.due_on else ""),
    ]
    return export.sheet("缴费明细", _DETAILS, prices, heading)
