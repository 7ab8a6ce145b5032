"""The to-do list over HTTP, and how it follows members."""

import asyncio
from typing import Any

import pytest

from card_svc_testing import Trial, member
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, FEDERATION, SIBLING, STRANGER, UNION


async def problem(trial: Trial, path: str, body: Any, *, method: str = "POST", **more: Any) -> dict[str, Any]:
    """A refusal, which must be a problem document."""
    response = await trial.call(method, path, body, **more)
    assert response.status_code >= 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    return found | {"code": found["type"].rpartition(":")[2]}


async def test_one_unfit_member_and_nobody_is_added(trial: Trial) -> None:
    await trial.tell_members(
        member(1),
        member(2, kind="flexible"),
        member(3, number=None),
        member(4, state="in_transfer"),
        member(5, union_id=SIBLING),
    )
    refused = await problem(trial, "/todo", {"member_ids": [1, 2, 3, 4, 5, 6]})
    assert (refused["status"], refused["code"]) == (422, "members-unfit")
    assert [(row["line"], row["name"]) for row in refused["rows"]] == [
        (2, "王芳"),
        (3, "王芳"),
        (4, "王芳"),
        (5, ""),
        (6, ""),
    ]
    assert "本人申请" in refused["rows"][0]["reason"]
    assert "****" in refused["rows"][0]["number"]
    assert await trial.column("SELECT member_id FROM todo") == []
    added = await trial.ok("POST", "/todo", {"all": True})
    assert added == {
        "added": 1,
        "normal": 1,
        "special": 0,
        "left_out": {"not_employed": 1, "not_normal": 1, "no_number": 1},
    }


async def test_the_same_post_twice_and_at_once(trial: Trial) -> None:
    await trial.tell_members(*(member(n) for n in range(1, 11)))
    body = {"all": True}
    answers = await asyncio.gather(*(trial.call("POST", "/todo", body, key="press-twice") for _ in range(3)))
    assert [one.status_code for one in answers] == [201] * 3
    assert {one.json()["added"] for one in answers} == {10}
    assert len(await trial.sent("card.cards.changed.v1")) == 1
    assert set(await trial.column("SELECT version FROM cards")) == {1}
    assert (await trial.call("POST", "/todo", {"member_ids": [1]}, key="press-twice")).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": True, "member_ids": [1]},
        {"member_ids": []},
        {"member_ids": [0]},
        {"member_ids": [2**63]},
        {"ids": [1]},
    ],
)
async def test_bodies_that_say_nothing_or_too_much(trial: Trial, body: dict[str, Any]) -> None:
    assert (await problem(trial, "/todo", body))["status"] == 422


async def test_channels_by_themselves_and_by_hand(trial: Trial) -> None:
    await trial.listed(1)
    await trial.listed(1, first=2, document_type="passport", document_number="E12345678", nationality=None)
    page = await trial.ok("GET", "/todo", params={"channel": "special"})
    assert page["tabs"] == {"normal": 1, "special": 1}
    assert (page["totals"]["incomplete"], page["items"][0]["document_number"]) == (1, "E1****78")

    refused = await problem(trial, "/todo/2/channel", {"channel": "normal"})
    assert (refused["status"], refused["code"]) == (409, "special-only")
    await trial.ok("POST", "/todo/1/channel", {"channel": "special"})
    await trial.ok("POST", "/todo/1/channel", {"channel": "normal"})
    await trial.ok("POST", "/todo/1/channel", {"channel": "normal"})
    steps = [entry["step"] for entry in (await trial.ok("GET", "/cards/1/log"))["items"]]
    assert steps == ["channel_changed", "channel_changed", "added"]

    document = {"document_expiry": "2030-01-01", "nationality": "法国", "document_type": "passport"}
    refused = await problem(trial, "/todo/2/document", document | {"document_expiry": "2024-04-28"}, method="PUT")
    assert refused["code"] == "document-expired"
    await trial.ok("PUT", "/todo/2/document", document)
    page = await trial.ok("GET", "/todo", params={"channel": "special"})
    assert (page["totals"]["complete"], page["items"][0]["nationality"]) == (1, "法国")
    refused = await problem(trial, "/todo/1/document", document, method="PUT")
    assert refused["code"] == "normal-keeps-type"


