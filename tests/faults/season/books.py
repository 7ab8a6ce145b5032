"""What must hold of batches, money and the audit log when the campaign has ended; asked through the public APIs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tests.faults.season.money import Money
from tests.faults.season.plan import MEMBERS, Payment
from tests.faults.season.proof import Recorded
from unioncard_cli.operators import Operator, patiently

STANDING = frozenset({"submitted", "basket", "reviewing", "passed", "written_off"})
_SUMS = ("fee_fen", "subsidy_fen", "district_fen", "union_fen")
#: What a movement is to its batch, and in which order a district's movements come.
_OUTCOMES = {
    Payment.EXACT: ["exact"],
    Payment.OVER: ["over"],
    Payment.IN_PARTS: ["short", "exact"],
    Payment.LATE: ["late"],
}


def recorded_lists(federation: Operator) -> list[Recorded]:
    """Every list there is, with its members."""
    found = []
    for row in federation.pages("insurance", "/enrolments"):
        members = federation.pages("insurance", f"/enrolments/{row['id']}/members")
        found.append(
            Recorded(
                id=row["id"],
                union_id=row["union_id"],
                class_code=row["class_code"],
                state=row["state"],
                submitted_at=datetime.fromisoformat(row["submitted_at"]),
                members=tuple(one["member_id"] for one in members),
                sums=(row["fee_fen"], row["subsidy_fen"], row["district_fen"], row["union_fen"]),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Books:
    """The season's books, as the federation and the centre may read them."""

    money: Money
    federation: Operator
    sandbox: str
    recorded: Sequence[Recorded]

    def differences(self) -> list[str]:
        """Everything that does not add up, in words."""
        batches = {row["number"]: row for row in self.money.centre.batches()}
        return [
            *self._batches(batches),
            *self._lists(),
            *self._cover(),
            *self._lines(),
            *self._accounts(batches),
            *self._acts(batches),
            *self._mails(batches),
        ]

    def _batches(self, batches: dict[str, Any]) -> Iterator[str]:
        """Every batch that a district was told of stands as the district's money has it, and there is no other."""
        wanted: dict[str, str] = {}
        for one in self.money.districts:
            wanted |= dict.fromkeys(one.returned_batches, "returned")
            wanted[one.batches[-1]] = "voided" if one.payment is Payment.LATE else "written_off"
        states = {number: row["state"] for number, row in batches.items()}
        if states != wanted:
            yield f"batches are {states}, wanted {wanted}"
        written_off = sorted(number for number, state in wanted.items() if state == "written_off")
        if sorted(self.money.written_off) != written_off:
            yield f"people were told that {self.money.written_off} were written off, wanted {written_off}"

    def _lists(self) -> Iterator[str]:
        """A list fares as its union and its district have paid."""
        fate: dict[int, str] = {}
        for district in self.money.districts:
            paid = "voided" if district.payment is Payment.LATE else "written_off"
            fate |= {union.id: paid if union.plan.pays else "voided" for union in district.unions}
        returned = {id_ for district in self.money.districts for id_ in district.returned}
        for one in self.recorded:
            wanted = "returned" if one.id in returned else fate[one.union_id]
            if one.state != wanted:
                yield f"list {one.id} is {one.state}, wanted {wanted}"

    def _cover(self) -> Iterator[str]:
        """Who is on a list that stands is covered; everybody else is free for instant enrolment."""
        for union in self.money.unions:
            covered = sum(
                len(one.members) for one in self.recorded if one.union_id == union.id and one.state in STANDING
            )
            free = union.desk.eligible("no_cover")
            if free != MEMBERS - covered:
                yield f"{union.operator.login}: {covered} of {MEMBERS} members are covered, {free} are free"

    def _lines(self) -> Iterator[str]:
        """Every movement of the bank is there once, and is to its batch what it should be."""
        rows = list(self.money.centre.payer.pages("insurance", "/statement-lines"))
        seen = sorted((row["bank_reference"], row["amount_fen"]) for row in rows)
        came = sorted((one.reference, one.amount_fen) for one in self.money.movements)
        if seen != came:
            yield f"the bank's movements were {came}, loaded are {seen}"
        for one in self.money.districts:
            outcomes = [row["outcome"] for row in rows if row["batch_number"] == one.batches[-1]]
            if outcomes != _OUTCOMES[one.payment]:
                yield f"{one.name}, who paid {one.payment}: {outcomes}"

    def _accounts(self, batches: dict[str, Any]) -> Iterator[str]:
        """All money is in one place: what came is in cash; what is written off is premium, the rest is due back."""
        paid = [row for row in batches.values() if row["state"] == "written_off"]
        came = sum(one.amount_fen for one in self.money.movements)
        wanted = {
            "cash": came,
            "premiums": -sum(row["fee_fen"] for row in paid),
            "subsidy_receivable": sum(row["subsidy_fen"] for row in paid),
            "refunds_due": sum(row["due_fen"] for row in paid) - came,
        }
        balance = self.money.centre.payer.get("insurance", "/ledger/balance")
        found = {row["account"]: row["balance_fen"] for row in balance["accounts"] if row["balance_fen"]}
        if found != {account: fen for account, fen in wanted.items() if fen} or balance["total_fen"]:
            yield f"the accounts are {found}, wanted {wanted}"
        sums = tuple(sum(row[name] for row in paid) for name in _SUMS)
        lists = [one.sums for one in self.recorded if one.state == "written_off"]
        of_lists = tuple(sum(parts) for parts in zip(*lists, strict=True))
        if sums != of_lists:
            yield f"the batches written off come to {sums}, their lists to {of_lists}"

    def _acts(self, batches: dict[str, Any]) -> Iterator[str]:
        """The audit log has every act once."""
        for action, subjects in self._once(batches).items():
            seen = Counter(row["subject"] for row in self.federation.pages("insurance", "/audit-log", action=action))
            if seen != Counter(subjects):
                yield f"{action}: the audit log has {dict(seen)}, wanted each once: {sorted(subjects)}"
        for action, wanted in Counter(self.money.told).items():
            count = sum(1 for _ in self.federation.pages("insurance", "/audit-log", action=action))
            if count != wanted:
                yield f"{action}: the audit log has {count}, people were told {wanted}"

    def _once(self, batches: dict[str, Any]) -> dict[str, list[str]]:
        """Which acts concern what, by their names in the audit log."""

        def those(state: str) -> list[str]:
            return [f"batch:{number}" for number, row in batches.items() if row["state"] == state]

        lists = [f"enrolment:{one.id}" for one in self.recorded]
        passed = those("written_off") + those("voided")
        return {
            "enrolment.submitted": lists,
            "enrolment.returned": [f"enrolment:{one.id}" for one in self.recorded if one.state == "returned"],
            "enrolment.voided": [f"enrolment:{one.id}" for one in self.recorded if one.state == "voided"],
            "batch.submitted": [f"batch:{number}" for number in batches],
            "batch.returned": those("returned"),
            "batch.passed": passed,
            "batch.written-off": those("written_off"),
            "batch.voided": those("voided"),
            "batch.details-sent": passed,
        }

    def _mails(self, batches: dict[str, Any]) -> Iterator[str]:
        """The payment details went out once for each batch that passed."""
        rows = patiently(lambda: httpx.get(f"{self.sandbox}/memory/mails?limit=1000", timeout=30), 30).json()["mails"]
        subjects = Counter(row["subject"] for row in rows)
        for number, row in batches.items():
            wanted = int(row["state"] in ("written_off", "voided"))
            if (count := subjects[f"参保批次 {number} 缴费明细"]) != wanted:
                yield f"batch {number}: {count} mails with its details, wanted {wanted}"
        if conflicts := sum(row["conflicts"] for row in rows):
            yield f"{conflicts} mails came again with other content"
