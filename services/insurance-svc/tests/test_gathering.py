"""Lists that come at the same moment: written together, and yet each judged, priced, audited and answered by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY as METRICS

from insurance_svc.enrolments import gathering
from insurance_svc.seasons import store as seasons
from insurance_svc_testing import Trial, member
from insurance_svc_testing.lists import shanghai
from insurance_svc_testing.submissions import choice, season_2020, split, submit
from unioncard.database import engine_for
from unioncard_testing import eventually, statements
from unioncard_testing.trial import SIBLING

FIRST = 5000
# A union like SIBLING in everything but its number; the members of union 5003 are 50031, 50032 ….
UNIONS = f"""
    INSERT INTO organisations
    SELECT (jsonb_populate_record(o, jsonb_build_object(
        'id', {FIRST} + n, 'path', regexp_replace(o.path, '[0-9]+/$', ({FIRST} + n)::text || '/'))) ).*
    FROM organisations o, generate_series(1, %s) AS n WHERE o.id = {SIBLING}
"""


async def unions(trial: Trial, count: int, members: int = 3) -> list[int]:
    """So many more unions of the district, each with so many members who can be enrolled."""
    owner = engine_for(trial.context.database.owner_url)
    async with owner.begin() as conn:
        await conn.exec_driver_sql(UNIONS % count)
    await owner.dispose()
    ids = [FIRST + n for n in range(1, count + 1)]
    for one in ids:
        await trial.enrollable(members, first=one * 10 + 1, union_id=one)
    return ids


def waiting() -> float:
    return METRICS.get_sample_value("lists_waiting") or 0


def sets() -> float:
    return METRICS.get_sample_value("lists_together_count") or 0


def taken(before: float, number: int) -> Callable[[], bool]:
    """The first are being written, each alone; the others wait."""
    alone = min(number, gathering.SETS_AT_ONCE)
    return lambda: (sets(), waiting()) == (before + alone, number - alone)


@asynccontextmanager
async def held(trial: Trial) -> AsyncIterator[None]:
    """As long as the rules of the year are being changed nobody writes a list."""
    async with trial.context.engine.begin() as conn:
        await seasons.hold_alone(conn, 2020)
        yield


async def at_once(trial: Trial, *asked: tuple[int, dict[str, Any]]) -> list[Any]:
    """Two lists that keep both places busy, then all of these in one set; their answers."""
    before = sets()
    async with held(trial):
        tasks = []
        for number, (union, more) in enumerate(asked, start=1):
            body = more.pop("body", choice())
            if moment := more.pop("at", None):
                trial.clock.at = shanghai(moment)
            tasks.append(asyncio.create_task(trial.call("POST", "/enrolments", body, organisation=union, **more)))
            await eventually(taken(before, number))
    answers = await asyncio.gather(*tasks)
    assert sets() < before + len(asked)
    return answers


async def test_each_has_its_own_list(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 300, 1000, union_id=FIRST + 4)
    ids = await unions(trial, 8)
    moments = [f"2019-11-05T10:00:0{n}" for n in range(8)]
    traces = [f"00-{n:032x}-00000000000000aa-01" for n in ids]
    asked = [(one, {"at": at, "traceparent": trace}) for one, at, trace in zip(ids, moments, traces, strict=True)]
    answers = await at_once(trial, *asked)
    assert [one.status_code for one in answers] == [201] * 8
    made = [one.json() for one in answers]
    assert [(one["union_id"], one["heads"], one["fee_fen"]) for one in made] == [(one, 3, 7800) for one in ids]
    # Of 26.00 yuan 13.00 are subsidised; the district carries 5.00 of each head, of the fourth union's 3.00.
    assert [one["district_fen"] for one in made] == [1500, 1500, 1500, 900, 1500, 1500, 1500, 1500]
    on_lists = await trial.column(
        "SELECT e.union_id || ':' || count(*) || ':' || sum(CAST(p.member_id / 10 = e.union_id AS integer))"
        " FROM enrolments e JOIN policies p ON p.enrolment_id = e.id GROUP BY e.union_id ORDER BY 1"
    )
    assert on_lists == [f"{one}:3:3" for one in ids]
    # Two alone, six together.
    assert await trial.column("SELECT count(DISTINCT xmin::text) FROM enrolments") == [3]
    assert await trial.column("SELECT class_code FROM union_classes ORDER BY union_id") == ["A"] * 8
    audited = await trial.column(
        "SELECT concat_ws(' ', subject, actor, organisation_id, after ->> 'heads') FROM audit_log"
        " WHERE action = 'enrolment.submitted' ORDER BY organisation_id"
    )
    assert audited == [f"enrolment:{one['id']} account:{one['union_id']} {one['union_id']} 3" for one in made]
    times = await trial.column(
        "SELECT business_at FROM audit_log WHERE action = 'enrolment.submitted' ORDER BY organisation_id"
    )
    assert times == [shanghai(moment) for moment in moments]
    assert await trial.column("SELECT submitted_at FROM enrolments ORDER BY union_id") == times
    assert await trial.column("SELECT traceparent FROM enrolments ORDER BY union_id") == traces
    recorded = "SELECT traceparent FROM audit_log WHERE action = 'enrolment.submitted' ORDER BY organisation_id"
    assert await trial.column(recorded) == traces


async def test_one_that_is_refused_takes_no_other_with_it(trial: Trial) -> None:
    await season_2020(trial)
    ids = await unions(trial, 9)
    await submit(trial, union=ids[4])
    await trial.run("INSERT INTO union_classes VALUES (:union, 2020, 'B')", union=ids[6])
    unknown = choice(class_code="Z")
    asked = [(one, {"body": unknown} if one == ids[7] else {}) for one in ids]
    answers = await at_once(trial, *asked)
    told = [one.json()["type"].rpartition(":")[2] if one.status_code != 201 else "made" for one in answers]
    expected = ["made"] * 9
    expected[4], expected[6], expected[7] = "nobody-eligible", "class-fixed", "unknown-class"
    assert told == expected
    assert answers[6].json()["instance"] == "/enrolments"
    lists = await trial.column("SELECT union_id FROM enrolments ORDER BY union_id")
    assert lists == [one for one in ids if one not in (ids[6], ids[7])]
    # A refusal keeps neither a policy nor its key.
    assert await trial.column("SELECT count(*) FROM policies") == [7 * 3]
    assert await trial.column("SELECT count(*) FROM idempotency_keys") == [7]
    assert await trial.column("SELECT count(*) FROM idempotency_keys WHERE answer IS NULL") == [0]


async def test_each_is_judged_by_when_it_came(trial: Trial) -> None:
    """The union window of 2020 closed with 27 December 2019."""
    await season_2020(trial)
    ids = await unions(trial, 6)
    moments = (
        *("2019-12-27T23:59:50", "2019-12-27T23:59:51", "2019-12-27T23:59:59.999"),
        *("2019-12-28T00:00:00", "2019-12-28T00:00:00.001", "2019-12-28T00:00:01"),
    )
    answers = await at_once(trial, *((one, {"at": at}) for one, at in zip(ids, moments, strict=True)))
    assert [one.status_code for one in answers] == [201, 201, 201, 409, 409, 409]
    assert {one.json()["type"].rpartition(":")[2] for one in answers[3:]} == {"phase-closed"}


async def test_a_key_that_is_known_gets_the_answer_it_had(trial: Trial) -> None:
    await season_2020(trial)
    ids = await unions(trial, 6)
    first = await trial.ok("POST", "/enrolments", choice(), organisation=ids[3], key="press-twice")
    answers = await at_once(trial, *((one, {"key": "press-twice"}) for one in ids))
    assert [one.status_code for one in answers] == [201] * 6
    assert [one.headers.get("Idempotent-Replay") for one in answers] == [None, None, None, "true", None, None]
    assert answers[3].json() == first
    other = await trial.call("POST", "/enrolments", choice(class_code="B"), organisation=ids[5], key="press-twice")
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (422, "idempotency-key-reused")
    again = await trial.call("POST", "/enrolments", choice(), organisation=ids[5], key="press-twice")
    assert again.json() == answers[5].json()
    assert again.headers["Idempotent-Replay"] == "true"


async def test_two_of_one_union_come_one_after_the_other(trial: Trial) -> None:
    await season_2020(trial)
    ids = await unions(trial, 4)
    answers = await at_once(trial, *((one, {}) for one in (*ids, ids[3])))
    assert [one.status_code for one in answers] == [201, 201, 201, 201, 409]
    assert answers[4].json()["type"].rpartition(":")[2] == "nobody-eligible"


async def test_a_small_union_enrols_all_of_its_members(trial: Trial) -> None:
    """The campaign's minimum: all where fewer than five can be enrolled."""
    await season_2020(trial)
    ids = await unions(trial, 5)
    await trial.run(
        "UPDATE campaigns SET participation_percent = 80, participation_all_below = 5"
        " WHERE scheme = 'centralized' AND coverage_year = 2020"
    )
    answers = await at_once(trial, *((one, {}) for one in ids))
    assert [one.status_code for one in answers] == [201] * 5