async def test_removal_goes_back_to_where_it_was(trial: Trial) -> None:
    await trial.listed(3)
    await trial.run("UPDATE todo SET previous_state = 'failed' WHERE member_id = 2")
    await trial.run("UPDATE todo SET check_state = 'not_passed' WHERE member_id = 2")
    await trial.run("UPDATE todo SET check_state = 'checking' WHERE member_id = 3")
    assert await trial.ok("POST", "/todo/removals", {"all_not_passed": True, "channel": "normal"}) == {"removed": 1}
    assert await trial.ok("POST", "/todo/removals", {"member_ids": [1, 2, 77]}) == {"removed": 1}
    assert await trial.column("SELECT state FROM cards ORDER BY member_id") == ["none", "failed", "to_do"]


async def test_who_leaves_the_union_leaves_the_list(trial: Trial) -> None:
    await trial.listed(3)
    await trial.tell_members(
        member(1, version=2, state="without_union", union_id=None), member(2, version=2, mobile="13900000000")
    )
    assert await trial.column("SELECT member_id FROM todo ORDER BY 1") == [2, 3]
    assert (await trial.sent("card.cards.changed.v1"))[-1].data["cards"] == [
        {"member_id": 1, "version": 2, "state": "none", "numbered_on": None, "number_end": None}
    ]
    other = member(3)["document_number"]
    await trial.tell_members(member(2, version=3, document_number=other))
    assert await trial.column("SELECT check_state FROM todo ORDER BY member_id") == ["unchecked", "passed"]


async def test_older_news_of_a_member_changes_nothing(trial: Trial) -> None:
    await trial.tell_members(member(1, version=5, name="李强"))
    await trial.tell_members(member(1, version=4, name="王芳"))
    newer = trial.sealed(member(2, version=3, name="赵敏"), member(1, version=5))
    await trial.tell(trial.sealed(member(2, version=1)), newer)
    assert [row["name"] for row in (await trial.ok("GET", "/cards"))["items"]] == ["李强", "赵敏"]
    # Nothing personal lies open.
    for column in ("name", "document_number", "mobile", "address"):
        values = await trial.column(f"SELECT {column} FROM members")
        assert all(value.startswith("v1.") for value in values)


async def test_a_sibling_sees_and_touches_nothing(trial: Trial) -> None:
    await trial.listed(2)
    for organisation in (SIBLING, STRANGER):
        assert (await trial.ok("GET", "/todo", organisation=organisation))["tabs"] == {"normal": 0, "special": 0}
        assert (await trial.call("GET", "/cards/1", organisation=organisation)).status_code == 404
        assert (await trial.call("GET", "/cards/1/log", organisation=organisation)).status_code == 404
        gone = await trial.call("POST", "/todo/1/channel", {"channel": "special"}, organisation=organisation)
        assert gone.status_code == 404
        removed = await trial.ok("POST", "/todo/removals", {"member_ids": [1]}, organisation=organisation)
        assert removed == {"removed": 0}
    for role, organisation in ((Role.DISTRICT, DISTRICT), (Role.FEDERATION, FEDERATION)):
        page = await trial.ok("GET", "/todo", role=role, organisation=organisation)
        assert page["tabs"]["normal"] == 2
        refused = await trial.call("POST", "/todo", {"all": True}, role=role, organisation=organisation)
        assert refused.status_code == 403


async def test_filters_and_pages(trial: Trial) -> None:
    await trial.listed(5)
    await trial.listed(1, first=6, name="欧阳·示例", passed=False)
    found = await trial.ok("GET", "/todo", params={"name": "欧阳 · 示例"})
    assert [row["member_id"] for row in found["items"]] == [6]
    number = member(3)["document_number"]
    found = await trial.ok("GET", "/todo", params={"document_number": number.lower()})
    assert [row["member_id"] for row in found["items"]] == [3]
    found = await trial.ok("GET", "/todo", params={"check_state": "unchecked"})
    assert [row["member_id"] for row in found["items"]] == [6]
    assert (found["totals"]["all"], found["totals"]["passed"], found["totals"]["unchecked"]) == (6, 5, 1)
    seen: list[int] = []
    after: str | None = None
    while True:
        page = await trial.ok("GET", "/cards", params={"limit": 4} | ({"after": after} if after else {}))
        seen += [row["member_id"] for row in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [1, 2, 3, 4, 5, 6]
    assert (await trial.ok("GET", "/cards", params={"name": "???"}))["total"] == 0
    assert (await trial.ok("GET", "/cards", params={"state": "to_do", "union_id": UNION, "sex": "male"}))["total"] == 3
