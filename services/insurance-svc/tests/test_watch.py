"""What alerts are told: batches overdue, rows of statements to settle, the trial balance."""

from insurance_svc import watch
from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, load, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai


async def counted(trial: Trial, at: str) -> tuple[float, float, float]:
    """Overdue batches, rows to settle, trial balance at that moment."""
    async with trial.context.engine.connect() as conn:
        await watch.measure(conn, shanghai(at))
    return watch.overdue._value.get(), watch.unsettled._value.get(), watch.trial_balance._value.get()


async def test_a_batch_is_overdue_from_the_day_after_its_last_day_until_it_is_paid_for(trial: Trial) -> None:
    await plan_2020(trial)
    await put_list(trial, 2)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await basket(trial)
    number = (await submit(trial))["number"]
    await passed(trial, number)
    assert await counted(trial, "2020-01-20T23:59:59.999999") == (0, 0, 0)
    assert await counted(trial, "2020-01-21T00:00") == (1, 0, 0)
    # 2 heads of class A: of 26.00 yuan each the federation pays 13.00, so 26.00 are due.
    trial.clock.at = shanghai("2020-01-11T10:00")
    await load(trial, "2020-01-10", ("R1", "2020-01-10", "20.00", number))
    assert await counted(trial, "2020-01-21T00:00") == (1, 1, 0)


async def test_books_that_do_not_agree_are_seen(trial: Trial) -> None:
    await trial.run(
        """INSERT INTO ledger (posting, account, district_id, coverage_year, amount_fen, business_at)
           VALUES ('wrong', 'cash', 12, 2020, 5, now())"""
    )
    assert await counted(trial, "2020-01-20T12:00") == (0, 0, 5)
