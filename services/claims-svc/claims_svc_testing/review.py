"""The centre's acts and the money's way, as tests need them."""

from collections.abc import Sequence
from typing import Any

import httpx

from claims_svc.payouts.handlers import submit_payouts
from claims_svc_testing import Trial
from claims_svc_testing.payouts import deliver, gather, tell_payees
from unioncard.auth import Role
from unioncard.contracts.claims import SubmitPayouts
from unioncard.contracts.cover import PolicyCover
from unioncard.messaging.handling import Message
from unioncard_testing import envelope_of

FIRST, SECOND, THIRD = 71, 72, 73
"""Accounts of three reviewers."""


async def reviewable(trial: Trial, body: dict[str, Any], *policies: PolicyCover) -> str:
    """File, cover and complete a claim; its number."""
    number = await trial.file(body)
    await trial.assess(number, *policies)
    await trial.complete(number)
    return number


async def act(trial: Trial, number: str, what: str, body: dict[str, Any], account: int = FIRST) -> httpx.Response:
    """A reviewer's act."""
    return await trial.call("POST", f"/claims/{number}/{what}", body, role=Role.CENTRE_REVIEWER, account=account)


async def decide(trial: Trial, number: str, account: int = FIRST, **body: Any) -> str:
    """A decision that must be taken; the claim's state then."""
    response = await act(trial, number, "decision", {"approve": True} | body, account)
    assert response.status_code == 201, response.text
    return str(response.json()["state"])


async def confirm(trial: Trial, number: str, account: int = SECOND, **body: Any) -> str:
    """A second pair of eyes that must be let in; the claim's state then."""
    response = await act(trial, number, "confirmation", {"confirmed": True} | body, account)
    assert response.status_code == 201, response.text
    return str(response.json()["state"])


async def appeal(trial: Trial, number: str, **caller: Any) -> httpx.Response:
    """The union appeals, unless said otherwise."""
    return await trial.call("POST", f"/claims/{number}/appeals", {"reason": "补充了病史资料"}, **caller)


async def hand_over(trial: Trial, batch: str) -> None:
    """Fix what a batch says; whether the bank's receipt has come yet makes no difference to its answers."""
    async with trial.context.work.begin("message:test") as tx:
        command = SubmitPayouts(batch_number=batch)
        await submit_payouts(tx, [Message(command, envelope_of(command, idempotencykey=f"submit-{batch}"), None)])


async def send(trial: Trial) -> list[tuple[str, str, int, int]]:
    """Gather what is to be paid and fix it, without any bank: (batch, payout, member, fen) of each."""
    await gather(trial)
    batches = await trial.column("SELECT number FROM payout_batches WHERE state = 'gathered' ORDER BY number")
    for batch in batches:
        members = await trial.column("SELECT DISTINCT member_id FROM payouts WHERE batch_number = :n", n=batch)
        await tell_payees(trial, members, batch=batch)
        await hand_over(trial, batch)
    rows = await trial.column(
        "SELECT concat_ws(' ', batch_number, number, member_id, amount_fen) FROM payouts"
        " WHERE batch_number = ANY(CAST(:n AS text[])) AND state = 'waiting' ORDER BY number",
        n=batches,
    )
    found = [row.split() for row in rows]
    return [(batch, number, int(member), int(fen)) for batch, number, member, fen in found]


async def pay(trial: Trial) -> Sequence[str]:
    """Pay all that is to be paid: the bank says that everything arrived. The payouts' numbers."""
    sent = await send(trial)
    for batch, number, _, fen in sent:
        result = {"payout_number": number, "amount_fen": fen, "status": "paid"}
        said = {"answer_id": number, "batch_number": batch, "answered_at": "2020-03-11T10:00:00+08:00"}
        assert await deliver(trial, said | {"results": [result]}) == (1, 0, 0)
    return [number for _, number, _, _ in sent]
