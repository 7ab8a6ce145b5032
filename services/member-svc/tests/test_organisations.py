"""The tree from a file: whole or not at all, any number of times (domain 1, 2)."""

from pathlib import Path

import pytest

from member_svc.csv_files import BadFile
from member_svc.organisations.loading import load_organisations
from member_svc_testing.world import ORGANISATIONS, World
from unioncard.contracts.members import OrganisationsChanged

SAMPLES = Path(__file__).parents[1] / "samples"
HEADER = ORGANISATIONS.splitlines()[0]


async def load(world: World, path: Path, text: str) -> tuple[int, int]:
    path.write_text(text, encoding="utf-8")
    loaded = await load_organisations(world.context, path)
    return loaded.lines, loaded.changed


async def test_paths_kinds_and_district_codes_follow_from_the_tree(world: World) -> None:
    rows = {row["code"]: row for row in await world.rows("SELECT * FROM organisations")}
    ids = world.ids
    assert rows["U3"]["path"] == f"/{ids['SH']}/{ids['D1']}/{ids['S1']}/{ids['U3']}/"
    assert (rows["U3"]["kind"], rows["U3"]["district_code"]) == ("district", "363")
    assert (rows["U4"]["kind"], rows["U4"]["district_code"]) == ("bureau", "301")
    assert (rows["SH"]["kind"], rows["SH"]["district_code"]) == ("federation", None)
    assert [code for code, row in rows.items() if row["central_enterprise"]] == ["U4"]
    assert "张三" not in str(rows)


async def test_loading_the_same_file_again_changes_nothing(world: World, tmp_path: Path) -> None:
    before = await world.rows("SELECT * FROM organisations ORDER BY id")
    messages = len(await world.outbox(OrganisationsChanged.TYPE))
    assert await load(world, tmp_path / "again.csv", ORGANISATIONS) == (8, 0)
    after = await world.rows("SELECT * FROM organisations ORDER BY id")
    assert [{**row, "head_name_enc": 0, "head_phone_enc": 0} for row in after] == [
        {**row, "head_name_enc": 0, "head_phone_enc": 0} for row in before
    ]
    assert len(await world.outbox(OrganisationsChanged.TYPE)) == messages


async def test_a_file_may_hold_only_what_is_new_or_changed(world: World, tmp_path: Path) -> None:
    text = f"{HEADER}\nU1,D1,union,,,示例一厂工会（新名）,,91110000600037341l,,\nU9,S1,union,,,示例九厂工会,,,,\n"
    assert await load(world, tmp_path / "more.csv", text) == (2, 2)
    assert await world.value("SELECT count(*) FROM organisations") == 9
    event = OrganisationsChanged.model_validate((await world.outbox(OrganisationsChanged.TYPE))[-1].data)
    assert {(one.name, one.credit_code, one.version) for one in event.organisations} == {
        ("示例一厂工会（新名）", "91110000600037341L", 2),
        ("示例九厂工会", None, 1),
    }


async def test_when_a_branch_moves_everything_below_moves_with_it(world: World, tmp_path: Path) -> None:
    text = f"{HEADER}\nS1,D2,second_level,,,示例联合工会,1,,,\n"
    assert await load(world, tmp_path / "move.csv", text) == (1, 2)
    row = (await world.rows("SELECT * FROM organisations WHERE code = 'U3'"))[0]
    ids = world.ids
    assert row["path"] == f"/{ids['SH']}/{ids['D2']}/{ids['S1']}/{ids['U3']}/"
    assert (row["kind"], row["district_code"], row["central_enterprise"], row["version"]) == ("bureau", "301", True, 2)


