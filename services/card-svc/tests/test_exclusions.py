"""The population office asked about members to be insured, with the office as a real process."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from card_svc.checks import offices
from card_svc.exclusions import handlers
from card_svc.exclusions.rules import excluded
from card_svc_testing import Trial, member
from partner_sandbox.trial import Trial as Sandbox
from unioncard.contracts.cards import CheckExclusions, ExclusionReason
from unioncard.partner_client import PartnerClient
from unioncard.partners import Dispatcher
from unioncard_testing import eventually, running, statements

CHECK = "exclusion-check/2020/363/20191101"
KEY = f"{CHECK}/office/0-0"
#: A reply stays under 64 KB (architecture, Messages).
REPLY_LIMIT = 64 * 1024


def about(*member_ids: int) -> CheckExclusions:
    return CheckExclusions(check_id=CHECK, member_ids=list(member_ids))


def register(sandbox: Sandbox, **people: dict[str, list[str]]) -> None:
    sandbox.client.post("/control/people", json=people).raise_for_status()


def behave(sandbox: Sandbox, **population: Any) -> None:
    sandbox.client.put("/control/behaviour", json={"population": population}).raise_for_status()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("in_service", None),
        ("unknown", None),
        ("retired", ExclusionReason.RETIRED),
        ("deceased", ExclusionReason.DECEASED),
        # The social-security office's word, which the population office does not say.
        ("unemployment_benefit", None),
    ],
)
def test_who_is_excluded(status: str, reason: ExclusionReason | None) -> None:
    assert excluded({2: status, 1: status}) == ({reason: [1, 2]} if reason else {})


async def test_the_office_says_who_is_retired_or_deceased(trial: Trial, sandbox: Sandbox) -> None:
    people = [member(n) for n in range(1, 6)]
    number = {one["id"]: one["document_number"] for one in people}
    register(
        sandbox,
        population={"retired": [number[2], number[5]], "deceased": [number[3]], "unknown": [number[1]]},
        social_security={"unemployment_benefit": [number[4]]},
    )
    await trial.tell_members(*people)
    await trial.ok("POST", "/todo", {"all": True})
    before = await trial.column("SELECT to_jsonb(todo) FROM todo ORDER BY member_id")
    async with trial.dispatching():
        reply = await trial.command(about(1, 2, 3, 4, 5, 99), KEY)
        again = await trial.command(about(1, 2, 3, 4, 5, 99), KEY)
    assert reply["data"]["result"] == {"excluded": {"retired": [2, 5], "deceased": [3]}, "unknown": [99]}
    assert again == reply
    # Only the population office was asked, once; nothing of their cards changed.
    (query,) = sandbox.client.get("/memory/queries").json()["queries"]
    assert (query["partner"], query["people"], query["times_received"]) == ("population", 5, 1)
    assert await trial.column("SELECT to_jsonb(todo) FROM todo ORDER BY member_id") == before


async def test_nobody_is_asked_about_those_who_are_unknown_here(trial: Trial, sandbox: Sandbox) -> None:
    async with trial.dispatching():
        reply = await trial.command(about(98, 99), KEY)
    assert reply["data"]["result"] == {"excluded": {}, "unknown": [98, 99]}
    assert sandbox.client.get("/memory/queries").json()["queries"] == []


async def test_an_office_that_fails_gives_the_command_back(trial: Trial, sandbox: Sandbox) -> None:
    await trial.tell_members(member(1))
    behave(sandbox, error_rate=1.0)
    async with trial.dispatching():
        reply = await trial.command(about(1), KEY)
        assert (reply["type"], reply["data"]["dead"]) == ("command.failed.v1", False)
        assert await trial.column("SELECT key FROM inbox WHERE key = :key", key=KEY) == []
        # Asked again under the same key, when the office is back.
        behave(sandbox, error_rate=0.0)
        reply = await trial.command(about(1), KEY)
    assert reply["data"]["result"] == {"excluded": {}, "unknown": []}


async def test_an_office_that_is_down_or_too_slow_gives_the_command_back(trial: Trial, sandbox: Sandbox) -> None:
    await trial.tell_members(member(1))
    behave(sandbox, timeout_rate=1.0, timeout_ms=5_000)
    settings = trial.settings.model_copy()
    client = PartnerClient(timeout_s=0.2)
    operation = handlers.exclusions_operation(settings, trial.personal, client)
    office = Dispatcher(
        offices.PARTNER, {handlers.OPERATION: operation}, trial.context.work, trial.context.database.app_url
    )
    async with running(office.run):
        slow = await trial.command(about(1), KEY)
        settings.population_url = "http://127.0.0.1:1/population"
        down = await trial.command(about(1), KEY)
    await client.close()
    assert [one["type"] for one in (slow, down)] == ["command.failed.v1"] * 2
    assert slow["data"]["reason"] == "offices: ReadTimeout"
    assert down["data"]["reason"] == "offices: ConnectError"


async def test_an_answer_that_leaves_somebody_out_is_none(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    await trial.tell_members(member(1), member(2))

    async def half(*_: Any) -> Any:
        return httpx.Response(200, json={"query_id": "q", "results": [{"ref": 1, "status": "in_service"}]})

    monkeypatch.setattr(PartnerClient, "post", half)
    async with trial.dispatching():
        reply = await trial.command(about(1, 2), KEY)
    assert (reply["type"], reply["data"]["reason"]) == ("command.failed.v1", "offices: an answer leaves people out")


async def test_a_thousand_take_as_many_statements_as_one_and_fit_into_a_reply(trial: Trial, sandbox: Sandbox) -> None:
    people = [member(n) for n in range(1, 1001)]
    register(sandbox, population={"retired": [one["document_number"] for one in people]})
    await trial.tell_members(*people)
    counts = []
    async with trial.dispatching():
        for size, key in ((1, "one"), (1000, "thousand")):
            with statements(trial.context.engine) as sent:
                reply = await trial.command(about(*range(1, size + 1)), f"{CHECK}/office/{key}")
            assert len(reply["data"]["result"]["excluded"]["retired"]) == size
            counts.append(sum("FROM members" in one for one in sent))
    assert counts == [1, 1]
    assert len(orjson.dumps(reply)) < REPLY_LIMIT


async def test_many_checks_at_once_are_answered_each(trial: Trial, sandbox: Sandbox) -> None:
    people = [member(n) for n in range(1, 9)]
    register(sandbox, population={"retired": [people[0]["document_number"]]})
    await trial.tell_members(*people)
    async with trial.dispatching():
        replies = await asyncio.gather(*(trial.command(about(n), f"{CHECK}/office/{n}") for n in range(1, 9)))
    found = [one["data"]["result"]["excluded"] for one in replies]
    assert found == [{"retired": [1]}, *([{}] * 7)]
    await eventually(lambda: _nothing_waits(trial))


async def _nothing_waits(trial: Trial) -> bool:
    return await trial.column("SELECT count(*) FROM partner_calls") == [0]
