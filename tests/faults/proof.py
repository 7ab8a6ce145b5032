"""What must hold afterwards, beside the audit's laws: what each member, batch and operator has seen, exactly once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from tests.faults.errand import Errand
from unioncard_cli.audit.facts import Facts
from unioncard_cli.operators import Operator, patiently

NOTED_ONCE = ("batch.submitted", "batch.accepted", "batch.called", "batch.picked-up", "batch.closed")


def differences(errands: Sequence[Errand], federation: Operator, sandbox: str, facts: Facts) -> list[str]:
    """Everything that was lost or came twice, in words. ``facts`` are those that the audit has found sound."""
    found: list[str] = []
    for errand in errands:
        found += _fates(errand)
        found += _notices(errand)
        for number in errand.numbers:
            found += _acts(federation, number)
    found += _set_aside(federation, sandbox)
    found += _fetches(federation, facts)
    return found


def _fates(errand: Errand) -> Iterator[str]:
    """Each member's card log holds the steps it went through, in order, none twice."""
    cards = {row["member_id"]: row["state"] for row in errand.union.pages("card", "/cards")}
    if sorted(cards) != sorted(errand.fates) or len(cards) != len(errand.people):
        yield f"{errand.union.login}: {len(errand.people)} people became {len(cards)} members"
    failed = sum("check_not_passed" in steps for steps in errand.fates.values())
    if failed != errand.not_passing:
        yield f"{errand.union.login}: {failed} did not pass the check, {errand.not_passing} should not"
    for member, wanted in errand.fates.items():
        entries = errand.union.pages("card", f"/cards/{member}/log")
        steps = [entry["step"] for entry in entries][::-1]
        if steps != wanted:
            yield f"member {member}: the card log says {steps}, it went through {wanted}"


def _notices(errand: Errand) -> Iterator[str]:
    told = Counter(
        (notice["batch_number"], notice["kind"], notice["occurrence"])
        for notice in errand.union.pages("card", "/notices")
    )
    for number in errand.numbers:
        issued = errand.story.batch(number)["counts"]["issued"]
        wanted = {(number, "numbers_generated", 1): 1} if issued else {}
        seen = {key: count for key, count in told.items() if key[0] == number}
        if seen != wanted:
            yield f"batch {number}: notices {seen}, wanted {wanted}"


def _acts(federation: Operator, number: str) -> Iterator[str]:
    """The audit log names each act about a batch once."""
    entries = list(federation.pages("card", "/audit-log", subject=f"batch:{number}"))
    acts = Counter(entry["action"] for entry in entries)
    for action in NOTED_ONCE:
        if acts[action] > 1 or (action in NOTED_ONCE[:2] and not acts[action]):
            yield f"batch {number}: {action} is in the audit log {acts[action]} times"
    answers = [entry["after"]["waiting"] for entry in entries if entry["action"] == "batch.answered"][::-1]
    if answers != sorted(set(answers), reverse=True) or not answers or answers[-1]:
        yield f"batch {number}: the bank's answers left {answers} waiting"


def _set_aside(federation: Operator, sandbox: str) -> Iterator[str]:
    """Only answers to batches that never were are set aside, and all of them."""
    rows: list[dict[str, Any]] = list(federation.pages("card", "/reconciliation/set-aside"))
    for row in rows:
        if row["why"] != "unknown_batch":
            yield f"set aside as {row['why']}: {row['answer_id']}"
    summary = patiently(lambda: httpx.get(f"{sandbox}/memory/summary", timeout=30), 30).json()
    if len(rows) != summary["unknown_batch_callbacks"]:
        yield f"{summary['unknown_batch_callbacks']} answers for unknown batches were sent, {len(rows)} set aside"


def _fetches(federation: Operator, facts: Facts) -> Iterator[str]:
    """Each fetch of the bank's state was carried out once, however often its command came.

    Every other command changes nothing when it is carried out again; of this one the audit log keeps each time.
    """
    fetched = sum(1 for _ in federation.pages("card", "/audit-log", action="bank.state-fetched"))
    asked = sum(id_.startswith("bank-state") and one.status == "Completed" for id_, one in facts.workflows.items())
    if fetched != asked:
        yield f"{asked} workflows fetched the bank's state, the audit log says {fetched} times"
