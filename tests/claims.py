"""Claims in the small federation.

Its season's cover lies in the year to come, so the rules refuse what is claimed today. The union appeals against one
refusal, which lies before the centre; another is put by hand where no days of today could bring it: its payout came
back from the bank.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from tests.season import today
from unioncard_cli.operators import Operator, until
from unioncard_cli.season.voucher import png
from unioncard_cli.stack import Stack

#: Second accounts, for four eyes.
SECONDS = {"district_second": ("district", "D363")}
#: What stands in the books of the payout that came back.
BOOK_YEAR = 2019
ACCOUNT = {
    "holder_name": "代付专户",
    "account_number": "31602300000000001",
    "bank": "示例银行",
    "reason": "单位代收给付款",
}
HOSPITAL = "上海市样本医院"
APPEAL = "补充了参保资料"
SHOT = png(2)

_OPEN = "UPDATE claims SET state = 'incomplete' WHERE number = %(claim)s"
_BATCH = """
    INSERT INTO payout_batches (number, on_day, state, payouts, amount_fen, returned, opened_at, opened_by)
    VALUES (%(batch)s, %(day)s, 'done', 1, 6000, 1, now(), 'account:1')
"""
_PAYOUT = """
    INSERT INTO payouts (number, batch_number, claim_number, member_id, union_id, district_id, benefit, payee,
                         amount_fen, state, returned_at, reason)
    SELECT %(batch)s || '-0001', %(batch)s, number, member_id, union_id, district_id, benefit, payee, 6000, 'returned',
           now(), '卡号已更换'
    FROM claims WHERE number = %(claim)s
"""
_PART = """
    INSERT INTO claim_parts (claim_number, policy_id, coverage_year, class_code, district_id, covered_from, nights,
                             days, claimed_fen, payable_fen, approved_fen)
    SELECT number, 1, %(year)s, 'A', district_id, event_day, 0, 0, 6000, 6000, 6000 FROM claims
    WHERE number = %(claim)s
"""
_ENTRIES = """
    INSERT INTO ledger (posting, account, claim_number, district_id, coverage_year, class_code, amount_fen, business_at)
    SELECT 'claim/' || number || '/approved/9', account, number, district_id, %(year)s, 'A', fen, now()
    FROM claims, (VALUES ('benefits', 6000), ('payable', -6000)) AS entry(account, fen) WHERE number = %(claim)s
"""
_RETURNED = """
    UPDATE claims SET state = 'returned', claimed_fen = 6000, approved_fen = 6000, refused_fen = 0,
                      coverage_year = %(year)s, class_code = 'A', version = version + 1
    WHERE number = %(claim)s
"""


@dataclass(frozen=True, slots=True)
class Claims:
    """The ids of the union's and its district's things."""

    appealed: str
    returned: str
    paper: int
    account: int
    batch: str
    notice: int
    change: int


def play(stack: Stack, operator: Callable[[str], Operator], member_id: int) -> Claims:
    """Two claims of a member, a unit account, a payout and a change of the catalogue."""
    union = operator("union")
    appealed, returned = (_file(union, member_id, code) for code in ("malignant_tumour", "benign_brain_tumour"))
    for number in (appealed, returned):
        _wait(union, number, "refused")
    notice, *_ = until("a notice", lambda: _told(union, returned), bool, 60)
    batch = f"FK{today():%Y%m%d}0001"
    values = {"claim": returned, "batch": batch, "day": today(), "year": BOOK_YEAR}
    _by_hand(stack, values, _OPEN)
    union.upload_papers(f"/claims/{returned}/papers", [("diagnosis", SHOT)])
    _by_hand(stack, values, _RETURNED, _PART, _BATCH, _PAYOUT, _ENTRIES)
    (paper,) = union.get("claims", f"/claims/{returned}/papers")["items"]
    union.post("claims", f"/claims/{appealed}/appeals", {"reason": APPEAL})
    account = operator("district_second").post("claims", "/unit-accounts", ACCOUNT)
    change = operator("federation_second").post("claims", "/illness-changes", catalogue("test_illness"))
    return Claims(
        appealed=appealed,
        returned=returned,
        paper=paper["id"],
        account=account["id"],
        batch=batch,
        notice=notice["id"],
        change=change["id"],
    )


def illness(code: str, after: int = 0) -> dict[str, Any]:
    """A claim for an illness found so many days from today."""
    return {
        "benefit": "critical_illness",
        "event": "illness",
        "event_day": (today() + timedelta(days=after)).isoformat(),
        "illness_code": code,
        "hospital": {"name": HOSPITAL, "place": "shanghai", "level": 3},
        "payee": "own_card",
    }


def catalogue(code: str) -> dict[str, Any]:
    """A change of the catalogue."""
    named = {"coverage_year": today().year + 1, "class_code": "A", "code": code, "name": "示例疾病"}
    return named | {"reason": "目录补充"}


def _file(union: Operator, member_id: int, code: str) -> str:
    return str(union.post("claims", "/claims", {"member_id": member_id} | illness(code))["number"])


def _wait(union: Operator, number: str, state: str) -> None:
    until(f"{number} {state}", lambda: union.get("claims", f"/claims/{number}")["state"], lambda one: one == state, 60)


def _told(union: Operator, number: str) -> list[dict[str, Any]]:
    return [one for one in union.pages("claims", "/notices") if one["about"] == f"claim:{number}"]


def _by_hand(stack: Stack, values: dict[str, Any], *statements: str) -> None:
    url = stack.environment()["UNIONCARD_DATABASE_URL"].replace("/postgres?", "/unioncard_claims?")
    with psycopg.connect(url) as conn:
        for statement in statements:
            conn.execute(statement, values)
