"""What workflows ask about campaigns; the calendar of 2020 and of 2014 by hand from domain 5."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, passed, submit
from insurance_svc_testing.lists import put_list, shanghai
from insurance_svc_testing.submissions import split
from unioncard.contracts.insurance import (
    CloseCampaign,
    CloseDistrict,
    DistrictNoticeKind,
    ListDueCampaigns,
    NotifyDistrict,
    OpenCampaign,
    Phase,
    Scheme,
    ShowDistrict,
)
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER, UNION

CENTRALIZED_2020: dict[str, Any] = {"scheme": Scheme.CENTRALIZED, "coverage_year": 2020}
OF_DISTRICT: dict[str, Any] = CENTRALIZED_2020 | {"district_id": DISTRICT}


@pytest.fixture
async def season(trial: Trial) -> Trial:
    """With the seasons loaded, in the union window of 2020."""
    await trial.load_seasons()
    return trial


async def ok(trial: Trial, command: Any, key: str = "k") -> dict[str, Any]:
    """The result of a command that must succeed."""
    reply = await trial.command(command, f"{command.TYPE}/{key}")
    assert reply["type"] == "command.succeeded.v1", reply
    result: dict[str, Any] = reply["data"]["result"]
    return result


async def refused(trial: Trial, command: Any, key: str = "k") -> str:
    """The code of a refusal."""
    reply = await trial.command(command, f"{command.TYPE}/{key}")
    assert reply["type"] == "command.refused.v1", reply
    return str(reply["data"]["code"])


async def due(trial: Trial) -> list[str]:
    """Which campaigns should be running now."""
    at = trial.clock.at
    answer = await ok(trial, ListDueCampaigns(asked_for=at), at.isoformat())
    return [f"{one['scheme']}/{one['coverage_year']}" for one in answer["campaigns"]]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2014-04-23T23:59:59.999", []),
        ("2014-04-24T00:00:00", ["registration/2014"]),
        ("2014-07-31T23:59:59.999", ["registration/2014"]),
        ("2014-08-01T00:00:00", []),
        ("2019-10-24T23:59:59.999", []),
        ("2019-10-25T00:00:00", ["centralized/2020"]),
        ("2020-01-20T23:59:59.999", ["centralized/2020"]),
        # A season that was over before the platform had it is not run after the event.
        ("2020-01-21T00:00:00", []),
    ],
)
async def test_which_campaigns_are_due(season: Trial, at: str, expected: list[str]) -> None:
    season.clock.at = shanghai(at)
    assert await due(season) == expected


async def test_an_open_campaign_stays_due_until_it_is_closed(season: Trial) -> None:
    await ok(season, OpenCampaign(**CENTRALIZED_2020))
    season.clock.at = shanghai("2020-02-01T00:00:00")
    assert await due(season) == ["centralized/2020"]
    await ok(season, CloseCampaign(**CENTRALIZED_2020))
    season.clock.at = shanghai("2020-02-02T00:00:00")
    assert await due(season) == []
    assert await refused(season, OpenCampaign(**CENTRALIZED_2020), "again") == "campaign-closed"


async def test_opening_tells_calendar_and_districts(season: Trial) -> None:
    await season.run(
        "INSERT INTO calendar (scheme, coverage_year, phase, district_id, last_day, source)"
        " VALUES ('centralized', 2020, 'payment', 13, '2020-01-22', 'test')"
    )
    opened = await ok(season, OpenCampaign(**CENTRALIZED_2020))
    assert opened["version"] == 11
    assert {one["phase"]: one["closes_at"] for one in opened["phases"]}["payment"] == "2020-01-20T16:00:00Z"
    shown = [(one["district_id"], one["district_code"], len(one["phases"])) for one in opened["districts"]]
    # Only where its calendar differs; eight phases of 2020 are waited for.
    assert shown == [(OTHER_DISTRICT, "007", 8), (DISTRICT, "363", 0)]
    differing = {one["phase"]: one["closes_at"] for one in opened["districts"][0]["phases"]}
    assert differing["payment"] == "2020-01-22T16:00:00Z"
    # Opening again answers the calendar as it is, and is audited once.
    assert await ok(season, OpenCampaign(**CENTRALIZED_2020), "again") == opened
    assert await season.column("SELECT count(*) FROM audit_log WHERE action = 'campaign.opened'") == [1]


async def test_a_campaign_opens_by_the_services_own_clock(season: Trial) -> None:
    season.clock.at = shanghai("2019-10-24T23:59:59.999")
    assert await refused(season, OpenCampaign(**CENTRALIZED_2020)) == "campaign-not-due"
    unknown = OpenCampaign(scheme=Scheme.CENTRALIZED, coverage_year=2021)
    assert await refused(season, unknown, "2021") == "unknown-campaign"
    season.clock.at = shanghai("2019-10-25T00:00:00")
    await ok(season, OpenCampaign(**CENTRALIZED_2020), "in time")


async def standing(trial: Trial, key: str) -> dict[str, Any]:
    """How DISTRICT stands, of what is not zero."""
    return {name: value for name, value in (await ok(trial, ShowDistrict(**OF_DISTRICT), key)).items() if value}


async def test_how_a_district_stands(season: Trial) -> None:
    assert await standing(season, "1") == {"unions": 2}
    await put_list(season, 3)
    returned = await put_list(season, 2, union_id=SIBLING, first_member=10)
    await season.run("UPDATE enrolments SET state = 'returned' WHERE id = :id", id=returned)
    await put_list(season, 5, union_id=STRANGER, district_id=OTHER_DISTRICT, first_member=20)
    await put_list(season, 1, way="no_cover", first_member=30)
    assert await standing(season, "2") == {
        "unions": 2,
        "unions_with_list": 1,
        "waiting": 1,
        "returned": 1,
        "heads": 3,
    }
    season.clock.at = shanghai("2019-12-28T10:00:00")
    await basket(season)
    assert (await standing(season, "3"))["basket"] == 1
    number = (await submit(season))["number"]
    after = await standing(season, "4")
    assert (after["in_batch"], after["heads"], after["batches_open"]) == (1, 3, 1)
    await passed(season, number)
    await season.run("UPDATE batches SET state = 'written_off'")
    assert (await standing(season, "5"))["batches_written_off"] == 1


async def test_splits_are_set_when_every_price_has_a_default(season: Trial) -> None:
    rest = {"A": (1300, 650), "B": (5000, 2500), "A+": (6300, 3150), "B+": (10000, 5000)}
    for class_code, (full, half) in rest.items():
        await split(season, full, 0, class_code=class_code)
        if class_code != "B+":
            await split(season, half, 0, class_code=class_code, term="half")
    kind = DistrictNoticeKind.SPLIT_MISSING
    assert await notified(season, kind) == [DISTRICT]
    (text,) = await season.column("SELECT text FROM notices")
    assert "B+ 档半年" in text
    assert "A 档" not in text
    await split(season, 5000, 0, class_code="B+", term="half")
    assert (await standing(season, "set"))["split_set"] is True
    assert await notified(season, kind, 2) == []


async def notified(trial: Trial, kind: DistrictNoticeKind, occurrence: int = 1) -> list[int]:
    """Who is told."""
    command = NotifyDistrict(**OF_DISTRICT, kind=kind, occurrence=occurrence)
    told = await ok(trial, command, f"{kind}/{occurrence}")
    organisations = await trial.column(
        "SELECT organisation_id FROM notices WHERE kind = :kind AND occurrence = :occurrence ORDER BY 1",
        kind=kind.value,
        occurrence=occurrence,
    )
    assert told["recipients"] == len(organisations)
    return organisations


async def test_district_and_unions_are_told_what_is_missing(season: Trial) -> None:
    assert await notified(season, DistrictNoticeKind.WINDOW_OPENED) == [DISTRICT, UNION, SIBLING]
    # A notice says the same thing once, however often it is asked for.
    again = NotifyDistrict(**OF_DISTRICT, kind=DistrictNoticeKind.WINDOW_OPENED, occurrence=1)
    assert await ok(season, again, "again") == {"recipients": 0}
    await put_list(season, 3, paid=False)
    assert await notified(season, DistrictNoticeKind.WINDOW_CLOSING) == [DISTRICT, SIBLING]
    # Three heads of class A: the union's share is 8.00 a head.
    assert await notified(season, DistrictNoticeKind.UNION_PAYMENT_CLOSING) == [DISTRICT, UNION]
    (asked,) = await season.column(
        "SELECT text FROM notices WHERE kind = 'union_payment_closing' AND organisation_id = :union", union=UNION
    )
    assert "24.00 元" in asked
    assert await notified(season, DistrictNoticeKind.SUBMISSION_CLOSING) == [DISTRICT]
    await season.run("UPDATE enrolments SET state = 'returned', returned_at = now()")
    assert await notified(season, DistrictNoticeKind.SUBMISSION_CLOSING, 2) == [DISTRICT, UNION]
    assert await notified(season, DistrictNoticeKind.UNION_PAYMENT_CLOSING, 2) == []


async def test_notices_over_http(season: Trial) -> None:
    await notified(season, DistrictNoticeKind.WINDOW_OPENED)
    await notified(season, DistrictNoticeKind.WINDOW_CLOSING)
    page = await season.ok("GET", "/notices")
    assert ([one["kind"] for one in page["items"]], page["unread"]) == (["window_closing", "window_opened"], 2)
    newest = page["items"][0]["id"]
    for _ in range(2):
        await season.ok("POST", f"/notices/{newest}/read")
    unread = await season.ok("GET", "/notices", params={"unread": True})
    assert ([one["kind"] for one in unread["items"]], unread["unread"]) == (["window_opened"], 1)
    # Another account of the union has read nothing, and another union cannot.
    assert (await season.ok("GET", "/notices", account=77))["unread"] == 2
    assert (await season.call("POST", f"/notices/{newest}/read", organisation=SIBLING)).status_code == 404


async def closing(trial: Trial, at: datetime, key: str) -> dict[str, Any]:
    """The reply to closing DISTRICT at that moment."""
    trial.clock.at = at
    return await trial.command(CloseDistrict(**OF_DISTRICT), key)


async def test_what_was_not_submitted_by_the_last_day_is_void(season: Trial) -> None:
    await put_list(season, 3)
    await put_list(season, 2, union_id=SIBLING, first_member=10)
    instant = await put_list(season, 1, way="no_cover", first_member=20)
    await put_list(season, 4, union_id=STRANGER, district_id=OTHER_DISTRICT, first_member=30)
    early = await closing(season, shanghai("2019-12-31T23:59:59.999"), "early")
    assert early["data"]["code"] == "district-open"
    assert "2019年12月28日至2019年12月31日" in early["data"]["detail"]
    done = await closing(season, shanghai("2020-01-01T00:00:00"), "in time")
    assert done["data"]["result"] == {"lists_voided": 2, "heads_voided": 5}
    states = "SELECT state FROM enrolments ORDER BY id"
    assert await season.column(states) == ["voided", "voided", "submitted", "submitted"]
    free = await season.column("SELECT member_id FROM policies WHERE void ORDER BY 1")
    assert free == [1, 2, 3, 10, 11]
    # The union's class is still held by its instant list; the sibling's is free.
    assert await season.column("SELECT union_id FROM union_classes ORDER BY 1") == [UNION, STRANGER]
    again = await closing(season, shanghai("2020-01-01T00:00:01"), "again")
    assert again["data"]["result"] == {"lists_voided": 0, "heads_voided": 0}
    assert instant


async def test_an_extended_district_is_closed_by_its_own_day(season: Trial) -> None:
    await put_list(season, 3)
    await season.run(
        "INSERT INTO calendar (scheme, coverage_year, phase, district_id, first_day, last_day, source)"
        " VALUES ('centralized', 2020, 'district_submission', 12, '2019-12-28', '2020-01-02', 'test')"
    )
    early = await closing(season, shanghai("2020-01-02T23:59:59.999"), "early")
    assert early["type"] == "command.refused.v1"
    late = await closing(season, shanghai("2020-01-03T00:00:00"), "late")
    assert late["data"]["result"]["lists_voided"] == 1


async def test_closing_a_campaign_waits_for_its_batches(season: Trial) -> None:
    await ok(season, OpenCampaign(**CENTRALIZED_2020))
    await put_list(season, 3)
    season.clock.at = shanghai("2019-12-28T10:00:00")
    await basket(season)
    number = (await submit(season))["number"]
    assert await refused(season, CloseCampaign(**CENTRALIZED_2020), "1") == "batches-open"
    await passed(season, number)
    assert await refused(season, CloseCampaign(**CENTRALIZED_2020), "2") == "batches-open"
    await season.run("UPDATE batches SET state = 'written_off'")
    late = await put_list(season, 2, union_id=SIBLING, first_member=10)
    totals = await ok(season, CloseCampaign(**CENTRALIZED_2020), "3")
    # Three heads of class A: 26.00, of which 13.00 subsidy, 5.00 district, 8.00 union.
    assert totals == {
        "districts": 1,
        "batches": 1,
        "batches_voided": 0,
        "heads": 3,
        "fee_fen": 7800,
        "subsidy_fen": 3900,
        "district_fen": 1500,
        "union_fen": 2400,
        "credit_fen": 0,
    }
    assert await season.column("SELECT state FROM enrolments WHERE id = :id", id=late) == ["voided"]
    assert await ok(season, CloseCampaign(**CENTRALIZED_2020), "4") == totals
    shown = await season.ok("GET", "/campaigns/centralized/2020", role=Role.FEDERATION)
    assert (shown["state"], shown["state_label"]) == ("closed", "已结束")
    page = await season.ok("GET", "/campaigns", params={"limit": 1})
    assert (page["items"][0]["coverage_year"], page["total"]) == (2020, 2)
    rest = await season.ok("GET", "/campaigns", params={"limit": 1, "after": page["next"]})
    assert ([one["scheme"] for one in rest["items"]], rest["next"]) == (["registration"], None)


async def test_two_openings_at_once(season: Trial) -> None:
    commands = [season.command(OpenCampaign(**CENTRALIZED_2020), f"open/{n}") for n in range(4)]
    replies = await asyncio.gather(*commands)
    assert {one["type"] for one in replies} == {"command.succeeded.v1"}
    assert await season.column("SELECT count(*) FROM audit_log WHERE action = 'campaign.opened'") == [1]


async def test_statements_do_not_grow_with_lists(season: Trial) -> None:
    seen: list[list[int]] = []
    for size in (1, 20):
        for n in range(size):
            await put_list(season, 2, union_id=UNION if n % 2 else SIBLING, first_member=1000 * size + 10 * n)
        season.clock.at = shanghai("2020-01-01T00:00:00")
        commands: list[Any] = [ShowDistrict(**OF_DISTRICT)]
        commands += [NotifyDistrict(**OF_DISTRICT, kind=kind, occurrence=size) for kind in DistrictNoticeKind]
        commands.append(CloseDistrict(**OF_DISTRICT))
        counts = []
        for number, command in enumerate(commands):
            with statements(season.context.engine) as sent:
                await ok(season, command, f"{size}/{number}")
            counts.append(len(sent))
        seen.append(counts)
    assert seen[0] == seen[1]


async def test_the_scheme_of_2014_runs_on_the_same_code(season: Trial) -> None:
    season.clock.at = shanghai("2014-05-01T00:00:00")
    of_2014: dict[str, Any] = {"scheme": Scheme.REGISTRATION, "coverage_year": 2014}
    opened = await ok(season, OpenCampaign(**of_2014))
    times = {one["phase"]: (one["opens_at"], one["closes_at"]) for one in opened["phases"]}
    assert times[Phase.UNION_WINDOW] == ("2014-04-30T16:00:00Z", "2014-06-30T16:00:00Z")
    season.clock.at = shanghai("2014-08-01T00:00:00")
    closed = await ok(season, CloseDistrict(**of_2014, district_id=DISTRICT), "2014")
    assert closed == {"lists_voided": 0, "heads_voided": 0}
    assert (await ok(season, CloseCampaign(**of_2014), "2014"))["batches"] == 0
