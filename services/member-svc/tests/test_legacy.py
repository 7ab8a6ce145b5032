"""Members of the previous system: the roster's rules, loaded once, told to readers, rejects with their reasons."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest

from member_svc.imports.columns import COLUMNS
from member_svc.legacy.loading import load_members
from member_svc.legacy.rules import OPTIONAL, REQUIRED, LegacyMember, read_line
from member_svc.members.sealing import ENCRYPTED
from member_svc_testing.rosters import identity_number, person
from member_svc_testing.world import World
from unioncard import bulk, chunks
from unioncard.bulk import Loaded
from unioncard.chunks import BadSource, Reject
from unioncard.contracts.members import MembersChanged
from unioncard.keys import load_keys
from unioncard.messaging.envelope import MAX_MESSAGE_BYTES

TODAY = date(2020, 6, 15)
HEADER = (*REQUIRED, *OPTIONAL)
_FIELDS = {column.header: column.field.value for column in COLUMNS}


def line(serial: int, union: str = "U1", **cells: str) -> dict[str, str]:
    """A sound line for a person of the rosters."""
    row = {_FIELDS[header]: str(cell) for header, cell in person(serial).items()}
    return row | {"number": f"363{serial:07d}", "union_code": union, "kind": "", "left_reason": ""} | cells


def lines(count: int, start: int = 1, union: str = "U1") -> list[dict[str, str]]:
    return [line(serial, union) for serial in range(start, start + count)]


def write(folder: Path, rows: Sequence[Mapping[str, str]], name: str = "members.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


async def load(world: World, path: Path, folder: Path) -> Loaded:
    return await load_members(world.context, path, folder / "rejects", workers=1)


def rejected(loaded: Loaded) -> list[dict[str, str]]:
    assert loaded.rejects is not None
    return list(csv.DictReader(io.StringIO(loaded.rejects.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"sex": "女"},
        {"birth_date": "1970-02-30"},
        {"birth_date": "1970/1/1"},
        {"document_number": identity_number(1)[:17] + ("1" if identity_number(1)[17] != "1" else "2")},
        {"document_number": identity_number(1).lower()},
        {"document_number": identity_number(2)},
        {"name": " 张　三 "},
        {"name": "阿不都·热合曼"},
        {"name": "张"},
        {"name": "张3"},
        {"mobile": "+86 139-0000-0001"},
        {"mobile": "12900000001"},
        {"address": "上海市 示例路\u200b1号"},
        {"address": ""},
        {"nationality": "新加坡"},
        {"nationality": ""},
        {"education": "私塾"},
        {"post": ""},
        {"document_type": "护照", "document_number": "e1234 5678", "nationality": ""},
    ],
)
def test_the_short_look_says_what_the_rosters_check_says(
    cells: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = line(1, **cells)
    quick = read_line(7, row, {"U1": 5}, TODAY)
    monkeypatch.setattr("member_svc.legacy.rules._plain", lambda *_: None)
    assert quick == read_line(7, row, {"U1": 5}, TODAY)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"number": "36300001"}, "number"),
        ({"union_code": "U99"}, "union_code"),
        ({"kind": "retired"}, "kind"),
        ({"left_reason": "退休"}, "left_reason"),
        ({"union_code": "", "left_reason": "搬家"}, "left_reason"),
        ({"document_expiry": "2019-02-30"}, "document_expiry"),
        ({"name": "", "mobile": "1"}, "name、mobile"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(cells: dict[str, str], column: str) -> None:
    found = read_line(7, line(1, **cells), {"U1": 5}, TODAY)
    assert isinstance(found, Reject)
    assert (found.line, found.column) == (7, column)
    assert found.reason
    assert found.remedy


def test_expired_documents_and_members_without_union_are_taken() -> None:
    cells = {"document_expiry": "2011-05-31", "union_code": "", "left_reason": "退休", "kind": "flexible"}
    found = read_line(7, line(1, **cells), {"U1": 5}, TODAY)
    assert isinstance(found, LegacyMember)
    assert (found.document_expiry, found.union_id, found.left_reason, found.kind) == (
        date(2011, 5, 31),
        None,
        "retired",
        "flexible",
    )


async def test_loaded_members_are_members_and_readers_learn_of_them(world: World, tmp_path: Path) -> None:
    rows = [line(1), line(2, "U2"), line(3, "", left_reason="died"), line(4, name="欧阳示例")]
    loaded = await load(world, write(tmp_path, rows), tmp_path)
    assert (loaded.lines, loaded.loaded, loaded.rejected, loaded.rejects, loaded.exit_code) == (4, 4, 0, None, 0)
    members = (await (await world.union()).get("/members")).json()["items"]
    assert [(one["number"], one["state"]) for one in members] == [("3630000001", "normal"), ("3630000004", "normal")]
    assert members[1]["name"] == "欧阳示例"
    (gone,) = await world.rows("SELECT * FROM members WHERE union_id IS NULL")
    assert (gone["state"], gone["left_reason"], gone["version"]) == ("without_union", "died", 1)
    opener = load_keys(world.context.settings.keys_file.with_name("card-svc.json")).transport_opener()
    told = {}
    for envelope in await world.outbox(MembersChanged.TYPE):
        event = MembersChanged.model_validate(envelope.data)
        seal = opener.open(event.seal)
        for one in event.members:
            assert one.union_id == event.union_id
            told[one.number] = {name: seal.decrypt(name, one.id, getattr(one, name)) for name in ENCRYPTED}
    assert sorted(str(number) for number in told) == [f"363000000{n}" for n in range(1, 5)]
    assert told["3630000004"]["name"] == "欧阳示例"
    assert told["3630000002"]["document_number"] == identity_number(2)
    (entry,) = await world.rows("SELECT after FROM audit_log WHERE action = 'members.load-legacy'")
    assert entry["after"] == {"loaded": 4, "known": 0, "rejected": 0}


async def test_new_members_are_numbered_behind_the_loaded_ones(world: World, tmp_path: Path) -> None:
    await load(world, write(tmp_path, lines(3, start=41)), tmp_path)
    members = await world.members_of("U1", [person(90)])
    assert [one["number"] for one in members] == [f"36300000{n}" for n in (41, 42, 43, 44)]


async def test_rejects_can_be_mended_and_loaded_in_their_turn(world: World, tmp_path: Path) -> None:
    rows = [
        line(1),
        line(2, mobile="12"),
        line(3, number="3630000001"),
        line(4, document_number=identity_number(1), birth_date="1970-01-01", sex="男"),
        line(1),
        line(5, address='示例路"1"号, 甲'),
        line(6, union_code="D1"),
    ]
    path = write(tmp_path, rows)
    with path.open("ab") as file:
        file.write('3630000009,"U1\n3630000008,U1,缺列\n'.encode())
        file.write(b"\xff\xfe\n\n")
    loaded = await load(world, path, tmp_path)
    assert (loaded.lines, loaded.loaded, loaded.known, loaded.rejected) == (11, 2, 1, 7)
    wrong = rejected(loaded)
    assert [(one["reject_line"], one["reject_column"]) for one in wrong] == [
        ("3", "mobile"),
        ("4", "number"),
        ("5", "document_number"),
        ("8", "union_code"),
        ("9", "number"),
        ("10", "left_reason"),
        ("11", "number"),
    ]
    assert oct(loaded.rejects.stat().st_mode & 0o777) == "0o600" if loaded.rejects else False
    assert wrong[0]["mobile"] == "12"
    mended = loaded.rejects
    assert mended is not None
    mended.write_text(mended.read_text(encoding="utf-8").replace(",12,", ",13900000002,"), encoding="utf-8")
    again = await load(world, mended, tmp_path)
    assert (again.loaded, again.rejected) == (1, 6)
    assert await world.value("SELECT count(*) FROM members") == 3


async def test_a_load_that_was_killed_goes_on_where_it_was(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1000)
    rows = [*lines(40), line(41, mobile="1"), *lines(40, start=42)]
    path = write(tmp_path, rows)
    noted, real = 0, bulk.note

    async def note(*arguments: object) -> None:
        nonlocal noted
        noted += 1
        if noted > 3:
            raise ConnectionError("killed")
        await real(*arguments)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(bulk, "note", note)
    with pytest.raises(ExceptionGroup):
        await load(world, path, tmp_path)
    assert await world.value("SELECT count(*) FROM bulk_chunks") == 3
    monkeypatch.setattr(bulk, "note", real)
    loaded = await load(world, path, tmp_path)
    assert (loaded.loaded, loaded.rejected) == (80, 1)
    assert 0 < loaded.resumed < 81
    assert await world.value("SELECT count(*) FROM members") == 80
    assert [one["reject_line"] for one in rejected(loaded)] == ["42"]
    events = [MembersChanged.model_validate(one.data) for one in await world.outbox(MembersChanged.TYPE)]
    assert sorted(one.number or "" for event in events for one in event.members) == sorted(
        row["number"] for row in rows if row["mobile"] != "1"
    )
    once_more = await load(world, path, tmp_path)
    assert (once_more.loaded, once_more.resumed, once_more.rejected) == (80, 81, 1)
    assert rejected(once_more) == rejected(loaded)
    assert sorted(os.listdir(tmp_path / "rejects")) == ["members.rejects.csv"]


async def test_events_hold_a_thousand_of_one_union_and_fit(world: World, tmp_path: Path) -> None:
    long = [line(n, name="测" * 100, address="址" * 100) for n in range(5001, 6001)]
    await load(world, write(tmp_path, [*lines(2100), *lines(5, start=3001, union="U2"), *long]), tmp_path)
    envelopes = await world.outbox(MembersChanged.TYPE)
    assert all(len(one.encode()) <= MAX_MESSAGE_BYTES for one in envelopes)
    events = [MembersChanged.model_validate(one.data) for one in envelopes]
    assert sorted(len(event.members) for event in events if event.union_id == world.ids["U2"]) == [5]
    assert sum(len(event.members) for event in events) == 3105
    assert len({event.seal["card-svc"] for event in events}) == len(events)


async def test_a_file_that_is_none_is_refused_whole(world: World, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("number,name,colour\n", encoding="utf-8")
    with pytest.raises(BadSource, match="colour"):
        await load(world, path, tmp_path)
    with pytest.raises(BadSource, match="无法读取"):
        await load(world, tmp_path / "none.csv", tmp_path)
