"""Lists, scope, masks, reveals and the export (domain 8)."""

import io

import openpyxl

from member_svc_testing.rosters import identity_number, people, person
from member_svc_testing.world import World


async def test_lists_mask_what_needs_a_purpose(world: World) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    number = identity_number(1)
    assert member["document_number"] == f"3101****{number[-4:]}"
    assert (member["mobile"], member["address"]) == ("139****0001", "上海市示例路****")
    detail = (await (await world.union()).get(f"/members/{member['id']}")).text
    for secret in (number, "13900000001", "示例路1号"):
        assert secret not in detail


async def test_everyone_sees_what_is_below_and_nothing_beside(world: World) -> None:
    for start, code in enumerate(("U1", "U2", "U3", "U4")):
        await world.members_of(code, people(start + 1, start=100 * start + 1))
    expected = [
        (await world.union("U1"), 1),
        (await world.union("U2"), 2),
        (await world.second_level(), 3),
        (await world.district("D1"), 6),
        (await world.district("D2"), 4),
        (await world.federation(), 10),
        # a district at the unions' entrance (G19 2)
        (await world.union("D1"), 0),
    ]
    for caller, total in expected:
        assert (await caller.get("/members")).json()["total"] == total
        assert sum((await caller.get("/members/counts")).json().values()) == total
    other = (await (await world.union("U4")).get("/members")).json()["items"][0]["id"]
    for caller in (await world.union("U1"), await world.district("D1")):
        assert (await caller.get(f"/members/{other}")).status_code == 404
        assert (await caller.post(f"/members/{other}/reveal", {"purpose": "核对"})).status_code == 404
        assert (await caller.get("/members", document_number=identity_number(301))).json()["total"] == 0


async def test_filters_and_pages(world: World) -> None:
    await world.members_of("U1", [*people(7), person(50, 姓名="买买提•阿里")])
    union = await world.union()
    await union.import_people([person(1, 学历="博士"), person(60)])
    await world.run("INSERT INTO member_cards VALUES (2, 1, 'issued'), (3, 1, 'failed')")

    async def ids(**filters: str | int) -> list[int]:
        return [one["id"] for one in (await union.get("/members", **filters)).json()["items"]]

    assert await ids(name="买买提·阿里") == [8]
    assert await ids(name="买买提") == []
    assert await ids(number="3630000004") == [4]
    assert await ids(document_number=identity_number(5)) == [5]
    assert await ids(state="pending") == [9]
    assert await ids(card_state="issued") == [2]
    assert await ids(card_state="failed") == [3]
    assert len(await ids(card_state="none")) == 7
    members = (await union.get("/members")).json()["items"]
    assert [one["id"] for one in members if one["under_review"]] == [1, 9]
    assert [one["id"] for one in members if one["has_card"]] == [2]
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = (await union.get("/members", limit=4, **after)).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == list(range(1, 10))
    assert page["total"] is None


async def test_a_reveal_needs_a_purpose_and_is_in_the_audit_log(world: World) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    union = await world.union()
    assert (await union.post(f"/members/{member['id']}/reveal", {})).status_code == 422
    revealed = await union.post(f"/members/{member['id']}/reveal", {"purpose": "核对领卡材料"})
    assert revealed.json()["address"] == "上海市示例路1号"
    (entry,) = await world.rows("SELECT * FROM audit_log WHERE action = 'member.reveal'")
    assert (entry["actor"], entry["subject"]) == (union.principal.actor, f"member:{member['id']}")
    assert entry["after"] == {"purpose": "核对领卡材料"}


async def test_the_export_holds_text_only_and_the_callers_scope(world: World) -> None:
    await world.members_of("U1", [person(1), person(2, 联系地址="=1+1 上海市")])
    await world.members_of("U2", people(1, start=30))
    answer = await (await world.union("U1")).get("/members/export.xlsx")
    assert answer.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    lines = list(sheet.iter_rows())
    assert [cell.value for cell in lines[1]][:4] == ["3630000001", person(1)["姓名"], "男", "居民身份证"]
    assert len(lines) == 3
    assert {cell.data_type for line in lines for cell in line} == {"s"}
    dangerous = lines[2][5]
    assert str(dangerous.value).startswith("=1+1")
    assert dangerous.style.quotePrefix if hasattr(dangerous.style, "quotePrefix") else dangerous.quotePrefix
    assert await world.value("SELECT after->>'rows' FROM audit_log WHERE action = 'members.export'") == "2"
