"""Lists that no longer stand: returned, withdrawn, voided; what is free again, and until when it can be sent anew."""

import asyncio
from datetime import datetime

import pytest

from insurance_svc.enrolments.release import release_lists
from insurance_svc.enrolments.rules import Release
from insurance_svc_testing import Trial
from insurance_svc_testing.submissions import choice, refusal, season_2020, split, submit
from unioncard.problems import Problem
from unioncard_testing import statements
from unioncard_testing.trial import SIBLING, UNION


def shanghai(moment: str) -> datetime:
    """``2019-12-28T10:00`` in Shanghai."""
    return datetime.fromisoformat(f"{moment}+08:00")


async def release(trial: Trial, *ids: int, state: Release = "returned", reason: str | None = "名单有误") -> None:
    """As the district or the centre does."""
    async with trial.context.work.begin("account:12") as tx:
        await release_lists(tx, ids, state, reason)


async def test_a_returned_list_frees_its_members_and_with_the_last_list_the_class(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 2000, 3000, class_code="B")
    await trial.enrollable(3)
    first = await submit(trial, member_ids=[1, 2])
    second = await submit(trial, member_ids=[3])
    await release(trial, first["id"])
    assert await trial.column("SELECT member_id FROM policies WHERE NOT void") == [3]
    # The second list still stands, and with it the class.
    assert (await refusal(trial, "POST", "/enrolments", choice(class_code="B")))["code"] == "class-fixed"
    await release(trial, second["id"])
    assert await trial.column("SELECT class_code FROM union_classes") == []
    assert (await submit(trial, class_code="B"))["heads"] == 3
    page = await trial.ok("GET", "/enrolments", params={"state": "returned"})
    assert [(one["state_label"], one["return_reason"]) for one in page["items"]] == [("已退回", "名单有误")] * 2
    tabs = {tab["state"]: (tab["lists"], tab["heads"], tab["fee_fen"]) for tab in page["tabs"]}
    # Two heads and one of class A at 26 yuan; three of class B at 90.
    assert tabs == {"returned": (2, 3, 7800), "submitted": (1, 3, 27000)}
    assert len(await trial.column("SELECT id FROM audit_log WHERE action = 'enrolment.returned'")) == 2


async def test_only_what_was_returned_can_be_withdrawn_and_by_its_union(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    made = await submit(trial)
    path = f"/enrolments/{made['id']}/withdrawal"
    assert (await refusal(trial, "POST", path))["code"] == "not-returned"
    await release(trial, made["id"])
    assert (await refusal(trial, "POST", path, organisation=SIBLING))["status"] == 404
    assert await trial.ok("POST", path) == {"id": made["id"], "state": "withdrawn"}
    assert (await refusal(trial, "POST", path))["code"] == "not-returned"


@pytest.mark.parametrize(
    ("before", "state", "allowed"),
    [
        ("submitted", "returned", True),
        ("basket", "returned", True),
        ("in_batch", "returned", False),
        ("returned", "returned", False),
        ("submitted", "withdrawn", False),
        ("returned", "withdrawn", True),
        ("submitted", "voided", True),
        ("basket", "voided", True),
        ("in_batch", "voided", True),
        ("returned", "voided", True),
        ("withdrawn", "voided", False),
        ("voided", "voided", False),
    ],
)
async def test_what_becomes_of_what(trial: Trial, before: str, state: Release, allowed: bool) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    first, second = await submit(trial, member_ids=[1]), await submit(trial, member_ids=[2])
    await trial.run(
        "UPDATE enrolments SET state = :state, batch_number = 'CB201912280001' WHERE id = :id",
        state=before,
        id=first["id"],
    )
    if allowed:
        await release(trial, first["id"], state=state)
        assert await trial.column("SELECT state FROM enrolments ORDER BY id") == [state, "submitted"]
        return
    with pytest.raises(Problem, match="list-changed"):
        await release(trial, first["id"], second["id"], state=state)
    # All of them or none.
    assert await trial.column("SELECT state FROM enrolments ORDER BY id") == [before, "submitted"]
    assert await trial.column("SELECT count(*) FROM policies WHERE NOT void") == [2]


async def test_statements_do_not_grow_with_lists(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(10)
    await trial.enrollable(10, first=100, union_id=SIBLING)
    one = await submit(trial, member_ids=[1])
    many = [await submit(trial, member_ids=[n]) for n in range(2, 10)]
    many.append(await submit(trial, union=SIBLING))
    counted = []
    for ids in ([one["id"]], [made["id"] for made in many]):
        with statements(trial.context.engine) as sent:
            await release(trial, *ids)
        counted.append(len(sent))
    assert counted[0] == counted[1] <= 8


@pytest.mark.parametrize(
    ("returned", "sent", "code"),
    [
        ("2019-12-28T00:00:00.000", "2019-12-31T23:59:59.999", None),
        ("2019-12-28T00:00:00.000", "2020-01-01T00:00:00.000", "phase-closed"),
        # Returned while the window was open: it was to be mended within it.
        ("2019-12-27T23:59:59.999", "2019-12-28T00:00:00.000", "phase-closed"),
    ],
)
async def test_returned_late(trial: Trial, returned: str, sent: str, code: str | None) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    made = await submit(trial, member_ids=[1])
    trial.clock.at = shanghai(returned)
    await release(trial, made["id"])
    trial.clock.at = shanghai(sent)
    if code is not None:
        assert (await refusal(trial, "POST", "/enrolments", choice(member_ids=[1])))["code"] == code
        return
    assert (await submit(trial, member_ids=[1]))["heads"] == 1
    # One list was returned, one was sent again: the occasion is used.
    assert (await refusal(trial, "POST", "/enrolments", choice(member_ids=[2])))["code"] == "phase-closed"
    # Nor is it an occasion for anybody else.
    await trial.enrollable(1, first=50, union_id=SIBLING)
    assert (await refusal(trial, "POST", "/enrolments", choice(), organisation=SIBLING))["code"] == "phase-closed"


async def test_a_voided_list_falls_back_to_instant_enrolment(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    made = await submit(trial)
    trial.clock.at = shanghai("2020-01-21T09:00")
    assert (await refusal(trial, "POST", "/enrolments", choice("no_cover")))["code"] == "nobody-eligible"
    await release(trial, made["id"], state="voided", reason="逾期未缴费")
    again = await submit(trial, "no_cover")
    assert (again["heads"], again["fee_fen"]) == (2, 5200)
    days = await trial.column("SELECT DISTINCT first_day::text FROM policies WHERE NOT void")
    assert days == ["2020-01-22"]


async def test_a_return_races_a_submission(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(20)
    for round_ in range(8):
        made = await submit(trial, member_ids=[1 + 2 * round_])
        await asyncio.gather(release(trial, made["id"]), submit(trial, member_ids=[2 + 2 * round_]))
        # Whichever came first, a list stands, so the class is held.
        assert await trial.column("SELECT class_code FROM union_classes WHERE union_id = :union", union=UNION) == ["A"]