BAD: dict[str, tuple[str, int, str]] = {
    "no such parent": ("X1,NO,union,,,某工会,,,,", 2, "parent_code"),
    "a union below a union": ("X1,U1,union,,,某工会,,,,", 2, "parent_code"),
    "a union below the federation": ("X1,SH,union,,,某工会,,,,", 2, "parent_code"),
    "a second federation": ("X1,,federation,,,某总工会,,,,", 2, "level"),
    "a district without code": ("X1,SH,district,district,,某区,,,,", 2, "district_code"),
    "a district code that is taken": ("X1,SH,district,district,363,某区,,,,", 2, "district_code"),
    "a district without kind": ("X1,SH,district,,555,某区,,,,", 2, "kind"),
    "a union with a kind": ("X1,D1,union,bureau,,某工会,,,,", 2, "kind"),
    "an unknown level": ("X1,D1,club,,,某工会,,,,", 2, "level"),
    "a level that changes": ("U1,D1,second_level,,,某工会,,,,", 2, "level"),
    "a district code that changes": ("D1,SH,district,district,364,某区,,,,", 2, "district_code"),
    "no name": ("X1,D1,union,,,,,,,", 2, "name"),
    "a credit code with a wrong check character": ("X1,D1,union,,,某工会,,81310000MC00000119,,", 2, "credit_code"),
    "a phone that is none": ("X1,D1,union,,,某工会,,,,call me", 2, "head_phone"),
    "central is neither yes nor no": ("X1,D1,union,,,某工会,maybe,,,", 2, "central_enterprise"),
    "a code twice": ("X1,D1,union,,,某工会,,,,\nX1,D1,union,,,某工会,,,,", 3, "code"),
    "a ring": ("S1,S2,second_level,,,甲,,,,\nS2,S1,second_level,,,乙,,,,", 2, "parent_code"),
    "too many cells": ("X1,D1,union,,,某,工会,,,,,", 2, "head_phone"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_line_is_named_and_nothing_is_applied(world: World, tmp_path: Path, case: str) -> None:
    lines, number, column = BAD[case]
    good = "G1,D1,union,,,好工会,,,,"
    with pytest.raises(BadFile) as refused:
        await load(world, tmp_path / "bad.csv", f"{HEADER}\n{lines}\n{good}\n")
    assert (number, column) in [(one.line, one.column) for one in refused.value.lines]
    assert all(one.reason and one.remedy for one in refused.value.lines)
    assert await world.value("SELECT count(*) FROM organisations") == 8
    assert await world.value("SELECT count(*) FROM organisation_staging") == 8


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "表头不符"),
        (b"code,name\nX,Y\n", "缺少 parent_code"),
        ((HEADER + ",extra\n").encode(), "多出 extra"),
        ((HEADER + "\nX1,D1,union,,,某工会,,,,\n").encode("gbk"), "UTF-8"),
        (HEADER.encode() + b"\n", "没有组织"),
    ],
)
async def test_a_file_that_is_none(world: World, tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile) as refused:
        await load_organisations(world.context, path)
    assert word in str(refused.value)


async def test_thousands_are_loaded_in_messages_of_at_most_a_thousand(world: World, tmp_path: Path) -> None:
    lines = [f"M{n},D1,union,,,示例第{n}号工会,,,," for n in range(2500)]
    assert await load(world, tmp_path / "many.csv", "\n".join([HEADER, *lines])) == (2500, 2500)
    events = [OrganisationsChanged.model_validate(e.data) for e in await world.outbox(OrganisationsChanged.TYPE)]
    assert sum(len(event.organisations) for event in events) == 2508
    assert max(len(event.organisations) for event in events) <= 1000


async def test_the_samples_load(world: World) -> None:
    with pytest.raises(BadFile) as refused:
        await load_organisations(world.context, SAMPLES / "organisations.csv")
    # On top of the tests' tree its districts collide; nothing else is wrong with it.
    assert {one.column for one in refused.value.lines} == {"district_code"}


async def test_staff_see_their_part_of_the_tree(world: World) -> None:
    async def codes(code: str) -> set[str]:
        caller = await world.union(code) if code.startswith("U") else await world.district(code)
        return {one["code"] for one in (await caller.get("/organisations")).json()["items"]}

    assert await codes("U1") == {"U1"}
    assert await codes("D1") == {"D1", "S1", "U1", "U2", "U3"}
    federation = await world.federation()
    assert (await federation.get("/organisations")).json()["total"] == 8
    listed = (await federation.get("/organisations", level="union", district_code="363", name="厂")).json()
    assert [one["code"] for one in listed["items"]] == ["U1", "U2", "U3"]


async def test_a_union_sees_its_direct_superior_and_its_first_level(world: World) -> None:
    """G19 27."""
    seen = (await (await world.union("U3")).get(f"/organisations/{world.ids['U3']}")).json()
    assert (seen["superior"]["name"], seen["first_level"]["name"]) == ("示例联合工会", "示例区总工会")
    own = (await (await world.union("U1")).get(f"/organisations/{world.ids['U1']}")).json()
    assert (own["head_name"], own["head_phone"]) == ("张三", "021-50000001")
    assert (await (await world.union("U1")).get(f"/organisations/{world.ids['U2']}")).status_code == 404
