"""What a claim is told about somebody's cover: days at both ends, worth, and the last day to file (domain 5, 6)."""

from datetime import date
from typing import Any

import pytest

from insurance_svc.policies.rules import last_day_to_file
from insurance_svc_testing import Trial
from insurance_svc_testing.lists import CLASS_A, CLASS_B_HALF, put_list
from unioncard.contracts.cover import CheckCover
from unioncard_testing import envelope_of, statements
from unioncard_testing.trial import DISTRICT, UNION

Days = tuple[str, str]


async def ask(trial: Trial, first_day: str, last_day: str | None = None, member_id: int = 1) -> list[dict[str, Any]]:
    """The policies that touch these days."""
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day or first_day)
    key = f"claim/GF/{member_id}/{first}/{last}/{await trial.column('SELECT count(*) FROM inbox')}"
    reply = await trial.command(CheckCover(member_id=member_id, first_day=first, last_day=last), key)
    assert reply["type"] == "command.succeeded.v1"
    policies: list[dict[str, Any]] = reply["data"]["result"]["policies"]
    return policies


async def put_cover(trial: Trial, state: str | None = "written_off", **more: Any) -> int:
    """A list of member 1, in a batch that the centre left in that state; None: still before the district."""
    list_id = await put_list(trial, 1, **more)
    if state is not None:
        await trial.run(
            """INSERT INTO batches (number, district_id, district_code, scheme, coverage_year, state, lists, heads,
                   fee_fen, subsidy_fen, district_fen, union_fen, credit_fen, due_fen, operator_name, operator_phone,
                   operator_email, submitted_at, submitted_by, changed_at, due_on)
               SELECT 'CB' || id, district_id, '363', scheme, coverage_year, :state, 1, heads, fee_fen, subsidy_fen,
                   district_fen, union_fen, 0, district_fen + union_fen, '', '', '', submitted_at, 12, submitted_at,
                   '2020-01-20'
               FROM enrolments WHERE id = :id""",
            state=state,
            id=list_id,
        )
        await trial.run(
            "UPDATE enrolments SET state = 'in_batch', batch_number = 'CB' || id WHERE id = :id", id=list_id
        )
    return list_id


async def plan(trial: Trial, phase: str, last_day: str, district_id: int = 0, year: int = 2020) -> None:
    """A row of the calendar of claims."""
    await trial.run(
        """INSERT INTO calendar (scheme, coverage_year, phase, district_id, last_day, source)
           VALUES ('claims', :year, :phase, :district, CAST(:last_day AS date), 'test')""",
        year=year,
        phase=phase,
        district=district_id,
        last_day=last_day,
    )


async def test_a_policy_with_what_it_is_worth(trial: Trial) -> None:
    await trial.load_seasons()
    await put_cover(trial, class_code="B+")
    (policy,) = await ask(trial, "2020-03-01")
    assert policy == {
        "policy_id": 1,
        "state": "definite",
        "coverage_year": 2020,
        "class_code": "B+",
        "first_day": "2020-01-01",
        "last_day": "2020-12-31",
        "union_id": UNION,
        "district_id": DISTRICT,
        "district_code": "363",
        # Yuan in benefits.csv: 30,000, 20,000, 60 a day up to 10,800, 10,000.
        "benefits": [
            {"benefit": "accident", "amount_fen": 3_000_000, "per": "event", "limit_fen": None},
            {"benefit": "critical_illness", "amount_fen": 2_000_000, "per": "event", "limit_fen": None},
            {"benefit": "hospital_allowance", "amount_fen": 6_000, "per": "day", "limit_fen": 1_080_000},
            {"benefit": "illness_death", "amount_fen": 1_000_000, "per": "event", "limit_fen": None},
        ],
        "file_until": "2021-06-30",
    }


@pytest.mark.parametrize(
    ("batch", "state"),
    [
        (None, "reviewing"),
        ("reviewing", "provisional"),
        ("passed", "provisional"),
        ("written_off", "definite"),
    ],
)
async def test_the_state_follows_list_and_batch(trial: Trial, batch: str | None, state: str) -> None:
    await put_cover(trial, batch)
    assert [one["state"] for one in await ask(trial, "2020-01-05")] == [state]


async def test_void_is_no_cover(trial: Trial) -> None:
    await put_cover(trial, "voided")
    await trial.run("UPDATE policies SET void = true")
    assert await ask(trial, "2020-01-05") == []


