"""Claims that are to be paid, card-svc's answers about cards, and the bank's about payouts."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from claims_svc.ledger import store as ledger
from claims_svc.payouts.handlers import submit_payouts
from claims_svc_testing import Trial, member
from unioncard import signatures
from unioncard.contracts.claims import GatherPayouts, SubmitPayouts
from unioncard.contracts.payees import Payee, PayeesTold, Unpayable
from unioncard.dates import shanghai_date
from unioncard.keys import load_keys
from unioncard.messaging.handling import Message
from unioncard.principal import Role
from unioncard_testing import envelope_of
from unioncard_testing.trial import DISTRICT, UNION

BATCH = "FK202003100001"
"""The first batch of START's day."""

_CLAIM = """
    INSERT INTO claims (number, member_id, union_id, district_id, district_code, filed_by_role, filed_by, benefit,
        event, event_day, last_day, first_diagnosis, in_patient, payee, account_id, state, claimed_fen, approved_fen,
        filed_at, changed_at, decided_by, decided_at)
    SELECT 'GF36320200310' || lpad(CAST(n AS text), 6, '0'), n, :union, :district, '363', 'union', 1, :benefit,
        :event, '2020-02-01', '2020-02-01', true, true, :payee, :account, :state, :fen, :fen, now(), now(),
        'account:1', now()
    FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS n
"""
_PART = """
    INSERT INTO claim_parts (claim_number, policy_id, coverage_year, class_code, district_id, nights, days,
        covered_from, claimed_fen, payable_fen, approved_fen)
    SELECT number, member_id * 10 + :place, :year, :class, :district, 0, 0, make_date(:year, 1, 1), :fen, :fen, :fen
    FROM claims
    WHERE member_id BETWEEN :first AND :last
"""


def claim_number(member_id: int) -> str:
    """The claim that :func:`to_pay` makes for a member."""
    return f"GF36320200310{member_id:06d}"


def payout(place: int, batch: str = BATCH) -> str:
    """The number of a payout."""
    return f"{batch}-{place:04d}"


def card_number(member_id: int) -> str:
    """A member's card number."""
    return f"622700{member_id:013d}"


async def to_pay(
    trial: Trial,
    count: int,
    *,
    first: int = 1,
    fen: int = 30000,
    parts: Sequence[tuple[int, str, int]] = (),
    **changed: Any,
) -> list[str]:
    """So many members with a claim approved for ``fen`` each; ``parts``: (year, class, fen) of several policies."""
    last = first + count - 1
    await trial.tell_members(*(member(n) for n in range(first, last + 1)))
    facts = {"union": UNION, "district": DISTRICT, "benefit": "critical_illness", "event": "illness", "state": "to_pay"}
    span = {"first": first, "last": last}
    values = facts | {"payee": "own_card", "account": None, "fen": fen} | changed | span
    await trial.run(_CLAIM, **values)
    for place, (year, class_code, part_fen) in enumerate(parts or [(2020, "A", fen)]):
        part = {"place": place, "year": year, "class": class_code, "fen": part_fen, "district": values["district"]}
        await trial.run(_PART, **part, **span)
    numbers = [claim_number(n) for n in range(first, last + 1)]
    async with trial.context.work.begin("account:1") as tx:
        await ledger.post_approved(tx, numbers)
    return numbers


async def gather(trial: Trial) -> dict[str, int]:
    """``{"batches": …, "payouts": …}`` of the day's run."""
    day = shanghai_date(trial.clock.at)
    reply = await trial.command(GatherPayouts(day=day), f"payouts/{day}/{uuid.uuid4().hex}")
    result: dict[str, int] = reply["data"]["result"]
    return result


async def tell_payees(
    trial: Trial, member_ids: Sequence[int], *, batch: str = BATCH, unpayable: dict[int, Unpayable] | None = None,
    numbers: dict[int, str] | None = None,
) -> None:  # fmt: skip
    """What card-svc says about these members' cards."""
    seal = load_keys(trial.folder / "keys" / "card-svc.json").transport_sealer().new_message()
    payees = []
    for one in member_ids:
        reason, number = (unpayable or {}).get(one), (numbers or {}).get(one, card_number(one))
        payees.append(
            Payee(
                member_id=one,
                reason=reason,
                card_number=None if reason else seal.encrypt("card_number", one, number),
                number_end=None if reason else number[-4:],
                limits_exempt=reason is None,
            )
        )
    on = shanghai_date(trial.clock.at)
    await trial.tell(PayeesTold(batch_number=batch, chunk=0, on=on, seal=seal.header, payees=payees))


