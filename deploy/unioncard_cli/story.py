"""How operators get cards made, step by step through the public HTTP APIs: for the demo, the fault runs and benches.

Every step may be cut short by a dying process and is then done again with the same ``Idempotency-Key``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import httpx

from unioncard.dates import SHANGHAI
from unioncard_cli.operators import Operator, Refusal, new_key, patiently, until
from unioncard_cli.roster import Person, Trait, workbook

OUTLET = {"branch": "中东示例支行", "outlet": "ZD-001"}


def _today() -> date:
    return datetime.now(SHANGHAI).date()


@dataclass(slots=True)
class CardStory:
    """One union, its superior, and the partners' sandbox. ``today`` says which business day it is."""

    union: Operator
    superior: Operator
    sandbox_url: str
    patience_s: float = 120.0
    today: Callable[[], date] = _today
    submission_traces: list[str] = field(default_factory=list)

    def tell_offices(self, people: Sequence[Person]) -> None:
        """Let the offices know who is retired or draws unemployment benefit."""
        body = {
            "population": {"retired": [one.document_number for one in people if one.trait is Trait.RETIRED]},
            "social_security": {
                "unemployment_benefit": [one.document_number for one in people if one.trait is Trait.UNEMPLOYED]
            },
        }
        patiently(lambda: httpx.post(f"{self.sandbox_url}/control/people", json=body, timeout=30), self.patience_s)

    def upload(self, people: Sequence[Person]) -> int:
        """批量导入会员; returns the import's number, or raises :class:`Refusal` with every bad row."""
        answer = self.union.upload("member", "/imports", "会员名册.xlsx", workbook(people))
        return int(answer["id"])

    def approve(self, import_id: int) -> int:
        """The superior approves the whole import; returns how many rows it approved."""
        answer = self.superior.post("member", f"/imports/{import_id}/approval", {"decision": "approve"})
        return int(answer["approved_rows"])

    def wait_for_members(self, count: int) -> None:
        """Until card-svc has heard of the union's members."""
        until(
            f"{count} members in card-svc",
            lambda: int(self.union.get("card", "/cards", limit=1)["total"]),
            lambda total: total >= count,
            self.patience_s,
        )

    def add_all(self) -> dict[str, Any]:
        """添加全部未办卡会员至待办; returns how many and on which channel."""
        return dict(self.union.post("card", "/todo", {"all": True}))

    def check(self, channel: str) -> dict[str, Any]:
        """提交系统校验 and wait; returns the counts."""
        check_id = self.union.post("card", "/checks", {"channel": channel})["id"]
        return dict(
            until(
                f"check {check_id}",
                lambda: self.union.get("card", f"/checks/{check_id}"),
                lambda seen: bool(seen["done"]),
                self.patience_s,
            )
        )

    def remove_not_passed(self, channel: str) -> int:
        """移除全部校验未通过及未校验会员; returns how many."""
        answer = self.union.post("card", "/todo/removals", {"all_not_passed": True, "channel": channel})
        return int(answer["removed"])

    def switch_channel(self, member_id: int, channel: str) -> None:
        """切换办理通道 of one record."""
        self._without_content(f"/todo/{member_id}/channel", {"channel": channel})

    def _without_content(self, path: str, body: Any) -> None:
        self.union.send("card", "POST", path, json=body, key=new_key())

    def submit(self, channel: str) -> list[str]:
        """提交办卡; returns the batch numbers."""
        body: dict[str, Any] = {"channel": channel, "contact_name": "张经办", "contact_mobile": "13900000000"}
        if channel == "normal":
            body |= OUTLET
        batches = self.union.post("card", "/batches", body)["batches"]
        self.submission_traces.append(self.union.trace_id)
        return [one["number"] for one in batches]

    def batch(self, number: str) -> dict[str, Any]:
        """The batch as the operator sees it now."""
        return dict(self.union.get("card", f"/batches/{number}"))

    def wait_for_bank(self, number: str) -> dict[str, Any]:
        """Until the bank has answered for every member."""
        return dict(
            until(
                f"the bank's answer to {number}",
                lambda: self.batch(number),
                lambda seen: seen["counts"]["waiting"] == 0,
                self.patience_s,
            )
        )

    def wait_for_notice(self, number: str) -> dict[str, Any]:
        """Until the operator is told that the numbers exist (领卡预警)."""
        return dict(
            until(
                f"a notice about {number}",
                lambda: [n for n in self.union.get("card", "/notices")["items"] if n["batch_number"] == number],
                bool,
                self.patience_s,
            )[0]
        )

    def record_call(self, number: str) -> None:
        """登记银行来电."""
        self.union.post("card", f"/batches/{number}/call", {"called_on": self.today().isoformat()})

    def pick_up(self, number: str, in_person: Sequence[int] = ()) -> dict[str, Any]:
        """登记领卡: all collected but those who declined to give a copy (领卡告知函)."""
        body = {
            "all_collected": True,
            "in_person": [{"member_id": member} for member in in_person],
            "on": self.today().isoformat(),
        }
        return dict(self.union.post("card", f"/batches/{number}/pickups", body))

    def members_of(self, number: str) -> list[dict[str, Any]]:
        """The batch's members with their outcomes."""
        return list(self.union.pages("card", f"/batches/{number}/members"))


def bad_rows(refusal: Refusal) -> list[dict[str, Any]]:
    """The rows that a refused import names."""
    return list(refusal.problem.get("rows") or [])
