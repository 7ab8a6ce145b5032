"""Members who enrol by themselves, and their nightly batches."""

from datetime import date, datetime
from typing import Any

import pytest

from insurance_svc_testing import Trial, member
from insurance_svc_testing.submissions import choice, refusal, season_2020, split, submit
from unioncard.contracts.insurance import BatchPersonal
from unioncard.principal import Role
from unioncard_testing import envelope_of, statements
from unioncard_testing.trial import STRANGER, UNION

MARCH = datetime.fromisoformat("2020-03-10T10:00:00+08:00")


async def flexible(trial: Trial, *ids: int, **changed: Any) -> None:
    """Members who belong to a union by themselves and hold a card."""
    await trial.tell_members(*(member(one, kind="flexible", **changed) for one in ids))
    await trial.tell_cards(*ids)


async def enrol(trial: Trial, member_id: int, class_code: str = "A", **more: Any) -> dict[str, Any]:
    """A member picks a class."""
    body = {"coverage_year": 2020, "class_code": class_code}
    answer: dict[str, Any] = await trial.ok(
        "POST", "/enrolments/personal", body, role=Role.MEMBER, member_id=member_id, account=1000 + member_id, **more
    )
    return answer


@pytest.mark.parametrize(
    ("moment", "class_code", "fee", "subsidy", "first_day"),
    [
        # rates.csv 2020: B+ 140 yuan of which 40, half 70 of which 20; the member pays the rest.
        ("2020-01-01T00:00:00.000", "B+", 14000, 4000, "2020-01-02"),
        ("2020-06-30T23:59:59.999", "A", 2600, 1300, "2020-07-01"),
        ("2020-07-01T00:00:00.000", "B+", 7000, 2000, "2020-07-02"),
    ],
)
async def test_the_member_pays_what_the_federation_does_not(
    trial: Trial, moment: str, class_code: str, fee: int, subsidy: int, first_day: str
) -> None:
    await trial.load_seasons()
    await flexible(trial, 1)
    trial.clock.at = datetime.fromisoformat(f"{moment}+08:00")
    made = await enrol(trial, 1, class_code)
    assert (made["fee_fen"], made["subsidy_fen"]) == (fee, subsidy)
    assert (made["district_fen"], made["union_fen"]) == (0, fee - subsidy)
    assert await trial.column("SELECT first_day::text FROM policies") == [first_day]


async def test_classes_of_members_and_of_their_union_are_independent(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 2000, 3000, class_code="B")
    await flexible(trial, 1)
    await trial.enrollable(1, first=2)
    trial.clock.at = MARCH
    await enrol(trial, 1, "A")
    assert (await submit(trial, "no_cover", class_code="B"))["heads"] == 1
    assert await trial.column("SELECT class_code FROM union_classes") == ["B"]


async def test_who_cannot_enrol_alone(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    await flexible(trial, 2)
    await trial.tell_members(member(3, kind="outside"))
    body = {"coverage_year": 2020, "class_code": "A"}
    refused = {}
    trial.clock.at = MARCH
    await enrol(trial, 2)
    for member_id in (1, 2, 3, 99):
        found = await refusal(trial, "POST", "/enrolments/personal", body, role=Role.MEMBER, member_id=member_id)
        refused[member_id] = found["rows"][0]["reason"] if found["code"] == "members-unfit" else found["code"]
    assert refused == {
        1: "在职会员不能以个人身份参保",
        2: "该期间已在其他参保名单中或已有保障",
        3: "尚未办理会员服务卡",
        99: "not-found",
    }
    trial.clock.at = datetime.fromisoformat("2019-12-31T23:59:59.999+08:00")
    found = await refusal(trial, "POST", "/enrolments/personal", body, role=Role.MEMBER, member_id=3)
    assert found["code"] == "phase-closed"
    assert (await refusal(trial, "POST", "/enrolments", choice()))["code"] == "phase-closed"


async def test_a_days_enrolments_become_one_batch_a_district(trial: Trial) -> None:
    await trial.load_seasons()
    await flexible(trial, 1, 2)
    await flexible(trial, 3, union_id=STRANGER)
    await flexible(trial, 4)
    trial.clock.at = MARCH
    await enrol(trial, 1)
    await enrol(trial, 2, "B")
    await enrol(trial, 3)
    day = BatchPersonal(day=date(2020, 3, 10))
    assert (await trial.command(day, "personal/early"))["data"]["code"] == "day-not-over"
    trial.clock.at = datetime.fromisoformat("2020-03-11T00:00:00+08:00")
    await enrol(trial, 4)
    reply = await trial.command(day, "personal/2020-03-10")
    assert reply["data"]["result"] == {"batches": 2, "heads": 3}
    # A 26 yuan of which 13, B 90 of which 40: two heads due 13 + 50; and one head of A elsewhere.
    batches = await trial.column(
        "SELECT concat_ws(' ', number, district_code, state, heads, fee_fen, due_fen, due_on)"
        " FROM batches ORDER BY number"
    )
    assert batches == [
        "CB202003110001 363 passed 2 11600 6300 2020-04-10",
        "CB202003110002 007 passed 1 2600 1300 2020-04-10",
    ]
    assert await trial.column("SELECT sum(heads)::int FROM batch_sums GROUP BY batch_number ORDER BY 1") == [1, 2]
    assert await trial.column("SELECT sum(amount_fen)::int FROM ledger") == [0]
    assert await trial.column("SELECT state FROM enrolments ORDER BY id") == ["in_batch"] * 3 + ["submitted"]
    cover = await trial.ok("GET", "/cover", params={"member_id": 1, "on": "2020-03-11"}, organisation=UNION)
    assert (cover["state"], cover["way"]) == ("provisional", "personal")
    # Twice is once, and a day without anybody makes nothing.
    assert (await trial.command(day, "personal/2020-03-10"))["data"]["result"] == {"batches": 2, "heads": 3}
    assert (await trial.command(day, "personal/again"))["data"]["result"] == {"batches": 0, "heads": 0}


async def test_statements_do_not_grow_with_members(trial: Trial) -> None:
    await trial.load_seasons()
    await flexible(trial, *range(1, 12))
    counted: list[int] = []
    for members in ([1], range(2, 12)):
        trial.clock.at = MARCH
        for one in members:
            await enrol(trial, one)
        trial.clock.at = datetime.fromisoformat("2020-03-11T01:00:00+08:00")
        with statements(trial.context.engine) as sent:
            await trial.tell(envelope_of(BatchPersonal(day=MARCH.date()), idempotencykey=f"personal/{len(counted)}"))
        counted.append(len(sent))
    assert counted[0] == counted[1]
