"""Changes of the rules: two accounts, what stands, and what follows from a change."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, passed, submit
from insurance_svc_testing.lists import put_list, shanghai
from insurance_svc_testing.submissions import refusal, split
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, UNION

PROPOSER, APPROVER, ANOTHER = 901, 902, 903

PRICE = {
    "kind": "rate",
    "coverage_year": 2020,
    "class_code": "A",
    "term": "full",
    "fee_fen": 2800,
    "subsidy_fen": 1300,
    "central_subsidy_fen": 650,
}
BENEFIT = {
    "kind": "benefit",
    "coverage_year": 2020,
    "class_code": "A",
    "benefit": "accident",
    "amount_fen": 4_000_000,
    "per": "event",
}
CENTRAL = {"kind": "central_enterprise", "coverage_year": 2020, "district_code": "007", "name": "样本局工会"}
PARTICIPATION = {
    "kind": "participation",
    "coverage_year": 2020,
    "scheme": "centralized",
    "participation_percent": 80,
    "participation_all_below": 25,
}


def calendar(phase: str, last: str, first: str | None = None, district: int | None = None) -> dict[str, Any]:
    """A wanted row of the campaign of 2020."""
    return {
        "kind": "calendar",
        "coverage_year": 2020,
        "scheme": "centralized",
        "phase": phase,
        "district_id": district,
        "first_day": first,
        "last_day": last,
    }


WINDOW = calendar("union_window", "2019-12-29", "2019-11-01")
AS_FEDERATION: dict[str, Any] = {"role": Role.FEDERATION}


def proposal(change: dict[str, Any]) -> dict[str, Any]:
    """A request's body."""
    return {"change": change, "reason": "市总工会会议决定"}


async def propose(trial: Trial, change: dict[str, Any]) -> str:
    """The path of the decision on a change that was proposed."""
    answer = await trial.ok("POST", "/rule-changes", proposal(change), account=PROPOSER, **AS_FEDERATION)
    assert answer["state"] == "waiting"
    return f"/rule-changes/{answer['id']}/decision"


async def change_rule(trial: Trial, change: dict[str, Any]) -> None:
    """Propose with one account and approve with another."""
    await trial.ok("POST", await propose(trial, change), {"approve": True}, account=APPROVER, **AS_FEDERATION)


async def refused(trial: Trial, change: dict[str, Any]) -> str:
    """The code with which a proposal is refused."""
    answer = await refusal(trial, "POST", "/rule-changes", proposal(change), account=PROPOSER, **AS_FEDERATION)
    return str(answer["code"])


async def price(trial: Trial) -> list[int]:
    """Class A's full price of 2020 in fen."""
    return await trial.column("SELECT fee_fen FROM rates WHERE class_code = 'A' AND term = 'full' AND version = 2")


@pytest.fixture
async def season(trial: Trial) -> Trial:
    """With the seasons loaded."""
    await trial.load_seasons()
    return trial


async def test_nothing_changes_until_another_account_approves(season: Trial) -> None:
    decision = await propose(season, PRICE)
    assert await price(season) == []
    own = await refusal(season, "POST", decision, {"approve": True}, account=PROPOSER, **AS_FEDERATION)
    assert (own["status"], own["code"]) == (403, "four-eyes")
    assert await price(season) == []
    first = await season.ok("POST", decision, {"approve": True}, account=APPROVER, **AS_FEDERATION)
    assert (first["state"], first["state_label"], first["decided_by"]) == ("approved", "已通过", APPROVER)
    assert await price(season) == [2800]
    # Saying it again changes nothing; who comes second learns it.
    assert await season.ok("POST", decision, {"approve": True}, account=APPROVER, **AS_FEDERATION) == first
    second = await refusal(season, "POST", decision, {"approve": True}, account=ANOTHER, **AS_FEDERATION)
    assert (second["status"], second["code"]) == (409, "already-decided")
    assert await price(season) == [2800]
    actions = await season.column("SELECT actor || ' ' || action FROM audit_log WHERE subject LIKE 'rule%' ORDER BY id")
    assert actions == [f"account:{PROPOSER} rule-change.proposed", f"account:{APPROVER} rule-change.approved"]


