"""The slice: a roster comes in, waits for the superior, takes effect, and readers hear of it (domain 3)."""

import asyncio

from member_svc_testing.rosters import HEADERS, identity_number, people, person, workbook
from member_svc_testing.world import World
from unioncard.contracts.members import MembersChanged
from unioncard.keys import load_keys
from unioncard.service import Context


async def test_a_roster_waits_for_the_direct_superior_and_takes_effect_when_it_approves(world: World) -> None:
    union, district = await world.union(), await world.district()
    answer = await union.upload(workbook(people(3)))
    assert answer.status_code == 201
    asked = answer.json()
    assert (asked["state"], asked["rows"], asked["new_rows"], asked["superior_id"]) == (
        "waiting",
        3,
        3,
        world.ids["D1"],
    )
    pending = (await union.get("/members")).json()
    assert [(one["state"], one["number"]) for one in pending["items"]] == [("pending", None)] * 3
    waiting = (await district.get("/approvals")).json()
    assert [one["id"] for one in waiting["items"]] == [asked["id"]]

    decided = await district.decide(asked["id"])

    assert decided.json() == {
        "import_id": asked["id"],
        "state": "approved",
        "waiting_rows": 0,
        "approved_rows": 3,
        "refused_rows": 0,
    }
    members = (await union.get("/members")).json()["items"]
    assert [one["number"] for one in members] == ["3630000001", "3630000002", "3630000003"]
    assert {one["state"] for one in members} == {"normal"}
    assert (await district.get("/approvals")).json()["items"] == []


async def test_readers_hear_of_approved_members_sealed_for_them(world: World, context: Context) -> None:
    await world.members_of("U1", [person(7, 姓名="欧阳示例")])
    (envelope,) = await world.outbox(MembersChanged.TYPE)
    event = MembersChanged.model_validate(envelope.data)
    assert event.union_id == world.ids["U1"]
    (member,) = event.members
    assert (member.version, member.state, member.number, member.sex) == (1, "normal", "3630000001", "male")
    assert "欧阳" not in envelope.model_dump_json()
    reader = load_keys(context.settings.keys_file.with_name("card-svc.json")).transport_opener()
    opened = reader.open(event.seal)
    assert opened.decrypt("name", member.id, member.name) == "欧阳示例"
    assert opened.decrypt("document_number", member.id, member.document_number) == identity_number(7)
    assert opened.decrypt("mobile", member.id, member.mobile) == "13900000007"


async def test_nothing_that_names_a_person_is_stored_in_plain(world: World) -> None:
    await (await world.union()).import_people([person(7, 姓名="欧阳示例")])
    stored = str([await world.rows(f"SELECT * FROM {name}") for name in ("members", "import_items", "audit_log")])
    for secret in ("欧阳示例", identity_number(7), "13900000007", "示例路7号"):
        assert secret not in stored


async def test_columns_in_any_order_with_synonyms_and_stars(world: World) -> None:
    row = person(1)
    renamed = {
        "序号": "1",
        "* 手机号": row["移动电话"],
        "有效证件类型": "身份证",
        "身份证号码（必填）": row["证件号码"],
        "会员姓名": row["姓名"],
        **{name: row[name] for name in reversed(HEADERS[3:6])},
        **{name: row[name] for name in HEADERS[7:11]},
    }
    assert (await (await world.union()).upload(workbook([renamed]))).status_code == 201


async def test_names_and_numbers_are_normalised(world: World) -> None:
    typed = person(
        1,
        姓名=" 张　 三 ",
        证件号码="３１０１０１　" + identity_number(1)[6:].lower(),
        移动电话="+86 139-0000-0001",
    )
    members = await world.members_of("U1", [typed])
    assert members[0]["name"] == "张三"
    union = await world.union()
    found = await union.get("/members", name="张 三", document_number=identity_number(1))
    assert found.json()["total"] == 1
    revealed = await union.post(f"/members/{members[0]['id']}/reveal", {"purpose": "核对领卡材料"})
    assert revealed.json()["mobile"] == "13900000001"
    assert revealed.json()["document_number"] == identity_number(1)


async def test_fifteen_digits_become_eighteen(world: World) -> None:
    # 110105491231002 of the standard's own example becomes 11010519491231002X.
    row = person(1, 证件号码="110105491231002", 性别="女", 出生日期="1949-12-31")
    (member,) = await world.members_of("U1", [row])
    revealed = await (await world.union()).post(f"/members/{member['id']}/reveal", {"purpose": "核对"})
    assert revealed.json()["document_number"] == "11010519491231002X"


async def test_the_detail_has_every_field(world: World) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    detail = (await (await world.union()).get(f"/members/{member['id']}")).json()
    expected = {"birth_date": "1970-01-01", "document_expiry": "9999-12-31", "nationality": "中国", "education": "本科"}
    expected |= {"household": "非农业", "grade": "无", "post": "工会会员", "document_type": "居民身份证"}
    assert {name: detail[name] for name in expected} == expected


