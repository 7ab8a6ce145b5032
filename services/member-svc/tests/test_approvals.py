"""Four eyes, the direct superior alone, once: also in bulk and in a race (domain 2, 3)."""

import asyncio

import pytest

from member_svc_testing.rosters import people, person, workbook
from member_svc_testing.world import World
from unioncard.contracts.members import MembersChanged
from unioncard.principal import Role


async def test_only_the_direct_superior_decides(world: World) -> None:
    below_second = await (await world.union("U3")).import_people(people(1))
    for caller, status in (
        (await world.district("D1"), 403),  # one level too high
        (await world.federation(), 403),
        (await world.district("D2"), 404),  # another tree: not even that it exists
        (await world.union("U3", which=2), 403),
        (await world.caller(Role.CENTRE_REVIEWER, "SH"), 403),
    ):
        assert (await caller.decide(below_second)).status_code == status
    assert await world.value("SELECT state FROM imports") == "waiting"
    assert (await (await world.second_level()).decide(below_second)).status_code == 200


async def test_a_districts_own_roster_is_decided_by_the_federation(world: World) -> None:
    """A district may apply like a union, through the unions' entrance (G19 2)."""
    import_id = await (await world.union("D1")).import_people(people(1))
    assert (await (await world.district("D1")).decide(import_id)).status_code == 403
    assert (await (await world.federation()).decide(import_id)).status_code == 200
    assert await world.value("SELECT number FROM members") == "3630000001"


async def test_who_asked_cannot_approve_whatever_rights_the_account_has_now(world: World) -> None:
    asker = await world.union()
    import_id = await asker.import_people(people(2))
    district = await world.district()
    # The account was moved to the district: same id, another role.
    await world.run("UPDATE imports SET asked_by = :id", id=district.principal.account_id)
    for answer in (await district.decide(import_id), await district.decide(import_id, items=[2])):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:unioncard:problem:four-eyes")
    assert await world.value("SELECT count(*) FROM members WHERE state = 'pending'") == 2
    assert (await (await world.district(which=2)).decide(import_id)).status_code == 200


async def test_approving_twice_changes_nothing_and_answers_the_same(world: World) -> None:
    import_id = await (await world.union()).import_people(people(3))
    district = await world.district()
    first, again = [await district.decide(import_id) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert await world.rows("SELECT DISTINCT version FROM members") == [{"version": 1}]
    assert len(await world.outbox(MembersChanged.TYPE)) == 1
    assert await world.value("SELECT count(*) FROM audit_log WHERE action = 'import.approve'") == 1
    assert await world.value("SELECT last FROM member_numbers") == 3


@pytest.mark.parametrize("size", [1, 300])
async def test_of_two_approvers_racing_one_wins(world: World, size: int) -> None:
    import_id = await (await world.union()).import_people(people(size))
    callers = [await world.district(which=n) for n in range(1, 6)]
    answers = await asyncio.gather(*(caller.decide(import_id) for caller in callers))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"urn:unioncard:problem:already-decided"}
    assert await world.value("SELECT count(DISTINCT number) FROM members WHERE version = 1") == size
    assert len(await world.outbox(MembersChanged.TYPE)) == 1


