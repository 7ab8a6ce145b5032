"""What districts set as their unions' shares; figures by hand from the prices of 2020."""

from datetime import date
from typing import Any

import pytest

from insurance_svc.seasons.rules import Rate
from insurance_svc.splits.rules import NewSplit, faults, in_use
from insurance_svc.splits.store import PricesOf, Share, prices
from insurance_svc_testing import Trial
from insurance_svc_testing.lists import put_list, shanghai
from insurance_svc_testing.submissions import refusal
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER, UNION

DURING = shanghai("2019-10-28T10:00")


def entry(district_fen: int, union_fen: int, class_code: str = "A", term: str = "full", **more: Any) -> dict[str, Any]:
    """A split of a request."""
    return {"class_code": class_code, "term": term, "district_fen": district_fen, "union_fen": union_fen} | more


def body(*splits: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request's body."""
    return {"coverage_year": 2020, "splits": list(splits)} | more


@pytest.fixture
async def season(trial: Trial) -> Trial:
    """In the days of fee splits, with the seasons loaded."""
    await trial.load_seasons()
    trial.clock.at = DURING
    return trial


async def of(trial: Trial, union_id: int, class_code: str = "A", on: date = date(2020, 1, 1)) -> dict[str, Share]:
    """What holds for a union's list."""
    async with trial.context.engine.connect() as conn:
        (found,) = await prices(conn, [PricesOf(DISTRICT, 2020, class_code, False, union_id, on)])
        return {term: share for term, (_, share) in found.items() if share is not None}


async def test_a_default_and_a_union_of_its_own(season: Trial) -> None:
    wanted = body(entry(500, 800), entry(250, 400, term="half"), entry(1300, 0, union_id=UNION))
    answer = await season.ok("POST", "/fee-splits", wanted, role=Role.DISTRICT)
    assert answer["set"] == 3
    # Of eight prices two are set: A full and half.
    assert answer["missing"] == ["A+ 档全年", "A+ 档半年", "B 档全年", "B 档半年", "B+ 档全年", "B+ 档半年"]
    assert await of(season, SIBLING) == {"full": Share(500, 800), "half": Share(250, 400)}
    assert await of(season, UNION) == {"full": Share(1300, 0), "half": Share(250, 400)}
    assert await of(season, SIBLING, "B") == {}
    # Valid for the whole of 2020, and no day longer (C20).
    assert await of(season, SIBLING, on=date(2020, 12, 31)) != {}
    assert await of(season, SIBLING, on=date(2021, 1, 1)) == {}
    assert await of(season, SIBLING, on=date(2019, 12, 31)) == {}


async def test_central_enterprises_have_another_rest(season: Trial) -> None:
    await season.run(
        "INSERT INTO central_enterprises (coverage_year, district_code, name, source) VALUES (2020, '007', '局', 't')"
    )
    # B, half: 45.00 of which 11.00 are subsidised, so 34.00 remain; in other districts 25.00.
    there = {"role": Role.DISTRICT, "organisation": OTHER_DISTRICT}
    await season.ok("POST", "/fee-splits", body(entry(3000, 400, "B", "half")), **there)
    assert await season.column("SELECT central FROM fee_splits") == [True]
    problem = await refusal(season, "POST", "/fee-splits", body(entry(3000, 400, "B", "half")), role=Role.DISTRICT)
    assert problem["rows"][0]["reason"] == "区局与基层两项之和应为 25.00 元（保费减市总补贴）"
    await season.ok("POST", "/fee-splits", body(entry(3000, 400, "B", "half", central=True)), role=Role.DISTRICT)


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (entry(500, 801), "union_fen", "区局与基层两项之和应为 13.00 元（保费减市总补贴）"),
        (entry(0, 1299), "union_fen", "区局与基层两项之和应为 13.00 元（保费减市总补贴）"),
        (entry(500, 800, "C"), "class_code", "该年度没有这个档次"),
        (entry(500, 800, union_id=STRANGER), "union_id", "不是本区局所属的基层工会"),
        (entry(500, 800, union_id=DISTRICT), "union_id", "不是本区局所属的基层工会"),
        (entry(900, 400), "class_code", "与前面的一行重复"),
    ],
)
async def test_bad_splits_are_named_and_none_is_set(
    season: Trial, bad: dict[str, Any], field: str, reason: str
) -> None:
    wanted = body(entry(600, 700), bad) if field == "class_code" else body(entry(250, 400, term="half"), bad)
    problem = await refusal(season, "POST", "/fee-splits", wanted, role=Role.DISTRICT)
    assert problem["code"] == "splits-unfit"
    assert [(row["line"], row["field"], row["reason"]) for row in problem["rows"]] == [(2, field, reason)]
    assert await season.column("SELECT count(*) FROM fee_splits") == [0]


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2019-10-24T23:59:59.999", False),
        ("2019-10-25T00:00:00", True),
        ("2019-10-31T23:59:59.999", True),
        ("2019-11-01T00:00:00", False),
    ],
)
async def test_only_in_their_phase(season: Trial, at: str, open_: bool) -> None:
    season.clock.at = shanghai(at)
    response = await season.call("POST", "/fee-splits", body(entry(500, 800)), role=Role.DISTRICT)
    assert response.status_code == (201 if open_ else 409)
    assert open_ or response.json()["type"].endswith(":phase-closed")


