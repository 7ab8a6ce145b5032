"""Cards of the previous system: loaded once, logged, told to readers, and apart from those made here."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from card_svc.legacy.loading import load_cards
from card_svc.legacy.rules import LegacyCard, read_line
from card_svc_testing import Trial, card_number, member
from unioncard.bulk import Loaded
from unioncard.chunks import Reject
from unioncard.principal import Role
from unioncard_testing.trial import FEDERATION, SIBLING, UNION

TODAY = date(2024, 4, 29)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "cards.csv"
    path.write_text("\n".join(["member_number,card_number,numbered_on", *lines, ""]), encoding="utf-8")
    return path


async def load(trial: Trial, path: Path, wait_s: float = 0.0) -> Loaded:
    return await load_cards(trial.context, path, path.parent / "rejects", wait_s=wait_s)


@pytest.mark.parametrize(
    ("number", "day", "column"),
    [
        ("6299 9900 0000 0000 001", "2018-05-31", None),
        ("62999900", "2018-05-31", "card_number"),
        ("6.29999E+18", "2018-05-31", "card_number"),
        (card_number(1), "2018-02-30", "numbered_on"),
        (card_number(1), "2024-04-29", None),
        (card_number(1), "2024-04-30", "numbered_on"),
        (card_number(1), "", "numbered_on"),
    ],
)
def test_lines(number: str, day: str, column: str | None) -> None:
    found = read_line(2, {"card_number": number, "numbered_on": day}, TODAY)
    assert isinstance(found, LegacyCard) if column is None else isinstance(found, Reject) and found.column == column


async def test_loaded_cards_are_issued_logged_and_told(trial: Trial, tmp_path: Path) -> None:
    await trial.tell_members(member(1), member(2, union_id=SIBLING), member(3, union_id=None, state="without_union"))
    lines = [f"363000000{n},{card_number(n)},2018-05-3{n - 1}" for n in (1, 2)]
    loaded = await load(trial, write(tmp_path, *lines, f"3630000003,{card_number(3)},2019-01-01"))
    assert (loaded.loaded, loaded.rejected) == (3, 0)
    (row,) = (await trial.ok("GET", "/cards"))["items"]
    assert (row["state"], row["channel"]) == ("issued", None)
    told = {one.data["union_id"]: one.data["cards"] for one in await trial.sent("card.cards.changed.v1")}
    expected = {"member_id": 1, "version": 1, "state": "issued", "numbered_on": "2018-05-30"}
    assert told[UNION] == [expected | {"number_end": card_number(1)[-4:]}]
    assert sorted(told) == [0, UNION, SIBLING]
    (entry,) = (await trial.ok("GET", "/cards/1/log"))["items"]
    assert entry["reason"] == "由原系统迁入"
    path = "/reconciliation/summary"
    summary = await trial.ok("GET", path, role=Role.FEDERATION, organisation=FEDERATION)
    assert (summary["legacy_cards"], summary["card_numbers"], summary["cards_astray"]) == (3, 0, 0)
    (stored,) = await trial.column("SELECT card_number FROM cards WHERE member_id = 1")
    assert stored.startswith("v1.")


async def test_what_does_not_fit_is_rejected_and_the_rest_loaded_once(trial: Trial, tmp_path: Path) -> None:
    await trial.listed(1, first=5)
    await trial.tell_members(*(member(n) for n in (1, 2, 3)))
    path = write(
        tmp_path,
        f"3630000001,{card_number(1)},2018-05-31",
        f"3630000002,{card_number(1)},2018-05-31",
        f"3630000001,{card_number(1)},2018-05-31",
        f"3630000001,{card_number(7)},2018-05-31",
        f"3630000005,{card_number(5)},2018-05-31",
        f"3630000009,{card_number(9)},2018-05-31",
        f"3630000003,{card_number(3)},2018-05-31",
    )
    loaded = await load(trial, path)
    assert (loaded.loaded, loaded.known, loaded.rejected) == (2, 1, 4)
    assert loaded.rejects is not None
    wrong = [line.split(",")[:2] for line in loaded.rejects.read_text(encoding="utf-8").splitlines()[1:]]
    assert wrong == [["3", "card_number"], ["5", "member_number"], ["6", "member_number"], ["7", "member_number"]]
    again = await load(trial, path)
    assert (again.loaded, again.resumed) == (2, 7)
    assert len(await trial.column("SELECT 1 FROM card_log WHERE step = 'issued'")) == 2


async def test_members_on_their_way_are_waited_for(trial: Trial, tmp_path: Path) -> None:
    path = write(tmp_path, *(f"363000000{n},{card_number(n)},2018-05-31" for n in (1, 2)))
    loading = asyncio.create_task(load(trial, path, wait_s=60.0))
    await trial.tell_members(member(1))
    await trial.tell_members(member(2))
    assert (await loading).loaded == 2
