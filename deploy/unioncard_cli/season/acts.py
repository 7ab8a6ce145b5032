"""What people do in a season, act by act through the public HTTP APIs: unions, districts, the centre.

Money is whole fen. Every act may be refused (:class:`~unioncard_cli.operators.Refusal`), as a deadline does.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from io import StringIO
from typing import Any

from unioncard_cli.operators import Operator, until

SCHEME, YEAR = "centralized", 2020
CHECK_PATIENCE_S = 150.0

Split = tuple[int, int]
"""What district and union carry of a head's fee, in fen."""


@dataclass(frozen=True, slots=True)
class UnionDesk:
    """The operator of a union (经办人)."""

    operator: Operator
    year: int = YEAR

    def candidates(self, way: str) -> list[int]:
        """可参保会员: who can be on a list, by member id."""
        found = self.operator.pages(
            "insurance", "/enrolments/eligible", way=way, coverage_year=self.year, only="eligible"
        )
        return [one["member_id"] for one in found]

    def eligible(self, way: str) -> int:
        """How many can be on a list."""
        answer = self.operator.get(
            "insurance", "/enrolments/eligible", way=way, coverage_year=self.year, only="eligible", limit=1
        )
        return int(answer["eligible"])

    def preview(self, way: str, class_code: str) -> dict[str, Any]:
        """参保确认: people and money, before anything is sent."""
        return dict(self.operator.post("insurance", "/enrolments/preview", self._choice(way, class_code, None)))

    def submit(self, way: str, class_code: str, members: Sequence[int] | None = None) -> dict[str, Any]:
        """提交至区局: all who can be, or these; the list."""
        return dict(self.operator.post("insurance", "/enrolments", self._choice(way, class_code, members)))

    def withdraw(self, list_id: int) -> None:
        """撤回被退回的名单."""
        self.operator.post("insurance", f"/enrolments/{list_id}/withdrawal")

    def covered(self, member_id: int, on: date) -> dict[str, Any]:
        """Whether a member is covered on that day."""
        return dict(self.operator.get("insurance", "/cover", member_id=member_id, on=on.isoformat()))

    def _choice(self, way: str, class_code: str, members: Sequence[int] | None) -> dict[str, Any]:
        choice = {"way": way, "coverage_year": self.year, "class_code": class_code}
        return choice if members is None else choice | {"member_ids": list(members)}


@dataclass(frozen=True, slots=True)
class DistrictDesk:
    """The operator of a district."""

    operator: Operator
    year: int = YEAR

    def split(self, shares: Mapping[tuple[str, str], Split]) -> None:
        """基层缴费设置, by class and term."""
        rows = [
            {"class_code": code, "term": term, "district_fen": district, "union_fen": union}
            for (code, term), (district, union) in shares.items()
        ]
        self.operator.post("insurance", "/fee-splits", {"scheme": SCHEME, "coverage_year": self.year, "splits": rows})

    def lists(self, scheme: str) -> list[dict[str, Any]]:
        """Lists under review and in the basket."""
        return list(self.operator.pages("insurance", "/district-review/lists", scheme=scheme, coverage_year=self.year))

    def record_payments(self, lists: Sequence[Mapping[str, Any]], paid_on: date) -> int:
        """登记基层缴费: what each of these lists still owes came in on that day; returns the sum."""
        owed = {one["id"]: one["union_fen"] - one["paid_fen"] for one in lists}
        payments = [{"enrolment_id": id_, "amount_fen": fen} for id_, fen in owed.items() if fen]
        if not payments:
            return 0
        body = {"payments": payments, "paid_on": paid_on.isoformat()}
        return int(self.operator.post("insurance", "/union-payments", body)["amount_fen"])

    def return_list(self, scheme: str, list_id: int, reason: str) -> None:
        """退回名单."""
        body = self._season(scheme) | {"enrolment_ids": [list_id], "reason": reason}
        self.operator.post("insurance", "/district-review/returns", body)

    def accept_all(self, scheme: str) -> int:
        """全部移入待提交; how many lists."""
        body = self._season(scheme) | {"all": True}
        return int(self.operator.post("insurance", "/district-review/basket", body)["moved"])

    def submit(self, scheme: str) -> dict[str, Any]:
        """提交市职保中心; the batch."""
        who = {
            "operator_name": "李经办",
            "operator_phone": "021-00000000",
            "operator_email": f"{self.operator.login.partition('@')[0]}@unioncard.example",
        }
        return dict(self.operator.post("insurance", "/district-review/submissions", self._season(scheme) | who))

    def upload_voucher(self, number: str, image: bytes) -> None:
        """上传缴费凭证."""
        path = f"/premium-batches/{number}/vouchers"
        self.operator.upload("insurance", path, "缴费凭证.png", image, kind="image/png")

    def _season(self, scheme: str) -> dict[str, Any]:
        return {"scheme": scheme, "coverage_year": self.year}


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of the bank's statement: the bank's own number, value date, amount, who paid, and their remark."""

    reference: str
    day: date
    amount_fen: int
    payer: str
    remark: str


@dataclass(frozen=True, slots=True)
class CentreDesk:
    """The mutual-aid centre (市职保中心): one reviews, another looks after the money."""

    reviewer: Operator
    payer: Operator
    year: int = YEAR

    def pass_batch(self, number: str, unchecked_reason: str | None = None) -> dict[str, Any]:
        """审核通过, once the population office has been asked about its members; or before, for a reason."""
        if unchecked_reason is None:
            until(f"the population office's word on {number}", partial(self.batch, number), _checked, CHECK_PATIENCE_S)
        body = {"unchecked_reason": unchecked_reason} if unchecked_reason else {}
        return dict(self.reviewer.post("insurance", f"/premium-batches/{number}/passing", body))

    def return_batch(self, number: str, reason: str) -> None:
        """退回批次."""
        self.reviewer.post("insurance", f"/premium-batches/{number}/return", {"reason": reason})

    def load_statement(self, first: date, last: date, movements: Sequence[Movement]) -> dict[str, int]:
        """导入对账单 of these days; how many lines came out how."""
        fields = {"first_day": first.isoformat(), "last_day": last.isoformat()}
        answer = self.payer.upload(
            "insurance", "/statements", "对账单.csv", statement(movements), kind="text/csv", fields=fields
        )
        return {outcome: count for outcome, count in answer["outcomes"].items() if count}

    def write_off_paid(self) -> list[str]:
        """核销全部已足额到账的批次; their numbers."""
        return list(self.payer.post("insurance", "/premium-batches/write-offs", {"all_paid": True})["numbers"])

    def batch(self, number: str) -> dict[str, Any]:
        """One batch as it is now."""
        return dict(self.reviewer.get("insurance", f"/premium-batches/{number}"))

    def batches(self) -> list[dict[str, Any]]:
        """All batches of the year, the latest first."""
        return list(self.reviewer.pages("insurance", "/premium-batches", coverage_year=self.year))


def _checked(batch: Mapping[str, Any]) -> bool:
    return batch["scheme"] != SCHEME or batch["exclusions_checked_at"] is not None


def statement(movements: Sequence[Movement]) -> bytes:
    """The statement as the bank's counter software writes it."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("流水号", "起息日", "金额", "付款人", "附言"))
    for one in movements:
        yuan = f"{one.amount_fen // 100}.{one.amount_fen % 100:02d}"
        writer.writerow((one.reference, one.day.isoformat(), yuan, one.payer, one.remark))
    return text.getvalue().encode("gb18030")
