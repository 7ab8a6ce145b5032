"""Bad rows: every one is told at once with its remedy, nothing is imported, and the sheet comes back (domain 3)."""

import io
from datetime import date
from typing import Any

import openpyxl

from member_svc_testing.rosters import Cell, identity_number, people, person, workbook
from member_svc_testing.world import World


async def refused(world: World, rows: list[dict[str, Cell]], code: str = "U1") -> dict[str, Any]:
    members = await world.value("SELECT count(*) FROM members")
    answer = await (await world.union(code)).upload(workbook(rows, headers=[*person(1), "会员编号"]))
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "urn:unioncard:problem:bad-rows"
    assert await world.value("SELECT count(*) FROM members") == members
    assert await world.value("SELECT count(*) FROM import_items WHERE state = 'waiting'") == 0
    return dict(answer.json())


async def test_all_bad_rows_are_told_at_once(world: World) -> None:
    await world.members_of("U2", [person(50)])
    rows = [
        person(1),
        person(2, 姓名=""),
        person(3, 移动电话="1", 性别="女"),
        person(50),
        person(4),
        person(4, 姓名="测四二"),
        person(5),
    ]
    problem = await refused(world, rows)
    found = [(row["line"], row["field"]) for row in problem["rows"]]
    assert found == [(3, "姓名"), (4, "移动电话"), (4, "性别"), (5, "证件号码"), (6, "证件号码"), (7, "证件号码")]
    assert problem["title"] == "有 5 行需要修改，本次没有导入任何会员"
    named = problem["rows"][3]
    assert named["name"] == person(50)["姓名"]
    assert named["number"] == f"3101****{identity_number(50)[-4:]}"
    assert "其他工会" in named["reason"]
    assert "原工会办理会员转出" in named["remedy"]
    assert "第 7 行" in problem["rows"][4]["reason"]


async def test_member_numbers_of_nobody_and_of_others(world: World) -> None:
    (other,) = await world.members_of("U2", [person(50)])
    rows = [person(1, 会员编号="3639999999"), person(2, 会员编号=other["number"])]
    problem = await refused(world, rows)
    assert [(row["line"], row["reason"]) for row in problem["rows"]] == [
        (2, "本工会没有这个会员编号"),
        (3, "本工会没有这个会员编号"),
    ]


async def test_one_person_as_fifteen_and_as_eighteen_digits_is_twice_the_same(world: World) -> None:
    woman: dict[str, Cell] = {"性别": "女", "出生日期": "1949-12-31"}
    problem = await refused(
        world, [person(1, 证件号码="110105491231002", **woman), person(2, 证件号码="11010519491231002X", **woman)]
    )
    assert [row["line"] for row in problem["rows"]] == [2, 3]


async def test_a_number_that_waits_in_another_union(world: World) -> None:
    await (await world.union("U2")).import_people([person(1)])
    answer = await (await world.union("U1")).upload(workbook([person(1)]))
    (row,) = answer.json()["rows"]
    assert "已由其他工会提交" in row["reason"]


async def test_a_member_without_union_comes_back_only_with_name_and_number(world: World) -> None:
    await world.members_of("U2", [person(1)])
    await world.run("UPDATE members SET union_id = NULL, state = 'without_union'")
    (row,) = (await refused(world, [person(1, 姓名="另有其人")]))["rows"]
    assert (row["field"], row["reason"]) == ("姓名", "姓名与系统登记的不一致")


async def test_one_member_by_number_and_by_document(world: World) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    rows = [person(1, 学历="硕士"), person(2, 会员编号=member["number"])]
    problem = await refused(world, rows)
    assert [(row["line"], row["field"]) for row in problem["rows"]] == [(2, "会员编号"), (3, "会员编号")]