async def test_own_members_in_the_sheet_are_changed_only_where_they_differ(world: World) -> None:
    await world.members_of("U1", people(3))
    union, district = await world.union(), await world.district()
    answer = await union.upload(workbook([person(1), person(2, 移动电话="13800000000", 学历="硕士"), person(3)]))
    asked = answer.json()
    assert (asked["changed_rows"], asked["unchanged_rows"], asked["new_rows"]) == (1, 2, 0)
    (item,) = (await district.get(f"/imports/{asked['id']}/items")).json()["items"]
    assert item["line"] == 3
    assert item["changes"] == [
        {"field": "mobile", "before": "139****0002", "after": "138****0000"},
        {"field": "education", "before": "本科", "after": "硕士"},
    ]
    assert (await union.get("/members")).json()["items"][1]["mobile"] == "139****0002"
    await district.decide(asked["id"])
    changed = (await union.get("/members")).json()["items"][1]
    assert changed["mobile"] == "138****0000"
    versions = await world.rows("SELECT version FROM members ORDER BY id")
    assert [row["version"] for row in versions] == [1, 2, 1]
    event = MembersChanged.model_validate((await world.outbox(MembersChanged.TYPE))[-1].data)
    assert [(one.id, one.version) for one in event.members] == [(changed["id"], 2)]


async def test_an_import_that_changes_nothing_is_refused(world: World) -> None:
    await world.members_of("U1", people(2))
    answer = await (await world.union()).upload(workbook(people(2)))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:unioncard:problem:nothing-to-change")


async def test_one_import_at_a_time_for_a_union(world: World) -> None:
    union, district = await world.union(), await world.district()
    first = await union.import_people(people(1))
    second = await union.upload(workbook(people(1, start=2)))
    assert second.status_code == 409
    assert second.json()["type"].endswith("import-waiting")
    assert second.json()["import_id"] == first
    assert (await (await world.union("U2")).upload(workbook(people(1, start=2)))).status_code == 201
    await district.decide(first, "refuse", reason="请核对")
    assert (await union.upload(workbook(people(1, start=3)))).status_code == 201


async def test_two_imports_of_a_union_at_once_leave_one(world: World) -> None:
    union = await world.union()
    answers = await asyncio.gather(*(union.upload(workbook(people(2, start=10 * n))) for n in range(1, 5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert await world.value("SELECT count(*) FROM members") == 2


async def test_the_same_post_twice_makes_one_import(world: World) -> None:
    union = await world.union()
    first, again = [await union.upload(workbook(people(2)), key="roster-2020-01") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"
    other = await union.upload(workbook(people(3)), key="roster-2020-01")
    assert other.json()["type"].endswith("idempotency-key-reused")
    assert await world.value("SELECT count(*) FROM imports") == 1


async def test_the_same_post_at_once_makes_one_import(world: World) -> None:
    union, content = await world.union(), workbook(people(50))
    answers = await asyncio.gather(*(union.upload(content, key="roster-2020-01") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await world.value("SELECT count(*) FROM members") == 50


async def test_a_member_without_union_comes_back_and_keeps_the_number(world: World) -> None:
    (member,) = await world.members_of("U4", [person(1)])
    await world.run("UPDATE members SET union_id = NULL, state = 'without_union', version = 2")
    (back,) = await world.members_of("U1", [person(1, 学历="硕士")])
    assert (back["id"], back["number"], back["state"]) == (member["id"], "3010000001", "normal")
    assert back["union_id"] == world.ids["U1"]
    assert await world.value("SELECT version FROM members") == 3
    assert await world.value("SELECT education FROM members") == "硕士"


async def test_member_numbers_count_up_in_each_district(world: World) -> None:
    await world.members_of("U1", people(2))
    await world.members_of("U2", people(2, start=10))
    await world.members_of("U4", people(1, start=20))
    numbers = await world.rows("SELECT number FROM members ORDER BY number")
    assert [row["number"] for row in numbers] == [
        "3010000001",
        "3630000001",
        "3630000002",
        "3630000003",
        "3630000004",
    ]


async def test_the_history_lists_imports_by_state_and_day(world: World) -> None:
    await world.members_of("U1", people(1))
    union = await world.union()
    waiting = await union.import_people(people(1, start=5))
    everything = (await union.get("/imports")).json()
    assert everything["total"] == 2
    assert [one["state"] for one in everything["items"]] == ["waiting", "approved"]
    assert [one["id"] for one in (await union.get("/imports", state="waiting")).json()["items"]] == [waiting]
    assert (await union.get("/imports", to_day="2001-01-01")).json()["total"] == 0
    first = (await union.get("/imports", limit=1)).json()
    second = (await union.get("/imports", limit=1, after=first["next"])).json()
    assert [first["items"][0]["state"], second["items"][0]["state"]] == ["waiting", "approved"]
    assert second["next"] is None
