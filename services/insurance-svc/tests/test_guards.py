"""What the database refuses by itself, even if the code that asks before were wrong (domain 5)."""

from typing import Any

import pytest
import sqlalchemy as sa

from insurance_svc.batches import review
from insurance_svc.ledger import store as ledger_store
from insurance_svc.ledger.rules import Account, Posting
from insurance_svc.settlement import store as settlements
from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, ledger, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from unioncard_testing.trial import SIBLING

POLICY = """
    INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half, second_half)
    VALUES (1, 99, 'half', :first_day, :last_day, :first_half, :second_half)
"""
FIRST_HALF = {"first_day": "2020-03-01", "last_day": "2020-06-30", "first_half": 2020, "second_half": None}
SECOND_HALF = {"first_day": "2020-07-01", "last_day": "2020-12-31", "first_half": None, "second_half": 2020}


@pytest.mark.parametrize("half", [FIRST_HALF, SECOND_HALF], ids=["first half", "second half"])
async def test_a_second_policy_for_a_half_year_cannot_be(trial: Trial, half: dict[str, Any]) -> None:
    await put_list(trial, 1)
    with pytest.raises(sa.exc.IntegrityError, match="policies_"):
        await trial.run(POLICY, **half)
    await trial.run("UPDATE policies SET void = true WHERE member_id = 1")
    await trial.run(POLICY, **half)
    assert await trial.column("SELECT enrolment_id FROM policies WHERE member_id = 1 AND NOT void") == [99]


async def test_a_union_has_one_class_a_year(trial: Trial) -> None:
    await trial.run("INSERT INTO union_classes VALUES (346, 2020, 'A')")
    with pytest.raises(sa.exc.IntegrityError, match="union_classes"):
        await trial.run("INSERT INTO union_classes VALUES (346, 2020, 'B')")


async def test_an_unpaid_batch_is_not_written_off(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-30T10:00")
    await put_list(trial, 2, union_id=SIBLING)
    await basket(trial)
    number = str((await submit(trial))["number"])
    await passed(trial, number)
    async with trial.context.work.begin("account:1") as tx:
        assert await review.write_off(tx, [number], 1) == []
    assert await trial.column("SELECT state FROM batches") == ["passed"]


async def test_nothing_is_void_on_its_last_day_whatever_is_loaded(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-30T10:00")
    await put_list(trial, 2)
    await basket(trial)
    number = str((await submit(trial))["number"])
    await passed(trial, number)
    await trial.run("""
        INSERT INTO statements (day, lines, amount_fen, loaded_by)
        SELECT day, 0, 0, 1 FROM generate_series(date '2019-12-30', date '2020-01-20', interval '1 day') AS day
    """)
    for moment, state in (("2020-01-20T23:59:59.999999", "passed"), ("2020-01-21T00:00", "voided")):
        trial.clock.at = shanghai(moment)
        async with trial.context.work.begin("account:1") as tx:
            assert (await review.void_unless_paid(tx, number)).state == state


async def test_a_settlement_is_not_decided_by_who_entered_it(trial: Trial) -> None:
    async with trial.context.work.begin("account:71") as tx:
        entered = await settlements.enter(tx, 12, 2018, 2500, "结余", 71)
        assert entered is not None
        assert await settlements.decide(tx, entered, "approved", 71) is None
    with pytest.raises(sa.exc.IntegrityError, match="settlements_four_eyes"):
        await trial.run("UPDATE settlements SET state = 'approved', decided_by = 71, decided_at = now()")


async def test_a_posting_counts_once(trial: Trial) -> None:
    for amount in (700, 900):
        posting = Posting("x/1", 12, 2020, {Account.CASH: amount, Account.REFUNDS_DUE: -amount})
        async with trial.context.work.begin("account:1") as tx:
            await ledger_store.post(tx, [posting])
    assert await ledger(trial) == {"cash": 700, "refunds_due": -700}