async def test_the_document_number_changes_only_without_a_card_or_after_a_failed_try(world: World) -> None:
    """G19 22."""
    (member,) = await world.members_of("U1", [person(1)])
    mended = person(2, 姓名=person(1)["姓名"], 会员编号=member["number"])
    union, district = await world.union(), await world.district()
    for state in ("to_do", "in_batch", "issued"):
        await world.run("DELETE FROM member_cards")
        await world.run("INSERT INTO member_cards VALUES (:id, 1, :state)", id=member["id"], state=state)
        (row,) = (await refused(world, [mended]))["rows"]
        assert (row["field"], row["reason"]) == ("证件号码", "该会员已办卡或正在办卡，证件号码不能修改")
        assert (await union.get(f"/members/{member['id']}")).json()["card_state"] == state
    await world.run("UPDATE member_cards SET state = 'failed'")
    import_id = await union.import_people([mended])
    # A card was made while the change waited: it can no longer be approved.
    await world.run("UPDATE member_cards SET state = 'issued'")
    refused_late = await district.decide(import_id)
    assert refused_late.status_code == 409
    assert refused_late.json()["rows"][0]["reason"] == "该会员已办卡或正在办卡，证件号码不能修改"
    await world.run("UPDATE member_cards SET state = 'failed'")
    assert (await district.decide(import_id)).status_code == 200
    found = await union.get("/members", document_number=identity_number(2))
    assert [one["id"] for one in found.json()["items"]] == [member["id"]]
    assert found.json()["items"][0]["number"] == member["number"]


async def test_a_document_number_of_another_member_cannot_be_taken(world: World) -> None:
    first, _ = await world.members_of("U1", people(2))
    (row,) = (await refused(world, [person(2, 会员编号=first["number"])]))["rows"]
    assert row["reason"] == "证件号码已登记在另一会员名下"


async def test_the_senders_own_sheet_comes_back_with_its_errors(world: World) -> None:
    rows = [
        {"备注": "甲", **person(1)},
        {"备注": "乙", **person(2, 移动电话="12", 学历="大学")},
        {"备注": "丙", **person(3, 出生日期=date(1970, 1, 1), 证件号码=3.10101198001011e17)},
    ]
    union = await world.union()
    problem = (await union.upload(workbook(rows))).json()
    record = (await union.get(f"/imports/{problem['import_id']}")).json()
    assert (record["state"], record["rows"], record["bad_rows"]) == ("refused_by_check", 3, 2)
    answer = await union.get(problem["errors_sheet"])
    assert answer.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
    assert lines[0] == [*rows[0], "错误信息"]
    assert lines[1][:3] == ["甲", rows[0]["姓名"], "居民身份证"]
    assert not lines[1][-1]
    assert "移动电话：手机号码不正确" in str(lines[2][-1])
    assert "学历：学历不在可选范围内" in str(lines[2][-1])
    assert lines[3][5] == "1970-01-01"
    assert "证件号码：" in str(lines[3][-1])
    # Mended in that very sheet and sent again, the added column does no harm.
    mended = [{"备注": "", **person(n), "错误信息": "x"} for n in (1, 2, 3)]
    assert (await union.upload(workbook(mended))).status_code == 201


async def test_the_error_sheet_is_the_senders_alone(world: World) -> None:
    problem = (await (await world.union()).upload(workbook([person(1, 姓名="")]))).json()
    assert (await (await world.union("U2")).get(problem["errors_sheet"])).status_code == 404
    assert (await (await world.district()).get(problem["errors_sheet"])).status_code == 403
    kept = str(await world.rows("SELECT * FROM imports"))
    assert identity_number(1) not in kept


async def test_a_refused_file_sent_again_keeps_one_record(world: World) -> None:
    union, content = await world.union(), workbook([person(1, 姓名="")])
    first, again = [(await union.upload(content, key="bad-roster-1")).json() for _ in range(2)]
    assert first == again
    assert await world.value("SELECT count(*) FROM imports") == 1


async def test_a_member_whose_change_waits_cannot_be_changed_again(world: World) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    union = await world.union()
    single = await union.post(f"/members/{member['id']}/changes", {"education": "硕士"})
    assert single.status_code == 201
    (row,) = (await union.upload(workbook([person(1, 学历="博士")]))).json()["rows"]
    assert row["reason"] == "该会员已有变更正在等待审核"
