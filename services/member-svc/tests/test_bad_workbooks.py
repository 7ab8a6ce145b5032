"""Files that cannot be taken as a whole: each a problem that says what to do, and nothing changed (domain 3)."""

import asyncio
import io
import random
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
import xlwt
from openpyxl.worksheet.worksheet import Worksheet

from member_svc.imports.template import template
from member_svc_testing.rosters import HEADERS, Row, people, person, workbook
from member_svc_testing.world import World


def xls(rows: list[Row], write: Callable[[xlwt.Worksheet], None] = lambda sheet: None) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("会员信息")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
        for line, row in enumerate(rows, start=1):
            sheet.write(line, column, row[name])
    write(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def edited(rows: list[Row], edit: Callable[[Worksheet], object]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(workbook(rows)))
    edit(book.worksheets[0])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def replaced(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one part of its archive changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def bomb() -> bytes:
    """A sheet that unpacks to 200 MB."""
    return replaced(
        workbook(people(1)), SHEET, lambda body: body.replace(b"<sheetData>", b"<sheetData>" + b" " * 200_000_000)
    )


def lying_bomb() -> bytes:
    """The same, with an archive that says that the sheet has 1,000 bytes."""
    content = bomb()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo(SHEET).file_size
    return content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))


def merge(sheet: Worksheet) -> None:
    sheet.merge_cells("F2:F3")


def formula(sheet: Worksheet) -> None:
    sheet["H3"] = '=IF(1=1,"本科","硕士")'


CASES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no bytes": (lambda: b"", "workbook-empty", "没有数据"),
    "text": (lambda: "姓名,证件号码\n张三,1".encode(), "workbook-not-excel", "不是 Excel"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), "workbook-not-excel", "不是 Excel"),
    "another archive": (lambda: zip_of("a.txt", b"hello"), "workbook-not-excel", "不是 Excel"),
    "half a file": (lambda: workbook(people(3))[:2000], "workbook-broken", "损坏"),
    "half an .xls": (lambda: xls(people(3))[:1500], "workbook-broken", "损坏"),
    "a damaged .xls": (lambda: xls(people(3))[:512] + bytes(4000), "workbook-broken", "损坏"),
    "only headers": (lambda: workbook([]), "workbook-empty", "没有数据"),
    "an empty sheet": (lambda: edited([], lambda sheet: sheet.delete_rows(1)), "workbook-empty", "没有数据"),
    "1,001 rows": (lambda: workbook(people(1001)), "too-many-rows", "1001 行"),
    "a bomb of 200 MB": (bomb, "workbook-too-large", "过大"),
    "merged cells": (lambda: edited(people(2), merge), "workbook-merged", "F2:F3"),
    "merged cells in .xls": (
        lambda: xls(people(2), lambda sheet: sheet.merge(4, 5, 0, 1)),
        "workbook-merged",
        "A5:B6",
    ),
    "a formula": (lambda: edited(people(2), formula), "workbook-formulas", "H3"),
    "a formula in .xls": (
        lambda: xls(people(2), lambda sheet: sheet.write(4, 5, xlwt.Formula("1+1"))),
        "workbook-formulas",
        "F5",
    ),
    "a cell at the end of the world": (
        lambda: edited(people(1), lambda sheet: sheet.cell(1_048_576, 16_384, "x")),
        "workbook-too-large",
        "过大",
    ),
    "missing headers": (
        lambda: workbook([{k: v for k, v in person(1).items() if k not in ("姓名", "学历")}]),
        "wrong-headers",
        "缺少：姓名、学历",
    ),
    "unknown headers": (lambda: workbook([person(1) | {"国藉": "中国"}]), "wrong-headers", "无法识别：国藉"),
    "a header twice": (lambda: workbook([person(1) | {"手机号": "13900000001"}]), "wrong-headers", "重复：移动电话"),
    "headers in line 2": (
        lambda: edited(people(1), lambda sheet: sheet.insert_rows(1)),
        "wrong-headers",
        "缺少：姓名",
    ),
}


def zip_of(name: str, body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, body)
    return out.getvalue()


@pytest.mark.parametrize("case", CASES)
async def test_the_file_is_refused_with_a_remedy_and_nothing_changes(world: World, case: str) -> None:
    make, code, word = CASES[case]
    answer = await (await world.union()).upload(make())
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, f"urn:unioncard:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in problem["title"] + problem["detail"]
    assert problem["detail"]
    for table in ("imports", "import_items", "members", "idempotency_keys", "outbox"):
        assert await world.value(f"SELECT count(*) FROM {table}") == (1 if table == "outbox" else 0), table


async def test_an_archive_that_lies_about_its_sizes_is_read_no_further_than_it_says(world: World) -> None:
    answer = await (await world.union()).upload(lying_bomb())
    assert answer.status_code == 422
    assert answer.json()["type"].removeprefix("urn:unioncard:problem:") in ("workbook-broken", "workbook-too-large")


async def test_no_damage_to_a_file_hurts_the_service(world: World) -> None:
    """Random bytes of sound files are overwritten; every answer is an import or a problem, never a 5xx."""
    rng = random.Random(20200101)
    union = await world.union()
    sound = [workbook(people(2)), xls(people(2, start=10))]

    async def one(number: int) -> int:
        content = bytearray(sound[number % 2])
        for _ in range(rng.choice((1, 5, 50))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        return (await union.upload(bytes(content))).status_code

    assert set(await asyncio.gather(*(one(number) for number in range(12)))) <= {201, 409, 422}


async def test_an_xls_file_is_taken(world: World) -> None:
    answer = await (await world.union()).upload(xls(people(3)), name="名册.xls")
    assert (answer.status_code, answer.json()["new_rows"]) == (201, 3)


async def test_a_large_xls_file_is_taken(world: World) -> None:
    answer = await (await world.union()).upload(xls(people(1000)), name="名册.xls")
    assert (answer.status_code, answer.json()["new_rows"]) == (201, 1000)


async def test_the_template_filled_in_is_taken(world: World) -> None:
    union = await world.union()
    downloaded = await union.get("/imports/template.xlsx")
    assert downloaded.content == template()
    book = openpyxl.load_workbook(io.BytesIO(downloaded.content))
    sheet = book["会员信息"]
    headers = [cell.value for cell in sheet[1]]
    row = person(1)
    for column, header in enumerate(headers, start=1):
        sheet.cell(2, column, row.get(str(header)))
    lists = [rule.sqref for rule in sheet.data_validations.dataValidation if rule.type == "list"]
    assert len(lists) == 6
    assert {str(places).split(":")[1][1:] for places in lists} == {"1001"}
    assert book.sheetnames == ["会员信息", "填写说明"]
    out = io.BytesIO()
    book.save(out)
    assert (await union.upload(out.getvalue())).status_code == 201


async def test_blank_lines_are_skipped_and_do_not_count(world: World) -> None:
    content = edited(people(2), lambda sheet: sheet.insert_rows(3, 5))
    answer = await (await world.union()).upload(content)
    assert (answer.status_code, answer.json()["rows"]) == (201, 2)
    district = await world.district()
    items = (await district.get(f"/imports/{answer.json()['id']}/items")).json()["items"]
    assert [item["line"] for item in items] == [2, 8]


async def test_a_body_over_20_mb_is_refused_before_it_is_read(world: World) -> None:
    answer = await (await world.union()).upload(bytes(21 * 1024 * 1024))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:unioncard:problem:body-too-large")