async def test_approval_and_refusal_racing_leave_one_decision(world: World) -> None:
    import_id = await (await world.union()).import_people(people(20))
    one, other = await world.district(which=1), await world.district(which=2)
    answers = await asyncio.gather(one.decide(import_id), other.decide(import_id, "refuse"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    state = await world.value("SELECT state FROM imports")
    members = await world.value("SELECT count(*) FROM members")
    assert (state, members) in (("approved", 20), ("refused", 0))


async def test_chosen_rows_are_decided_and_the_rest_waits(world: World) -> None:
    union, district = await world.union(), await world.district()
    import_id = await union.import_people(people(4))
    answer = await district.decide(import_id, items=[2, 4])
    assert answer.json() | {"import_id": 0} == {
        "import_id": 0,
        "state": "waiting",
        "waiting_rows": 2,
        "approved_rows": 2,
        "refused_rows": 0,
    }
    assert (await district.decide(import_id, items=[2, 4])).json() == answer.json()
    assert (await district.decide(import_id, items=[2, 3])).status_code == 409
    assert (await district.decide(import_id, "refuse", items=[4])).status_code == 409
    assert (await district.decide(import_id, items=[99])).status_code == 422
    refused = await district.decide(import_id, "refuse", reason="资料不全")
    assert refused.json()["state"] == "partly_approved"
    assert (await district.decide(import_id, "refuse")).json() == refused.json()
    assert (await district.decide(import_id, "approve")).status_code == 409
    record = (await union.get(f"/imports/{import_id}")).json()
    assert (record["approved_rows"], record["refused_rows"], record["reason"]) == (2, 2, "资料不全")
    items = (await union.get(f"/imports/{import_id}/items", state="refused")).json()["items"]
    assert [(item["line"], item["name"], item["reason"]) for item in items] == [
        (3, person(2)["姓名"], "资料不全"),
        (5, person(4)["姓名"], "资料不全"),
    ]


async def test_a_refused_newcomer_can_be_asked_for_again(world: World) -> None:
    import_id = await (await world.union("U1")).import_people(people(2))
    await (await world.district()).decide(import_id, "refuse")
    assert (await (await world.union("U1")).get("/members")).json()["items"] == []
    members = await world.members_of("U2", people(2))
    assert {member["state"] for member in members} == {"normal"}


async def test_a_refused_change_leaves_the_member_as_it_was(world: World) -> None:
    await world.members_of("U1", [person(1)])
    before = await world.rows("SELECT * FROM members")
    import_id = await (await world.union()).import_people([person(1, 学历="博士", 移动电话="13800000000")])
    await (await world.district()).decide(import_id, "refuse")
    assert await world.rows("SELECT * FROM members") == before
    assert len(await world.outbox(MembersChanged.TYPE)) == 1


async def test_a_member_that_left_meanwhile_stops_the_approval(world: World) -> None:
    await world.members_of("U1", people(2))
    district = await world.district()
    import_id = await (await world.union()).import_people([person(1, 学历="博士"), person(2, 学历="博士")])
    await world.run("UPDATE members SET state = 'without_union', union_id = NULL WHERE id = 1")
    answer = await district.decide(import_id)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:unioncard:problem:no-longer-possible")
    assert [row["line"] for row in answer.json()["rows"]] == [2]
    assert await world.value("SELECT count(*) FROM members WHERE education = '博士'") == 0
    await district.decide(import_id, "refuse", items=[2])
    assert (await district.decide(import_id)).json()["state"] == "partly_approved"


async def test_two_districts_approve_at_once_and_numbers_stay_apart(world: World) -> None:
    first = await (await world.union("U1")).import_people(people(50))
    second = await (await world.union("U2")).import_people(people(50, start=100))
    third = await (await world.union("U4")).import_people(people(50, start=200))
    answers = await asyncio.gather(
        (await world.district("D1", 1)).decide(first),
        (await world.district("D1", 2)).decide(second),
        (await world.district("D2")).decide(third),
    )
    assert {answer.status_code for answer in answers} == {200}
    numbers = {row["number"] for row in await world.rows("SELECT number FROM members")}
    assert numbers == {f"363{n:07d}" for n in range(1, 101)} | {f"301{n:07d}" for n in range(1, 51)}


async def test_a_single_addition_and_change_need_approval_too(world: World) -> None:
    union, district = await world.union(), await world.district()
    body = {
        "name": "张三",
        "document_type": "护照",
        "document_number": "E12345678",
        "sex": "男",
        "birth_date": "1980-05-06",
        "address": "上海市示例路1号",
        "mobile": "13900000001",
        "education": "本科",
        "household": "非农业",
        "grade": "无",
        "post": "工会会员",
        "nationality": "新加坡",
    }
    first, again = [await union.post("/members", body, key="add-member-1") for _ in range(2)]
    assert (first.status_code, first.json()["kind"]) == (201, "single")
    assert first.json() == again.json()
    # Singles do not stand in the way of a file, nor a file in theirs.
    assert (await union.upload(workbook(people(1)))).status_code == 201
    await district.decide(first.json()["id"])
    member = (await union.get("/members", document_number="e12345678")).json()["items"][0]
    assert (member["name"], member["number"], member["document_type"]) == ("张三", "3630000001", "护照")
    change = await union.post(f"/members/{member['id']}/changes", {"mobile": "13800000000", "document_expiry": "长期"})
    assert change.status_code == 201
    assert (await district.decide(change.json()["id"])).status_code == 200
    detail = (await union.get(f"/members/{member['id']}")).json()
    assert (detail["mobile"], detail["document_expiry"], detail["nationality"]) == (
        "138****0000",
        "9999-12-31",
        "新加坡",
    )
    bad = await union.post("/members", body | {"mobile": "1", "document_number": "E99999999"})
    assert (bad.status_code, bad.json()["rows"][0]["field"]) == (422, "移动电话")
    foreign = await (await world.union("U2")).post(f"/members/{member['id']}/changes", {"education": "硕士"})
    assert foreign.status_code == 404


async def test_every_decision_is_in_the_audit_log(world: World) -> None:
    union, district = await world.union(), await world.district()
    import_id = await union.import_people(people(2))
    await district.decide(import_id, reason="资料齐全")
    entries = (await (await world.federation()).get("/audit-log", subject=f"import:{import_id}")).json()["items"]
    assert [(one["action"], one["actor"]) for one in entries] == [
        ("import.approve", district.principal.actor),
        ("import.ask", union.principal.actor),
    ]
    assert entries[0]["after"] == {"decided": 2, "waiting": 0, "state": "approved", "reason": "资料齐全"}