@pytest.mark.parametrize(
    ("days", "covered"),
    [
        (("2019-12-31", "2019-12-31"), False),
        (("2020-01-01", "2020-01-01"), True),
        (("2020-06-30", "2020-07-01"), True),
        (("2020-12-31", "2020-12-31"), True),
        (("2021-01-01", "2021-01-01"), False),
        (("2019-12-20", "2019-12-31"), False),
        (("2019-12-20", "2020-01-01"), True),
        (("2020-12-31", "2021-01-09"), True),
        (("2021-01-01", "2021-01-09"), False),
        (("2019-01-01", "2021-12-31"), True),
    ],
)
async def test_both_ends_of_both_count(trial: Trial, days: Days, covered: bool) -> None:
    await put_cover(trial)
    assert bool(await ask(trial, *days)) is covered


async def test_half_a_year_from_july(trial: Trial) -> None:
    await put_cover(trial, price=CLASS_B_HALF, class_code="B", way="no_cover")
    assert await ask(trial, "2020-06-30") == []
    assert [one["first_day"] for one in await ask(trial, "2020-07-01")] == ["2020-07-01"]


async def test_a_stay_over_two_policies(trial: Trial) -> None:
    await trial.load_seasons()
    await put_cover(trial, class_code="A+")
    await put_cover(trial, price=CLASS_A, year=2019)
    found = await ask(trial, "2019-12-28", "2020-01-03")
    assert [(one["coverage_year"], one["class_code"], one["file_until"]) for one in found] == [
        # C20 names the day for 2019; 30 June of the year after is for all others.
        (2019, "A", "2021-12-31"),
        (2020, "A+", "2021-06-30"),
    ]
    assert [len(one["benefits"]) for one in found] == [2, 3]


async def test_the_2014_scheme(trial: Trial) -> None:
    await trial.load_seasons()
    await put_cover(trial, class_code="BASIC", year=2014)
    await trial.run(
        "UPDATE policies SET first_day = '2014-07-01', last_day = '2015-06-30', second_half = 2014, first_half = 2015"
    )
    assert await ask(trial, "2014-06-30") == []
    (policy,) = await ask(trial, "2015-06-30")
    # Half a year after its last day, as 30 June is half a year after 31 December.
    assert policy["file_until"] == "2015-12-31"
    assert [(one["benefit"], one["amount_fen"]) for one in policy["benefits"]] == [
        ("accident", 3_000_000),
        ("critical_illness", 1_000_000),
    ]


async def test_the_extended_day_then_the_districts_own(trial: Trial) -> None:
    await put_cover(trial)

    async def until() -> str:
        return str((await ask(trial, "2020-05-01"))[0]["file_until"])

    assert await until() == "2021-06-30"
    await plan(trial, "filing", "2021-07-31")
    assert await until() == "2021-07-31"
    await plan(trial, "filing", "2021-08-31", DISTRICT)
    await plan(trial, "filing", "2021-09-30", DISTRICT + 1)
    assert await until() == "2021-08-31"
    await plan(trial, "filing_extended", "2022-01-31")
    assert await until() == "2022-01-31"
    await plan(trial, "filing_extended", "2022-02-28", DISTRICT)
    assert await until() == "2022-02-28"


@pytest.mark.parametrize(
    ("last_day", "until"),
    [
        (date(2020, 12, 31), date(2021, 6, 30)),
        (date(2015, 6, 30), date(2015, 12, 31)),
        (date(2019, 8, 31), date(2020, 2, 29)),
    ],
)
def test_the_last_day_to_file_where_no_calendar_names_one(last_day: date, until: date) -> None:
    assert last_day_to_file(last_day) == until


async def test_whoever_is_unknown_has_no_policies(trial: Trial) -> None:
    assert await ask(trial, "2020-05-01", member_id=999) == []


async def test_a_benefit_that_claims_do_not_know_is_left_out(trial: Trial) -> None:
    await put_cover(trial)
    await trial.run(
        """INSERT INTO benefits (coverage_year, class_code, benefit, amount_fen, per, note, source)
           VALUES (2020, 'A', 'spectacles', 100, 'event', '', 'test')"""
    )
    assert (await ask(trial, "2020-05-01"))[0]["benefits"] == []


async def test_statements_do_not_grow_with_questions(trial: Trial) -> None:
    await put_list(trial, 300)
    counted = []
    for size in (1, 300):
        day = date(2020, 5, 1)
        asked = [CheckCover(member_id=1 + n, first_day=day, last_day=day) for n in range(size)]
        envelopes = [
            envelope_of(one, idempotencykey=f"claim/{size}/{n}/cover/1", replyto="home") for n, one in enumerate(asked)
        ]
        with statements(trial.context.engine) as sent:
            await trial.tell(*envelopes)
        counted.append(len(sent))
    assert counted[0] == counted[1]
    answers = [one.data["result"]["policies"] for one in await trial.sent("command.succeeded.v1")]
    assert [len(policies) for policies in answers] == [1] * 301
    # Each its own: policies were made in the order of members.
    assert [policies[0]["policy_id"] for policies in answers[1:]] == list(range(1, 301))
