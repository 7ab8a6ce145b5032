"""What the auditor asks of claims-svc: all zero in a sound database, and each law broken on purpose is counted."""

import pytest
import sqlalchemy as sa

from claims_svc_testing import Trial
from claims_svc_testing.payouts import BATCH, answer, back, broken, deliver, gather, paid, payout, sent_batch, to_pay
from unioncard.database import engine_for
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT

# (what is planted, which laws it breaks, by how much). Claim 1 is paid, 2 came back, 3 is on its way, 4 is to be paid.
PLANTED = (
    ("UPDATE claims SET claimed_fen = 40000, refused_fen = 10000 WHERE member_id = 1", {"claims_astray": 1}),
    ("UPDATE claim_parts SET approved_fen = 20000 WHERE policy_id = 10",
     {"claims_astray": 1, "paid_too_much": 1, "books_astray": 1}),
    ("UPDATE claims SET state = 'paid' WHERE member_id = 2", {"unpaid_astray": 1}),
    ("UPDATE claims SET state = 'to_pay' WHERE member_id = 1", {"unpaid_astray": 1}),
    ("UPDATE payouts SET state = 'paid' WHERE member_id = 2", {"unpaid_astray": 1, "payout_batches_astray": 1}),
    ("UPDATE payout_parts SET amount_fen = 29999 WHERE policy_id = 10", {"payouts_astray": 1, "books_astray": 1}),
    ("UPDATE payout_batches SET amount_fen = amount_fen + 1", {"payout_batches_astray": 1}),
    ("UPDATE ledger SET amount_fen = amount_fen + 7 WHERE account = 'benefits' AND claim_number LIKE '%04'",
     {"postings_astray": 1, "trial_balance_fen": 7, "books_astray": 1}),
    ("DELETE FROM ledger WHERE posting LIKE '%/confirmed'", {"books_astray": 1}),
    ("""INSERT INTO payouts (number, batch_number, claim_number, member_id, union_id, district_id, benefit, payee,
            amount_fen, state)
        SELECT number || 'x', batch_number, claim_number, member_id, union_id, district_id, benefit, payee,
            amount_fen, 'paid' FROM payouts WHERE member_id = 1""",
     {"unpaid_astray": 1, "payouts_astray": 1, "payout_batches_astray": 1}),
)  # fmt: skip


async def _day(trial: Trial) -> None:
    await sent_batch(trial, 3)
    await deliver(trial, answer([paid(payout(1)), back(payout(2))]))
    await to_pay(trial, 1, first=4)


async def test_a_sound_day_breaks_no_law(trial: Trial) -> None:
    await _day(trial)
    assert await broken(trial) == {}
    summary = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION)
    assert (summary["paid_fen"], summary["in_transit_fen"], summary["payable_fen"]) == (30000, 30000, 60000)
    assert summary["counts"]["payouts"] == {"paid": 1, "returned": 1, "waiting": 1}
    page = await trial.ok("GET", "/reconciliation/payout-batches", role=Role.FEDERATION)
    (batch,) = page["items"]
    assert (batch["number"], batch["state"], batch["amount_fen"], batch["waiting"]) == (BATCH, "sent", 90000, 1)
    claims = await trial.ok("GET", "/reconciliation/claims?limit=2", role=Role.FEDERATION)
    assert [one["state"] for one in claims["items"]] == ["paid", "returned"]
    rest = await trial.ok("GET", f"/reconciliation/claims?after={claims['next']}", role=Role.FEDERATION)
    assert [one["state"] for one in rest["items"]] == ["paying", "to_pay"]
    losses = await trial.ok("GET", "/reconciliation/losses", role=Role.FEDERATION)
    assert losses["items"] == [{"district_id": DISTRICT, "coverage_year": 2020, "payouts": 1, "amount_fen": 30000}]
    assert (await trial.call("GET", "/reconciliation/summary", role=Role.CENTRE_PAYER)).status_code == 403
    await gather(trial)
    assert await broken(trial) == {}


@pytest.mark.parametrize(("plant", "expected"), PLANTED, ids=[" ".join(one[0].split()[:6]) for one in PLANTED])
async def test_a_planted_difference_is_counted(trial: Trial, plant: str, expected: dict[str, int]) -> None:
    await _day(trial)
    owner = engine_for(trial.context.database.owner_url)
    async with owner.begin() as conn:
        await conn.execute(sa.text(plant))
    await owner.dispose()
    found = await broken(trial)
    assert {law: found.get(law) for law in expected} == expected
