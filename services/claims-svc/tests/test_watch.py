"""What alerts are told: batches the bank owes answers for, money to put right, foreign answers, the trial balance."""

from datetime import datetime

from claims_svc import watch
from claims_svc_testing import Trial
from claims_svc_testing.payouts import answer, back, deliver, paid, payout, sent_batch


async def counted(trial: Trial, at: str) -> tuple[float, ...]:
    """Late batches, claims to put right, answers set aside, trial balance at that moment."""
    async with trial.context.engine.connect() as conn:
        await watch.measure(conn, datetime.fromisoformat(f"{at}+08:00"))
    gauges = (watch.late, watch.to_put_right, watch.set_aside, watch.trial_balance)
    return tuple(gauge._value.get() for gauge in gauges)


async def test_a_batch_is_late_after_three_days_until_the_bank_has_answered(trial: Trial) -> None:
    await sent_batch(trial, 2)  # on 10 March at 10:00
    assert await counted(trial, "2020-03-13T10:00:00") == (0, 0, 0, 0)
    assert await counted(trial, "2020-03-13T10:00:00.000001") == (1, 0, 0, 0)
    await deliver(trial, answer([paid(payout(1)), back(payout(2)), paid(payout(7))]))
    assert await counted(trial, "2020-03-13T11:00:00") == (0, 1, 1, 0)


async def test_books_that_do_not_agree_are_seen(trial: Trial) -> None:
    await trial.run(
        """INSERT INTO ledger (posting, account, claim_number, district_id, coverage_year, class_code, amount_fen,
               business_at)
           VALUES ('wrong', 'cash', 'GF1', 12, 2020, 'A', 5, now())"""
    )
    assert await counted(trial, "2020-03-11T12:00:00") == (0, 0, 0, 5)