async def test_what_breaks_a_set_does_not_break_each(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise OSError("the connection is gone")

    monkeypatch.setattr(gathering, "store_all", broken)
    await season_2020(trial)
    ids = await unions(trial, 6)
    answers = await at_once(trial, *((one, {}) for one in ids))
    assert [one.status_code for one in answers] == [201] * 6
    assert await trial.column("SELECT count(DISTINCT xmin::text) FROM enrolments") == [6]
    assert await trial.column("SELECT count(*) FROM policies") == [6 * 3]


async def test_statements_do_not_grow_with_lists(trial: Trial) -> None:
    await season_2020(trial)
    few, many = await unions(trial, 24), 20
    counted = []
    for asked in (few[:4], few[4 : 4 + many]):
        with statements(trial.context.engine) as sent:
            answers = await at_once(trial, *((one, {}) for one in asked))
        assert {one.status_code for one in answers} == {201}
        counted.append(len(sent))
    assert counted[0] == counted[1]


async def test_a_large_list_among_small_ones(trial: Trial) -> None:
    await season_2020(trial)
    ids = await unions(trial, 4)
    people = range(1_000_000, 1_003_000)
    await trial.tell_members(*(member(one, union_id=ids[3]) for one in people))
    await trial.tell_cards(*people, union_id=ids[3])
    answers = await at_once(trial, *((one, {}) for one in ids))
    assert [one.json()["heads"] for one in answers] == [3, 3, 3, 3003]
