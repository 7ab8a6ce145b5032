"""Letting members go: one, several or by Excel; checked whole, done at once, and readers hear of it (domain 3, C20)."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import openpyxl

from member_svc.republishing import republish
from member_svc_testing.rosters import Cell, identity_number, people, person, workbook
from member_svc_testing.world import Caller, World
from unioncard.contracts.members import MembersChanged


def leaving(serial: int, **cells: Cell) -> dict[str, Cell]:
    """A row of the sheet for a person of the rosters."""
    row = person(serial)
    return {"姓名": row["姓名"], "证件号码": row["证件号码"], "转出原因": "退休"} | cells


async def send(caller: Caller, rows: Sequence[Mapping[str, Cell]], key: str = "transfer-out-1") -> httpx.Response:
    headers = caller.headers | {"Idempotency-Key": key}
    content = workbook(rows, headers=["姓名", "证件号码", "转出原因", "会员编号", "备注"])
    return await caller.client.post("/transfer-outs/file", files={"file": ("转出.xlsx", content)}, headers=headers)


async def let_go(caller: Caller, ids: Sequence[int], reason: str = "left", **more: Any) -> httpx.Response:
    return await caller.post("/transfer-outs", {"member_ids": list(ids), "reason": reason}, **more)


async def test_a_member_let_go_stays_without_a_union_and_readers_learn_it(world: World) -> None:
    members = await world.members_of("U1", people(3))
    union, gone = await world.union(), members[1]
    answer = await let_go(union, [gone["id"]], "retired_veteran")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["kind"], made["state"], made["rows"], made["union_name"]) == ("chosen", "done", 1, "示例一厂工会")
    (row,) = await world.rows("SELECT * FROM members WHERE id = :id", id=gone["id"])
    assert (row["union_id"], row["state"], row["version"]) == (None, "without_union", 2)
    assert (row["number"], row["left_reason"]) == (gone["number"], "retired_veteran")
    assert [one["id"] for one in (await union.get("/members")).json()["items"]] == [members[0]["id"], members[2]["id"]]
    assert (await union.get(f"/members/{gone['id']}")).status_code == 404
    event = MembersChanged.model_validate((await world.outbox(MembersChanged.TYPE))[-1].data)
    assert event.union_id == world.ids["U1"]
    assert [(one.id, one.union_id, one.state, one.version) for one in event.members] == [
        (gone["id"], None, "without_union", 2)
    ]
    (entry,) = await world.rows("SELECT * FROM audit_log WHERE action = 'members.transfer-out'")
    assert entry["after"] == {"members": 1, "reasons": {"retired_veteran": 1}}
    assert entry["organisation_id"] == world.ids["U1"]


async def test_card_state_goes_with_the_member_and_checksums_show_nobodys(world: World) -> None:
    (member,) = await world.members_of("U1", people(1))
    await world.run("INSERT INTO member_cards VALUES (:id, 3, 'issued')", id=member["id"])
    assert (await let_go(await world.union(), [member["id"]])).status_code == 201
    federation = await world.federation()
    for noun, content in (
        ("members", f"{member['id']}:2:without_union:{member['number']}"),
        ("cards", f"{member['id']}:3:issued"),
    ):
        (tally,) = (await federation.get(f"/reconciliation/{noun}")).json()["items"]
        assert (tally["id"], tally["count"]) == (0, 1)
        assert tally["checksum"] == await world.value("SELECT hashtextextended(:content, 0)::text", content=content)
    summary = (await federation.get("/reconciliation/summary")).json()
    assert (summary["members_without_union"], summary["members_total"]) == (1, 1)


async def test_several_chosen_go_together_or_not_at_all(world: World) -> None:
    members = await world.members_of("U1", people(3))
    (stranger,) = await world.members_of("U2", people(1, start=50))
    union = await world.union()
    answer = await let_go(union, [members[0]["id"], stranger["id"], 10**12])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:unioncard:problem:bad-rows")
    assert [(row["line"], row["name"], row["reason"]) for row in answer.json()["rows"]] == [
        (2, "", "本工会没有这名会员"),
        (3, "", "本工会没有这名会员"),
    ]
    assert (await union.get("/members")).json()["total"] == 3
    assert (await let_go(union, [one["id"] for one in members])).status_code == 201
    assert (await union.get("/members")).json()["total"] == 0
    assert (await (await world.union("U2")).get("/members")).json()["total"] == 1


async def test_who_waits_for_a_decision_cannot_go(world: World) -> None:
    pending = await world.union("U2")
    await pending.import_people(people(1, start=50))
    (waiting, transferring) = await world.members_of("U1", people(2))
    union = await world.union()
    await union.import_people([person(1, 学历="硕士")])
    await world.run("UPDATE members SET state = 'in_transfer' WHERE id = :id", id=transferring["id"])
    told = (await let_go(union, [waiting["id"], transferring["id"]])).json()["rows"]
    assert [row["reason"] for row in told] == ["该会员已有变更正在等待审核", "其他工会已申请转入该会员"]
    new = (await pending.get("/members")).json()["items"][0]["id"]
    (row,) = (await let_go(pending, [new])).json()["rows"]
    assert row["reason"] == "该会员的新增正在等待审核"


async def test_a_sheet_lets_go_with_a_reason_each_and_gives_a_result_sheet(world: World) -> None:
    members = await world.members_of("U1", people(3))
    union = await world.union()
    rows = [
        leaving(1, 转出原因="离职"),
        leaving(2, 会员编号=members[1]["number"], 备注="=1+1"),
        leaving(3, 转出原因=" 开除会籍 "),
    ]
    answer = await send(union, rows)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["kind"], made["rows"], made["file_name"]) == ("file", 3, "转出.xlsx")
    items = (await union.get(f"/transfer-outs/{made['id']}/items")).json()["items"]
    assert [(one["line"], one["reason"], one["note"]) for one in items] == [
        (2, "left", None),
        (3, "retired", "=1+1"),
        (4, "expelled", None),
    ]
    assert items[0]["document_number"] == f"3101****{identity_number(1)[-4:]}"
    only = (await union.get(f"/transfer-outs/{made['id']}/items", reason="retired")).json()
    assert (only["total"], only["items"][0]["number"]) == (1, members[1]["number"])
    body = (await union.get(f"/transfer-outs/{made['id']}/result.xlsx")).content
    sheet = openpyxl.load_workbook(io.BytesIO(body)).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[2][:6] == ["3", members[1]["number"], rows[1]["姓名"], items[1]["document_number"], "退休", "=1+1"]
    assert len(cells) == 4
    assert identity_number(2) not in str(cells)


async def test_every_bad_row_is_told_and_nobody_goes(world: World) -> None:
    members = await world.members_of("U1", people(4))
    await world.members_of("U2", [person(50)])
    union = await world.union()
    rows = [
        leaving(1),
        leaving(2, 姓名="测错名"),
        leaving(3, 转出原因="搬家"),
        leaving(50),
        leaving(4),
        leaving(4, 转出原因="死亡"),
        leaving(1, 证件号码=310101197001010019.0),
        leaving(1, 证件号码="", 转出原因=""),
        leaving(2, 会员编号=members[0]["number"]),
    ]
    answer = await send(union, rows)
    assert answer.status_code == 422
    problem = answer.json()
    told = {(row["line"], row["field"]): row["reason"] for row in problem["rows"]}
    assert told == {
        (3, "姓名"): "姓名与系统登记的不一致",
        (3, "证件号码"): "与第 10 行是同一会员",
        (4, "转出原因"): "转出原因不在可选范围内",
        (5, "证件号码"): "本工会没有这名会员",
        (6, "证件号码"): "与第 7 行是同一会员",
        (7, "证件号码"): "与第 6 行是同一会员",
        (8, "证件号码"): "证件号码是数字格式，末几位可能已丢失",
        (9, "证件号码"): "证件号码为空",
        (9, "转出原因"): "转出原因为空",
        (10, "会员编号"): "会员编号与系统登记的不一致",
        (10, "证件号码"): "与第 3 行是同一会员",
    }
    assert all(row["remedy"] for row in problem["rows"])
    assert {row["number"] for row in problem["rows"] if row["line"] == 5} == {f"3101****{identity_number(50)[-4:]}"}
    assert (await union.get("/members")).json()["total"] == 4
    assert await world.value("SELECT count(*) FROM transfer_out_items") == 0
    kept = (await union.get(f"/transfer-outs/{problem['transfer_out_id']}")).json()
    assert (kept["state"], kept["rows"], kept["bad_rows"]) == ("refused_by_check", 9, 8)
    body = (await union.get(problem["errors_sheet"])).content
    sheet = openpyxl.load_workbook(io.BytesIO(body)).active
    assert sheet is not None
    assert (
        sheet.cell(4, 6).value
        == "转出原因：转出原因不在可选范围内，请填写以下之一：离职、退休、离休、死亡、开除会籍、其他"
    )
    assert (await (await world.district()).get(problem["errors_sheet"])).status_code == 403
    assert (await (await world.union("U2")).get(problem["errors_sheet"])).status_code == 404


async def test_the_type_is_not_asked_and_fifteen_digits_find_eighteen(world: World) -> None:
    old = person(1, 证件号码="11010519491231002X", 性别="女", 出生日期="1949-12-31")
    foreign = person(2, 证件类型="护照", 证件号码="E12345678", 国籍="新加坡")
    await world.members_of("U1", [old, foreign])
    rows = [leaving(1, 证件号码="110105491231002"), leaving(2, 证件号码=" e12345678 ")]
    assert (await send(await world.union(), rows)).status_code == 201


async def test_the_same_post_twice_lets_go_once(world: World) -> None:
    members = await world.members_of("U1", people(2))
    union = await world.union()
    answers = await asyncio.gather(*(let_go(union, [members[0]["id"]], key="leaving-2020-01") for _ in range(3)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert await world.value("SELECT count(*) FROM transfer_outs") == 1
    first, again = [await send(union, [leaving(2)], key="leaving-2020-02") for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"


async def test_two_at_once_let_a_member_go_once(world: World) -> None:
    (member,) = await world.members_of("U1", people(1))
    unions = [await world.union(), await world.union(which=2)]
    answers = await asyncio.gather(*(let_go(union, [member["id"]]) for union in unions))
    assert sorted(one.status_code for one in answers) == [201, 422]
    assert await world.value("SELECT version FROM members") == 2


async def test_who_was_let_go_by_mistake_comes_back_by_import(world: World) -> None:
    (member,) = await world.members_of("U1", people(1))
    await let_go(await world.union(), [member["id"]], "other")
    (back,) = await world.members_of("U2", [person(1)])
    assert (back["id"], back["number"], back["state"]) == (member["id"], member["number"], "normal")
    assert await world.value("SELECT left_reason FROM members") is None


async def test_superiors_see_the_history_and_nobody_beside(world: World) -> None:
    members = await world.members_of("U1", people(1))
    made = (await let_go(await world.union(), [members[0]["id"]])).json()["id"]
    for caller, seen in (
        (await world.union(), 1),
        (await world.district(), 1),
        (await world.federation(), 1),
        (await world.union("U2"), 0),
        (await world.district("D2"), 0),
        (await world.second_level(), 0),
    ):
        assert (await caller.get("/transfer-outs")).json()["total"] == seen
        assert (await caller.get(f"/transfer-outs/{made}/items")).status_code == (200 if seen else 404)
    union = await world.union()
    assert (await union.get("/transfer-outs", state="refused_by_check")).json()["total"] == 0
    assert (await union.get("/transfer-outs", to_day="2001-01-01")).json()["total"] == 0
    assert (await let_go(await world.district(), [members[0]["id"]])).status_code == 403


async def test_nothing_that_names_a_person_is_stored_in_plain(world: World) -> None:
    (member,) = await world.members_of("U1", [person(7, 姓名="欧阳示例")])
    await send(await world.union(), [leaving(7, 姓名="欧阳示例"), leaving(8)], key="leaving-refused")
    await let_go(await world.union(), [member["id"]])
    tables = ("members", "transfer_outs", "transfer_out_items", "audit_log")
    stored = str([await world.rows(f"SELECT * FROM {name}") for name in tables])
    for secret in ("欧阳示例", identity_number(7)):
        assert secret not in stored


async def test_republishing_tells_of_members_without_a_union(world: World) -> None:
    members = await world.members_of("U1", people(3))
    await let_go(await world.union(), [members[0]["id"]])
    await world.run("DELETE FROM outbox")
    assert await republish(world.context) == (8, 3)
    told = [MembersChanged.model_validate(one.data) for one in await world.outbox(MembersChanged.TYPE)]
    assert [(one.union_id, len(one.members)) for one in told] == [(world.ids["U1"], 2), (None, 1)]
    assert told[1].members[0].union_id is None


async def test_the_template_lists_the_reasons(world: World) -> None:
    body = (await (await world.union()).get("/transfer-outs/template.xlsx")).content
    sheet = openpyxl.load_workbook(io.BytesIO(body))["转出会员"]
    assert [cell.value for cell in sheet[1]] == ["姓名", "证件号码", "转出原因", "会员编号", "说明"]
    choices = [one.formula1 for one in sheet.data_validations.dataValidation if one.type == "list"]
    assert choices == ['"离职,退休,离休,死亡,开除会籍,其他"']
