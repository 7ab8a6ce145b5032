"""What the demo's claims must come to, worked out by hand from ``benefits.csv``; and what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from rich import box
from rich.table import Table

from unioncard.money import Fen, format_yuan
from unioncard_cli.operators import Operator


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a claim ended, in fen, and why not all of it was paid."""

    state: str
    claimed: int
    approved: int
    why: str = ""


def _paid(yuan: int) -> Outcome:
    return Outcome("closed", yuan * 100, yuan * 100)


BY_HAND: Mapping[str, Outcome] = {
    # class B of 2019
    "2019年度 重大疾病": _paid(20_000),
    "2019年度 意外全残": _paid(30_000),
    "2019年度 疾病身故": _paid(10_000),
    # class B of 2020
    "2020年度 重大疾病": _paid(20_000),
    "外省医院，工会不能代替区局盖章": _paid(20_000),
    # class B+
    "划入单位账户": _paid(30_000),
    "2020年度 疾病身故": _paid(10_000),
    # class A+, from 10 to 20 February: ten nights of 60
    "2020年度 住院天数": _paid(600),
    # The batch of January was void; cover begins on 4 February.
    "不在保障期内": Outcome("closed", 0, 0, "no-cover"),
    # class A
    "换卡退汇，更正后重划": _paid(10_000),
    "逾期申请": Outcome("refused", 30_000_00, 0, "filed-late"),
}
# 20,000 + 30,000 + 10,000 + 20,000 + 20,000 + 30,000 + 10,000 + 600 + 10,000 = 150,600
PAID_FEN = 150_600_00

_STATES = {"closed": "已办结", "refused": "不予给付"}


def yuan(fen: int) -> str:
    """``1,234.05``."""
    return format_yuan(Fen(fen))


def sums(federation: Operator, sandbox_url: str) -> dict[str, int]:
    """What was paid, as the ledger, the bank and the settlement have it, in fen."""
    books = federation.get("claims", "/reconciliation/summary")
    bank = httpx.get(f"{sandbox_url}/memory/summary", timeout=30).raise_for_status().json()
    losses = [federation.get("insurance", "/losses", coverage_year=year)["losses_fen"] for year in (2019, 2020)]
    return {
        "给付账（已到账）": books["paid_fen"],
        "银行（已入账且未退回）": bank["payouts"]["paid_fen"],
        "清算（2019、2020年度给付支出）": sum(losses),
    }


def table(found: Mapping[str, Outcome]) -> Table:
    """Each claim beside what it should be."""
    heads = ("给付申请", "申请", "给付", "不予给付", "结果", "理由", "手算")
    shown = Table(*heads, title="给付申请（元）", box=box.SIMPLE, padding=(0, 1, 0, 0))  # 80 characters hold it
    shown.columns[0].overflow = "fold"
    for name, wanted in BY_HAND.items():
        one = found[name]
        verdict = "相符" if one == wanted else f"不符：{wanted}"
        money = yuan(one.claimed), yuan(one.approved), yuan(one.claimed - one.approved)
        shown.add_row(name, *money, _STATES.get(one.state, one.state), one.why, verdict)
    return shown


def sums_table(found: Mapping[str, int]) -> Table:
    """The same money in three places."""
    shown = Table("已给付（元）", "金额", "手算", title="三处核对")
    for name, fen in found.items():
        shown.add_row(name, yuan(fen), "相符" if fen == PAID_FEN else f"不符：{yuan(PAID_FEN)}")
    return shown
