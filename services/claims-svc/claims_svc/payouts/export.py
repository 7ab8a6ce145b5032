"""A payout batch as a workbook."""

from collections.abc import Callable, Sequence

from claims_svc.claims.rules import PAYEE_LABELS
from claims_svc.payouts.shapes import Payout
from unioncard.sheets import moment, sheet, yuan

_COLUMNS: Sequence[tuple[str, int, Callable[[Payout], str | None]]] = (
    ("划款编号", 24, lambda one: one.number),
    ("给付申请编号", 22, lambda one: one.claim_number),
    ("姓名", 12, lambda one: one.member_name),
    ("会员编号", 14, lambda one: one.member_number),
    ("证件号码", 20, lambda one: one.member_document),
    ("工会", 30, lambda one: one.union_name),
    ("区局", 26, lambda one: one.district_name),
    ("给付项目", 24, lambda one: one.benefit_label),
    ("收款方式", 26, lambda one: PAYEE_LABELS[one.payee]),
    ("账号末四位", 12, lambda one: one.account_end),
    ("金额", 16, lambda one: yuan(one.amount_fen)),
    ("状态", 12, lambda one: one.state_label),
    ("原因", 40, lambda one: one.reason),
    ("到账时间", 18, lambda one: moment(one.paid_at)),
    ("退回时间", 18, lambda one: moment(one.returned_at)),
)


def payouts(number: str, amount_fen: int, rows: Sequence[Payout]) -> bytes:
    """The payouts of one batch. Every cell is text. Blocking: run it in a thread."""
    headings = [(name, width) for name, width, _ in _COLUMNS]
    about = [("划款批次", number), ("划款合计", yuan(amount_fen))]
    return sheet("划款明细", headings, ([shown(row) for _, _, shown in _COLUMNS] for row in rows), about)