async def test_what_is_refused_changes_nothing(season: Trial) -> None:
    decision = await propose(season, PRICE)
    body = {"approve": False, "reason": "尚无文件"}
    answer = await season.ok("POST", decision, body, account=APPROVER, **AS_FEDERATION)
    assert (answer["state"], answer["decision_reason"]) == ("refused", "尚无文件")
    assert await price(season) == []
    late = await refusal(season, "POST", decision, {"approve": True}, account=APPROVER, **AS_FEDERATION)
    assert late["code"] == "already-decided"


async def test_of_approvers_racing_one_decides(season: Trial) -> None:
    decision = await propose(season, PRICE)
    accounts = range(910, 916)
    answers = await asyncio.gather(
        *(season.call("POST", decision, {"approve": one % 2 == 0}, account=one, **AS_FEDERATION) for one in accounts)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    (won,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert await price(season) == ([2800] if won["state"] == "approved" else [])
    decided = "SELECT count(*) FROM audit_log WHERE action IN ('rule-change.approved', 'rule-change.refused')"
    assert await season.column(decided) == [1]


async def test_of_two_proposals_for_one_thing_the_second_is_outdated(season: Trial) -> None:
    decisions = [await propose(season, PRICE), await propose(season, PRICE | {"fee_fen": 3000})]
    answers = await asyncio.gather(
        *(season.call("POST", one, {"approve": True}, account=APPROVER, **AS_FEDERATION) for one in decisions)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    (lost,) = [answer.json() for answer in answers if answer.status_code == 409]
    assert lost["type"].endswith(":change-outdated")
    (fee,) = await price(season)
    assert fee in (2800, 3000)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (PRICE | {"fee_fen": 2600, "subsidy_fen": 1300}, "nothing-changes"),
        (calendar("union_window", "2019-11-03", "2019-11-01"), "past-day"),
        (calendar("fee_split", "2019-10-31", "2019-10-24"), "past-day"),
        (calendar("coverage", "2020-12-30", "2020-01-01", DISTRICT), "phase-for-all"),
        (calendar("payment", "2020-01-25", district=UNION), "not-found"),
        (calendar("payment", "2020-01-25") | {"coverage_year": 2031}, None),
        (calendar("payment", "2020-01-25", district=DISTRICT) | {"coverage_year": 2031}, "phase-not-planned"),
        (PARTICIPATION | {"coverage_year": 2031}, "phase-not-planned"),
    ],
)
async def test_what_cannot_be_proposed(season: Trial, change: dict[str, Any], code: str | None) -> None:
    if code is None:
        await propose(season, change)
    else:
        assert await refused(season, change) == code


@pytest.mark.parametrize(
    "change",
    [
        PRICE | {"subsidy_fen": 2801},
        PRICE | {"fee_fen": 0},
        PRICE | {"class_code": "a"},
        calendar("union_window", "2019-12-29", "2019-12-30"),
        calendar("payment", "2020-01-25") | {"last_day": None, "first_day": "2020-01-01"},
        calendar("payday", "2020-01-25"),
        CENTRAL | {"name": "\x00"},
        {"kind": "weather"},
    ],
)
async def test_what_makes_no_sense(season: Trial, change: dict[str, Any]) -> None:
    response = await season.call("POST", "/rule-changes", proposal(change), account=PROPOSER, **AS_FEDERATION)
    assert response.status_code == 422


async def test_what_lists_were_priced_by_stands_with_them(season: Trial) -> None:
    waiting = {one["kind"]: await propose(season, one) for one in (PRICE, BENEFIT, CENTRAL, PARTICIPATION)}
    await put_list(season, 2)
    settled = calendar("coverage", "2020-12-30", "2020-01-01")
    for change in (PRICE, BENEFIT, PARTICIPATION, settled):
        assert await refused(season, change) == "season-in-use"
    # 007 has no list, so it may still be listed; 363 may not.
    assert await refused(season, CENTRAL | {"district_code": "363"}) == "season-in-use"
    for kind, decision in waiting.items():
        answer = await season.call("POST", decision, {"approve": True}, account=APPROVER, **AS_FEDERATION)
        assert answer.status_code == (201 if kind == "central_enterprise" else 409), kind
    assert await price(season) == []
    # Once every list is gone, the rules are free again.
    await season.run("UPDATE enrolments SET state = 'voided'")
    await change_rule(season, PRICE)
    assert await price(season) == [2800]


async def test_a_price_that_changes_drops_the_shares_that_fit_no_longer(season: Trial) -> None:
    await split(season, 500, 800)
    await split(season, 250, 400, term="half")
    await split(season, 600, 700, district_id=OTHER_DISTRICT)
    await change_rule(season, PRICE)
    kept = await season.column("SELECT term FROM fee_splits")
    assert kept == ["half"]
    told = await season.column("SELECT organisation_id FROM notices WHERE kind = 'split_dropped' ORDER BY 1")
    assert told == [DISTRICT, OTHER_DISTRICT]


async def test_benefits_enterprises_and_participation(season: Trial) -> None:
    for change in (BENEFIT, CENTRAL, PARTICIPATION):
        await change_rule(season, change)
    shown = await season.ok("GET", "/seasons/2020")
    (accident,) = [one for one in shown["benefits"] if (one["class_code"], one["benefit"]) == ("A", "accident")]
    assert (accident["amount_fen"], accident["version"], accident["source"]) == (
        4_000_000,
        2,
        "decision: rule change 1",
    )
    assert [one["district_code"] for one in shown["central_enterprises"]] == ["007", "502"]
    campaign = await season.ok("GET", "/campaigns/centralized/2020")
    assert (campaign["participation_percent"], campaign["participation_all_below"]) == (80, 25)
    # Off the list again, it stays off when the file is loaded anew.
    await change_rule(season, CENTRAL | {"district_code": "502", "name": "示例铁路工会", "listed": False})
    await season.load_seasons()
    shown = await season.ok("GET", "/seasons/2020")
    assert [one["district_code"] for one in shown["central_enterprises"] if one["listed"]] == ["007"]


async def changes_told(trial: Trial) -> list[tuple[int | None, dict[str, str]]]:
    """District and last instants by phase of every change of a calendar that was told, in order; then forgets them."""
    sent = await trial.sent("insurance.campaign.changed.v1")
    await trial.run("DELETE FROM outbox")
    return [(one.data["district_id"], {p["phase"]: p["closes_at"] for p in one.data["phases"]}) for one in sent]


def utc(text: str) -> str:
    """As messages carry instants."""
    return datetime.fromisoformat(f"{text}:00+00:00").isoformat().replace("+00:00", "Z")


async def test_an_extension_is_a_version_and_is_told(season: Trial) -> None:
    await season.run("DELETE FROM outbox")
    await change_rule(season, WINDOW)
    assert await season.column(
        "SELECT version FROM calendar WHERE phase = 'union_window' AND coverage_year = 2020"
    ) == [2]
    versions = [one.data["version"] for one in await season.sent("insurance.campaign.changed.v1")]
    # Ten rows of 2020, one of them twice.
    assert versions == [11]
    ((district, closes),) = await changes_told(season)
    assert district is None
    # The first instant too late is 00:00 of 30 December in Shanghai.
    assert closes["union_window"] == utc("2019-12-29T16:00")
    assert closes["payment"] == utc("2020-01-20T16:00")


async def test_an_exception_is_told_with_what_is_common(season: Trial) -> None:
    await season.run("DELETE FROM outbox")
    await change_rule(season, WINDOW | {"district_id": DISTRICT})
    ((district, closes),) = await changes_told(season)
    assert (district, closes["union_window"]) == (DISTRICT, utc("2019-12-29T16:00"))
    # A change for all is told to all, and to those with days of their own what of it is theirs.
    await change_rule(season, calendar("payment", "2020-01-22"))
    everybody, own = await changes_told(season)
    assert (everybody[0], own[0]) == (None, DISTRICT)
    assert (everybody[1]["union_window"], own[1]["union_window"]) == (utc("2019-12-27T16:00"), utc("2019-12-29T16:00"))
    assert everybody[1]["payment"] == own[1]["payment"] == utc("2020-01-22T16:00")
    shown = {
        role: (await season.ok("GET", "/campaigns/centralized/2020", role=role))["phases"]
        for role in (Role.DISTRICT, Role.FEDERATION)
    }
    exceptions = {role: [one["phase"] for one in phases if one["exception"]] for role, phases in shown.items()}
    assert exceptions == {Role.DISTRICT: ["union_window"], Role.FEDERATION: []}


async def test_early_close_and_reopening(season: Trial) -> None:
    season.clock.at = shanghai("2019-12-20T10:00")
    await change_rule(season, calendar("union_window", "2019-12-20", "2019-11-01"))
    season.clock.at = shanghai("2019-12-28T10:00")
    # Closed; opened again for one district until the day after.
    await change_rule(season, calendar("union_window", "2019-12-29", "2019-11-01", DISTRICT))
    await season.run("DELETE FROM outbox")
    last = (
        "SELECT last_day::text FROM calendar WHERE phase = 'union_window' AND coverage_year = 2020 ORDER BY district_id"
    )
    assert await season.column(last) == ["2019-12-20", "2019-12-29"]


async def test_when_the_last_day_of_payment_moves_so_do_the_batches(season: Trial) -> None:
    await put_list(season, 2)
    season.clock.at = shanghai("2019-12-28T10:00")
    await basket(season)
    number = (await submit(season))["number"]
    await passed(season, number)
    due = "SELECT due_on::text FROM batches"
    assert await season.column(due) == ["2020-01-20"]
    await change_rule(season, calendar("payment", "2020-01-22"))
    assert await season.column(due) == ["2020-01-22"]
    (moved,) = await season.sent("insurance.batch.due-changed.v1")
    assert (moved.data["batch_number"], moved.data["due_at"]) == (number, utc("2020-01-22T16:00"))
    # An exception goes before what is for all.
    await change_rule(season, calendar("payment", "2020-01-24", district=DISTRICT))
    await change_rule(season, calendar("payment", "2020-01-23"))
    assert await season.column(due) == ["2020-01-24"]


async def test_the_list_of_changes(season: Trial) -> None:
    for change in (PRICE, BENEFIT, WINDOW):
        await propose(season, change)
    await change_rule(season, CENTRAL)
    page = await season.ok("GET", "/rule-changes", params={"state": "waiting", "limit": 2}, **AS_FEDERATION)
    assert ([one["kind"] for one in page["items"]], page["total"]) == (["calendar", "benefit"], 3)
    params = {"state": "waiting", "limit": 2, "after": page["next"]}
    rest = await season.ok("GET", "/rule-changes", params=params, **AS_FEDERATION)
    assert ([one["kind"] for one in rest["items"]], rest["next"]) == (["rate"], None)
    assert rest["items"][0]["before"]["fee_fen"] == 2600
    one = await season.ok("GET", f"/rule-changes/{rest['items'][0]['id']}", **AS_FEDERATION)
    assert one["change"]["fee_fen"] == 2800
    assert (await season.call("GET", "/rule-changes/999", **AS_FEDERATION)).status_code == 404
    assert (await season.call("POST", "/rule-changes", proposal(PRICE), role=Role.DISTRICT)).status_code == 403
