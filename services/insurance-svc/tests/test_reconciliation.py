"""What the auditor asks of insurance-svc: all zero in a sound database, and each law broken on purpose is counted."""

import pytest

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, load, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from unioncard.contracts.insurance import VoidUnpaid
from unioncard.database import engine_for
from unioncard.principal import Role
from unioncard_testing.trial import SIBLING, UNION

LAWS = (
    "double_cover",
    "days_astray",
    "lines_astray",
    "statements_astray",
    "lists_astray",
    "classes_astray",
    "batches_astray",
    "postings_astray",
    "districts_astray",
    "trial_balance_fen",
)

REFUND = {"settlement": "refunded", "note": "已退款"}

# (what is planted, which laws it breaks, by how much)
PLANTED = (
    (
        """INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half)
           VALUES (1, 99, 'half', '2020-12-31', '2021-06-30', 2021)""",
        {"double_cover": 1},
    ),
    ("UPDATE policies SET last_day = last_day - 30 WHERE member_id = 1", {"days_astray": 1}),
    ("UPDATE policies SET first_half = NULL WHERE member_id IN (1, 2)", {"days_astray": 2}),
    ("UPDATE statement_lines SET amount_fen = amount_fen + 100", {"lines_astray": 1, "statements_astray": 1}),
    ("UPDATE statement_lines SET counted_fen = counted_fen - 100", {"lines_astray": 1}),
    ("UPDATE statements SET lines = 2", {"statements_astray": 1}),
    ("UPDATE policies SET void = true WHERE member_id = 1", {"lists_astray": 1}),
    ("UPDATE enrolment_prices SET fee_fen = fee_fen + 1, union_fen = union_fen + 1", {"lists_astray": 3}),
    (f"DELETE FROM union_classes WHERE union_id = {SIBLING}", {"classes_astray": 1}),
    ("INSERT INTO union_classes VALUES (346, 2021, 'B')", {"classes_astray": 1}),
    ("UPDATE batches SET heads = heads + 1", {"batches_astray": 1}),
    ("UPDATE batch_sums SET fee_fen = fee_fen + 1", {"batches_astray": 1}),
    (
        "UPDATE ledger SET amount_fen = amount_fen + 7 WHERE account = 'cash'",
        {"postings_astray": 1, "trial_balance_fen": 7},
    ),
    ("UPDATE batches SET received_fen = received_fen - 1", {"districts_astray": 1}),
)


async def _season(trial: Trial) -> None:
    """Two lists in a batch that is passed and paid, a third waits for the district."""
    await plan_2020(trial)
    await put_list(trial, 10)
    await put_list(trial, 3, union_id=SIBLING, first_member=100)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await basket(trial)
    number = (await submit(trial))["number"]
    await put_list(trial, 2, union_id=UNION, first_member=200)
    await passed(trial, number)
    trial.clock.at = shanghai("2020-01-11T09:00")
    # 13 heads at 5.00 + 8.00
    assert await load(trial, "2020-01-10", ("r-1", "2020-01-10", "169.00", number)) == {"exact": 1}


async def _broken(trial: Trial) -> dict[str, int]:
    summary = await trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION)
    return {law: summary[law] for law in LAWS if summary[law]}


async def test_a_sound_season_breaks_no_law(trial: Trial) -> None:
    await _season(trial)
    assert await _broken(trial) == {}
    page = await trial.ok("GET", "/reconciliation/batches", role=Role.FEDERATION)
    (batch,) = page["items"]
    assert (batch["number"], batch["state"], batch["heads"]) == ("CB201912280001", "passed", 13)
    assert (batch["due_fen"], batch["received_fen"], batch["scheme"]) == (16900, 16900, "centralized")


async def test_a_batch_that_was_short_and_voided_breaks_no_law(trial: Trial) -> None:
    """What came of its money is due back, and then given back: neither is a difference."""
    await plan_2020(trial)
    await put_list(trial, 10)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await basket(trial)
    number = (await submit(trial))["number"]
    await passed(trial, number)
    trial.clock.at = shanghai("2020-02-01T09:00")
    # 10 heads at 13.00; the last day of payment is over, and all its days are loaded
    short = ("r-1", "2020-01-10", "129.99", number)
    assert await load(trial, "2020-01-31", short, first_day="2019-12-28") == {"short": 1}
    answer = await trial.command(VoidUnpaid(batch_number=number), f"premium-payment/{number}/void/1")
    assert answer["data"]["result"]["state"] == "voided"
    assert await _broken(trial) == {}
    await trial.ok("POST", "/statement-lines/r-1/settlement", REFUND, role=Role.CENTRE_PAYER)
    assert await _broken(trial) == {}


@pytest.mark.parametrize(("plant", "broken"), PLANTED, ids=[" ".join(one[0].split()[:4]) for one in PLANTED])
async def test_a_planted_difference_is_counted(trial: Trial, plant: str, broken: dict[str, int]) -> None:
    await _season(trial)
    owner = engine_for(trial.context.database.owner_url)
    async with owner.begin() as conn:
        await conn.exec_driver_sql(plant)
    await owner.dispose()
    found = await _broken(trial)
    assert {law: found.get(law) for law in broken} == broken