async def test_what_a_list_was_priced_by_stays(season: Trial) -> None:
    first = body(entry(500, 800), entry(250, 400, term="half"), entry(1300, 0, union_id=SIBLING))
    await season.ok("POST", "/fee-splits", first, role=Role.DISTRICT)
    await put_list(season, 2)
    for change in (entry(600, 700), entry(600, 700, union_id=UNION)):
        problem = await refusal(season, "POST", "/fee-splits", body(change), role=Role.DISTRICT)
        assert (problem["status"], problem["code"]) == (409, "split-in-use")
    # The same again, other classes, and a union without a list are free.
    free = body(entry(500, 800), entry(2500, 2500, "B"), entry(1200, 100, union_id=SIBLING))
    await season.ok("POST", "/fee-splits", free, role=Role.DISTRICT)
    assert await of(season, SIBLING) == {"full": Share(1200, 100), "half": Share(250, 400)}
    await season.run("UPDATE enrolments SET state = 'returned'")
    await season.ok("POST", "/fee-splits", body(entry(600, 700)), role=Role.DISTRICT)


def test_rules_without_a_database() -> None:
    rates = {("A", "full"): Rate(2020, "A", "full", 2600, 1300, 650, assumed=False)}
    assert faults([NewSplit("A", "full", False, 0, 1300, 0)], rates, set()) == []
    assert faults([NewSplit("A", "full", True, 0, 1950, 0)], rates, set()) == []
    changed = [NewSplit("A", "full", False, 0, 1300, 0)]
    standing = {("A", "full", False, 0): (500, 800), ("A", "full", False, 7): (0, 1300)}
    # Union 7 has shares of its own, so the default did not price its list.
    assert in_use(changed, standing, {("A", False, 7)}) == []
    assert in_use(changed, standing, {("A", False, 8)}) == changed
    assert in_use(changed, standing, {("A", True, 8), ("B", False, 8)}) == []


async def test_who_sees_what(season: Trial) -> None:
    wanted = body(entry(500, 800), entry(1300, 0, union_id=UNION), entry(1200, 100, union_id=SIBLING))
    await season.ok("POST", "/fee-splits", wanted, role=Role.DISTRICT)
    await season.ok("POST", "/fee-splits", body(entry(600, 700)), role=Role.DISTRICT, organisation=OTHER_DISTRICT)

    async def seen(**who: Any) -> list[tuple[int, int | None]]:
        page = await season.ok("GET", "/fee-splits", params={"coverage_year": 2020, "class_code": "A"}, **who)
        assert page["total"] == len(page["items"])
        return [(one["district_id"], one["union_id"]) for one in page["items"]]

    assert await seen(role=Role.UNION) == [(DISTRICT, None), (DISTRICT, UNION)]
    assert await seen(role=Role.UNION, organisation=STRANGER) == [(OTHER_DISTRICT, None)]
    assert await seen(role=Role.SECOND_LEVEL) == [(DISTRICT, None), (DISTRICT, UNION), (DISTRICT, SIBLING)]
    assert await seen(role=Role.DISTRICT) == [(DISTRICT, None), (DISTRICT, UNION), (DISTRICT, SIBLING)]
    assert len(await seen(role=Role.FEDERATION)) == 4
    (default, *_) = (await season.ok("GET", "/fee-splits", role=Role.DISTRICT))["items"]
    assert (default["fee_fen"], default["subsidy_fen"], default["district_fen"], default["union_fen"]) == (
        2600,
        1300,
        500,
        800,
    )


async def test_statements_do_not_grow_with_splits(season: Trial) -> None:
    seen: list[int] = []
    all_ = [entry(500, 800), entry(250, 400, term="half"), entry(2500, 2500, "B"), entry(1300, 5000, "A+")]
    for size in (1, 4):
        with statements(season.context.engine) as sent:
            await season.ok("POST", "/fee-splits", body(*all_[:size]), role=Role.DISTRICT)
        seen.append(len(sent))
    assert seen[0] == seen[1]
