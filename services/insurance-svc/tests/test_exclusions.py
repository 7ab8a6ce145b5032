"""Whom the population office excludes: who is asked about, what is written down, and who sees it (domain 5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from insurance_svc.exclusions import handlers
from insurance_svc_testing import Trial, member
from insurance_svc_testing.districts import basket, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from insurance_svc_testing.submissions import choice, refusal, season_2020
from insurance_svc_testing.submissions import submit as submit_list
from unioncard.contracts.cards import ExclusionReason
from unioncard.contracts.insurance import NextExclusions, RecordExclusions
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER

RETIRED, DECEASED = ExclusionReason.RETIRED, ExclusionReason.DECEASED
NOON = datetime(2019, 11, 4, 4, tzinfo=UTC)
CHECK = "exclusion-check/2020/363/20191101"


async def following(trial: Trial, after: tuple[int, int] | None = None, batch: str | None = None) -> dict[str, Any]:
    """The reply to the question who is next."""
    command = NextExclusions(district_id=DISTRICT, batch_number=batch, after=after)
    return await trial.command(command, f"{CHECK}/{batch}/next/{after}")


async def everybody(trial: Trial, batch: str | None = None) -> list[list[int]]:
    """All chunks of a check, one after the other."""
    chunks, after = [], None
    while True:
        chunk = (await following(trial, after, batch))["data"]["result"]
        chunks.append(chunk["member_ids"])
        if chunk["next"] is None:
            return chunks
        after = tuple(chunk["next"])


def answered(asked: list[int], excluded: dict[ExclusionReason, list[int]] | None = None, **more: Any) -> Any:
    """What the office said of these members of 2020."""
    fields: dict[str, Any] = {
        "coverage_year": 2020,
        "district_id": DISTRICT,
        "batch_number": None,
        "asked_at": NOON,
        "last": False,
    }
    return RecordExclusions(asked=asked, excluded=excluded or {}, **fields | more)


async def record(trial: Trial, key: str, command: Any) -> dict[str, int]:
    """Have it written down; what changed."""
    reply = await trial.command(command, f"{CHECK}/record/{key}")
    result: dict[str, int] = reply["data"]["result"]
    return result


async def excluded(trial: Trial) -> list[str]:
    """``member reason`` of 2020."""
    return await trial.column(
        "SELECT member_id || ' ' || reason FROM exclusions WHERE coverage_year = 2020 ORDER BY member_id"
    )


async def test_members_in_service_with_a_card_are_asked_about(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "CHUNK", 2)
    await trial.enrollable(3, first=11)
    await trial.enrollable(2, first=1, union_id=SIBLING)
    await trial.enrollable(2, first=21, union_id=STRANGER)
    await trial.tell_members(
        member(31, kind="flexible"), member(32, state="in_transfer"), member(33, number=None), member(34)
    )
    await trial.tell_cards(31, 32, 33)
    # Union 345 before union 346, and nobody of the other district.
    assert await everybody(trial) == [[11, 12], [13, 1], [2]]
    first = (await following(trial))["data"]["result"]
    assert (first["total"], first["next"]) == (5, [345, 12])
    second = (await following(trial, (345, 12)))["data"]["result"]
    assert (second["total"], second["next"]) == (None, [346, 1])
    assert datetime.fromisoformat(first["asked_at"]) == trial.clock.at


async def test_a_district_without_members(trial: Trial) -> None:
    chunk = (await following(trial))["data"]["result"]
    assert (chunk["member_ids"], chunk["next"], chunk["total"]) == ([], None, 0)


async def in_batch(trial: Trial) -> str:
    """A batch of two lists: members 1 to 3 and 11 to 12."""
    await plan_2020(trial)
    await trial.enrollable(3)
    await trial.enrollable(2, first=11, union_id=SIBLING)
    await put_list(trial, 3)
    await put_list(trial, 2, first_member=11, union_id=SIBLING)
    await put_list(trial, 1, first_member=21, way="no_cover")
    trial.clock.at = shanghai("2019-12-28T10:00")
    await basket(trial)
    batch = await submit(trial)
    assert (batch["excluded"], batch["exclusions_checked_at"]) == (0, None)
    return str(batch["number"])


async def test_a_batchs_members_are_asked_about(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "CHUNK", 2)
    number = await in_batch(trial)
    assert await everybody(trial, number) == [[1, 2], [3, 11], [12]]
    assert (await following(trial, batch=number))["data"]["result"]["total"] == 5
    # Returned meanwhile, its lists are the district's again: nobody is left to ask about.
    returning = {"reason": "名单有误"}
    await trial.ok("POST", f"/premium-batches/{number}/return", returning, role=Role.CENTRE_REVIEWER)
    chunk = await trial.command(NextExclusions(district_id=DISTRICT, batch_number=number), "after the return")
    assert (chunk["data"]["result"]["member_ids"], chunk["data"]["result"]["next"]) == ([], None)


async def test_instant_lists_know_no_exclusions(trial: Trial) -> None:
    await put_list(trial, 2, way="no_cover")
    await basket(trial, "instant")
    batch = await submit(trial, "instant")
    assert await everybody(trial, batch["number"]) == [[]]


async def test_a_batch_that_never_was_is_refused(trial: Trial) -> None:
    reply = await following(trial, batch="CB200001010001")
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "unknown-batch")


async def test_an_answer_writes_and_clears_those_asked_about(trial: Trial) -> None:
    await trial.run(
        "INSERT INTO exclusions VALUES (1, 2020, 'retired', :at), (2, 2020, 'retired', :at),"
        " (9, 2020, 'retired', :at), (1, 2019, 'retired', :at)",
        at=NOON - timedelta(days=1),
    )
    said = answered([1, 2, 3, 4], {RETIRED: [2], DECEASED: [4]})
    assert await record(trial, "a", said) == {"excluded": 2, "cleared": 1}
    # 9 was not asked about, and 2019 is another year.
    assert await excluded(trial) == ["2 retired", "4 deceased", "9 retired"]
    assert await trial.column("SELECT member_id FROM exclusions WHERE coverage_year = 2019") == [1]
    (entry,) = await trial.column("SELECT to_jsonb(audit_log) FROM audit_log WHERE action = 'exclusions.recorded'")
    assert (entry["subject"], entry["organisation_id"]) == ("district:12", DISTRICT)
    assert entry["after"] == {
        "coverage_year": 2020,
        "asked": 4,
        "excluded": {"2": "retired", "4": "deceased"},
        "cleared": [1],
    }


async def test_an_answer_that_comes_twice_counts_once(trial: Trial) -> None:
    said = answered([1, 2], {RETIRED: [1]})
    assert await record(trial, "a", said) == await record(trial, "a", said) == {"excluded": 1, "cleared": 0}
    assert await trial.column("SELECT count(*) FROM audit_log WHERE action = 'exclusions.recorded'") == [1]


async def test_what_a_later_question_found_out_stays(trial: Trial) -> None:
    await record(trial, "late", answered([1, 2], {RETIRED: [1]}, asked_at=NOON + timedelta(hours=1)))
    # Asked before, answered after: it neither clears nor changes the reason.
    assert await record(trial, "early", answered([1, 2], {DECEASED: [2]})) == {"excluded": 1, "cleared": 0}
    assert await record(trial, "early too", answered([1], {DECEASED: [1]})) == {"excluded": 0, "cleared": 0}
    assert await excluded(trial) == ["1 retired", "2 deceased"]


async def test_of_members_not_asked_about_nothing_is_written(trial: Trial) -> None:
    assert await record(trial, "a", answered([1], {RETIRED: [1, 2]})) == {"excluded": 1, "cleared": 0}
    assert await excluded(trial) == ["1 retired"]


async def test_whom_the_office_excludes_no_union_can_enrol(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(3)
    await record(trial, "a", answered([1, 2, 3], {RETIRED: [2]}))
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=[1, 2]))
    assert [(row["line"], row["reason"]) for row in refused["rows"]] == [(2, "经人口办核查不符合参保条件")]
    made = await submit_list(trial)
    assert made["heads"] == 2
    # The office has mended its register: now they can.
    await record(trial, "b", answered([1, 2, 3], asked_at=NOON + timedelta(days=1)))
    assert (await submit_list(trial))["heads"] == 1


async def test_the_centre_sees_whom_a_batch_has_lost_and_may_return_it(trial: Trial) -> None:
    number = await in_batch(trial)
    said = answered([1, 2, 3, 11, 12, 21], {RETIRED: [2, 21], DECEASED: [12]}, batch_number=number, last=True)
    await record(trial, "a", said)
    batch = await trial.ok("GET", f"/premium-batches/{number}", role=Role.CENTRE_REVIEWER)
    # 21 is on an instant list, which is not in this batch.
    assert batch["excluded"] == 2
    assert datetime.fromisoformat(batch["exclusions_checked_at"]) == NOON
    path = f"/premium-batches/{number}/exclusions"
    for role in (Role.CENTRE_REVIEWER, Role.DISTRICT, Role.FEDERATION):
        listed = await trial.ok("GET", path, role=role)
        assert listed["total"] == 2
        assert [(one["member_id"], one["reason_label"]) for one in listed["items"]] == [
            (2, "市人口办登记为已退休"),
            (12, "市人口办登记为已死亡"),
        ]
    first = await trial.ok("GET", path, role=Role.CENTRE_REVIEWER, params={"limit": 1})
    (one,) = first["items"]
    assert (one["name"], one["union_name"], one["class_code"]) == ("王芳", "示例科技公司工会", "A")
    assert "****" in one["document_number"]
    rest = await trial.ok("GET", path, role=Role.CENTRE_REVIEWER, params={"limit": 1, "after": first["next"]})
    assert ([one["member_id"] for one in rest["items"]], rest["next"]) == ([12], None)
    assert (await trial.call("GET", path, role=Role.DISTRICT, organisation=OTHER_DISTRICT)).status_code == 404
    assert (await trial.call("GET", path, role=Role.UNION)).status_code == 403
    returning = {"reason": "2名会员经人口办核查不符，请移出后重新提交"}
    returned = await trial.ok("POST", f"/premium-batches/{number}/return", returning, role=Role.CENTRE_REVIEWER)
    assert (returned["state"], returned["excluded"]) == ("returned", 0)


async def test_a_batch_is_checked_when_its_last_chunk_is(trial: Trial) -> None:
    number = await in_batch(trial)
    await record(trial, "a", answered([1, 2], batch_number=number))
    batch = await trial.ok("GET", f"/premium-batches/{number}", role=Role.CENTRE_REVIEWER)
    assert batch["exclusions_checked_at"] is None
    await record(trial, "b", answered([3], batch_number=number, last=True))
    batch = await trial.ok("GET", f"/premium-batches/{number}", role=Role.CENTRE_REVIEWER)
    assert (batch["excluded"], datetime.fromisoformat(batch["exclusions_checked_at"])) == (0, NOON)


async def test_the_centre_waits_for_the_office_or_says_why_not(trial: Trial) -> None:
    number = await in_batch(trial)
    submitted = trial.clock.at

    async def try_to_pass(**body: str) -> httpx.Response:
        return await trial.call("POST", f"/premium-batches/{number}/passing", body, role=Role.CENTRE_REVIEWER)

    refused = await try_to_pass()
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "urn:unioncard:problem:exclusions-unchecked")
    assert datetime.fromisoformat(problem["until"]) == submitted + timedelta(hours=24)
    trial.clock.at = submitted + timedelta(hours=24) - timedelta(milliseconds=1)
    assert (await try_to_pass()).status_code == 409
    trial.clock.at += timedelta(milliseconds=1)
    assert (await try_to_pass()).status_code == 201
    assert await reasons(trial) == [None]


async def test_the_centre_passes_what_is_checked_and_what_it_has_a_reason_for(trial: Trial) -> None:
    number = await in_batch(trial)
    await trial.run("UPDATE batches SET exclusions_checked_at = submitted_at")
    path = f"/premium-batches/{number}/passing"
    assert (await trial.ok("POST", path, {}, role=Role.CENTRE_REVIEWER))["state"] == "passed"
    assert await reasons(trial) == [None]


async def test_a_reason_not_to_wait_is_in_the_audit_log(trial: Trial) -> None:
    number = await in_batch(trial)
    path = f"/premium-batches/{number}/passing"
    body = {"unchecked_reason": "人口办系统停机，已电话核实"}
    assert (await trial.ok("POST", path, body, role=Role.CENTRE_REVIEWER))["state"] == "passed"
    assert await reasons(trial) == ["人口办系统停机，已电话核实"]


async def reasons(trial: Trial) -> list[Any]:
    query = "SELECT after ->> 'unchecked_reason' FROM audit_log WHERE action = 'batch.passed'"
    return await trial.column(query)


async def test_statements_do_not_grow_with_members(trial: Trial) -> None:
    counted = []
    for size in (1, 1000):
        await trial.enrollable(size)
        with statements(trial.context.engine) as asked:
            chunk = await trial.command(NextExclusions(district_id=DISTRICT, batch_number=None), f"next {size}")
        ids = chunk["data"]["result"]["member_ids"]
        with statements(trial.context.engine) as written:
            await record(trial, str(size), answered(ids, {RETIRED: ids}))
        counted.append((len(ids), len(asked), len(written)))
    (few, *few_sent), (many, *many_sent) = counted
    assert (few, many) == (1, 1000)
    assert few_sent == many_sent