async def submit(trial: Trial, batch: str = BATCH) -> dict[str, Any]:
    """The reply to the command that sends a batch; the dispatcher must be at work."""
    return await trial.command(SubmitPayouts(batch_number=batch), f"payout-batch/{batch}/submit")


async def fix(trial: Trial, batch: str = BATCH) -> None:
    """Fix what a batch says, as if the bank had accepted it, without any bank."""
    async with trial.context.work.begin("message:test") as tx:
        command = SubmitPayouts(batch_number=batch)
        await submit_payouts(tx, [Message(command, envelope_of(command, idempotencykey=f"submit/{batch}"), None)])
    await trial.run("DELETE FROM partner_calls")
    await trial.run("UPDATE payout_batches SET state = 'sent', accepted_at = now() WHERE number = :n", n=batch)


async def sent_batch(trial: Trial, count: int, **claims: Any) -> None:
    """The first batch, of so many claims, is with the bank."""
    await to_pay(trial, count, **claims)
    await gather(trial)
    await tell_payees(trial, range(1, count + 1))
    await fix(trial)


def paid(number: str, fen: int = 30000) -> dict[str, Any]:
    """The money arrived."""
    return {"payout_number": number, "amount_fen": fen, "status": "paid"}


def back(number: str, fen: int = 30000, code: str = "NUMBER_CHANGED") -> dict[str, Any]:
    """The money came back."""
    reason = {"reason_code": code, "reason": "卡号已更换，原卡号不能入账。"}
    return {"payout_number": number, "amount_fen": fen, "status": "returned"} | reason


def answer(
    results: Sequence[dict[str, Any]], batch: str = BATCH, answer_id: str | None = None, at: str = "10:00"
) -> dict[str, Any]:
    """An answer of the bank on 11 March 2020."""
    return {
        "answer_id": answer_id or uuid.uuid4().hex,
        "batch_number": batch,
        "answered_at": f"2020-03-11T{at}:00+08:00",
        "complete": True,
        "results": list(results),
    }


async def post(trial: Trial, said: dict[str, Any], *, secret: str | None = None) -> httpx.Response:
    """Deliver an answer as the bank does."""
    body = orjson.dumps(said)
    secret = secret or trial.context.keys.partner_secret("bank")
    headers = {signatures.HEADER: signatures.sign(secret, body, datetime.now(UTC))}
    return await trial.client.post("/partners/bank/payout-answers", content=body, headers=headers)


async def deliver(trial: Trial, said: dict[str, Any]) -> tuple[int, int, int]:
    """(news, repeats, set aside)"""
    response = await post(trial, said)
    assert response.status_code == 200, response.text
    filed = response.json()
    return filed["news"], filed["repeats"], filed["set_aside"]


async def states(trial: Trial) -> dict[str, str]:
    """Claims by number with their state."""
    rows = await trial.column("SELECT number || ' ' || state FROM claims ORDER BY number")
    return dict(row.split() for row in rows)


async def balances(trial: Trial) -> dict[str, int]:
    """Accounts of the ledger that are not zero."""
    found = await trial.ok("GET", "/ledger/balance", role=Role.FEDERATION)
    assert found["total_fen"] == 0
    return {one["account"]: one["balance_fen"] for one in found["accounts"] if one["balance_fen"]}


LAWS = (
    "claims_astray",
    "paid_too_much",
    "unpaid_astray",
    "payouts_astray",
    "payout_batches_astray",
    "postings_astray",
    "books_astray",
    "nights_astray",
    "trial_balance_fen",
)


async def broken(trial: Trial) -> dict[str, int]:
    """Laws that are broken, and how often."""
    summary = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION)
    return {law: summary[law] for law in LAWS if summary[law]}
