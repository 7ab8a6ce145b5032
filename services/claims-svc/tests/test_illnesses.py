"""The catalogue of illnesses: loaded from files, changed by two people."""

import shutil
from pathlib import Path

import pytest

from claims_svc.illnesses.load import BadCatalogue
from claims_svc.maintenance import load_illnesses
from claims_svc_testing import SAMPLES, Trial, member
from claims_svc_testing.filing import illness, policy
from unioncard.auth import Role

FOUR = {"malignant_tumour", "end_stage_renal_disease", "benign_brain_tumour", "major_transplant"}
# By hand from the sources: four are named in 2014, carcinoma in situ joins in 2020; the 12 and 22 of class B are
# nowhere named.
KNOWN = {
    (2014, "BASIC"): FOUR,
    (2019, "A"): FOUR,
    (2020, "A"): FOUR | {"carcinoma_in_situ"},
    (2020, "A+"): FOUR | {"carcinoma_in_situ"},
    (2020, "B"): {"carcinoma_in_situ"},
    (2020, "B+"): {"carcinoma_in_situ"},
}
WANTED = {
    "coverage_year": 2020,
    "class_code": "A",
    "code": "malignant_tumour",
    "name": "恶性肿瘤",
    "listed": False,
    "reason": "试行调整",
}


async def test_the_samples_hold_what_the_sources_name_and_nothing_else(trial: Trial) -> None:
    await trial.load_catalogue()
    found = await trial.ok("GET", "/illnesses")
    by_class: dict[tuple[int, str], set[str]] = {}
    for one in found["items"]:
        by_class.setdefault((one["coverage_year"], one["class_code"]), set()).add(one["code"])
    assert by_class == KNOWN
    assert found["sizes"] == {
        "2014 BASIC": 4,
        "2019 A": 4,
        "2019 B": 12,
        "2020 A": 4,
        "2020 A+": 4,
        "2020 B": 22,
        "2020 B+": 22,
    }


async def test_loading_twice_changes_nothing(trial: Trial) -> None:
    await trial.load_catalogue()
    loaded = await load_illnesses(trial.context.work, SAMPLES)
    assert (loaded.added, loaded.kept) == (0, 0)
    assert loaded.same == 7 + 2 * 4 + 2 * 5 + 2


async def test_a_row_that_says_something_else_is_refused_and_nothing_is_loaded(trial: Trial, tmp_path: Path) -> None:
    await trial.load_catalogue()
    shutil.copy(SAMPLES / "illnesses.csv", tmp_path)
    text = (tmp_path / "illnesses.csv").read_text(encoding="utf-8").replace("良性脑肿瘤", "脑肿瘤", 1)
    (tmp_path / "illnesses.csv").write_text(text + "2021,A,new_one,新病,test\n2021,a,X,,test\n", encoding="utf-8")
    with pytest.raises(BadCatalogue) as refused:
        await load_illnesses(trial.context.work, tmp_path)
    assert "illnesses.csv 第 4 行" in str(refused.value)
    assert "列 class" in str(refused.value)
    assert await trial.column("SELECT count(*) FROM illnesses WHERE coverage_year = 2021") == [0]


async def test_a_change_takes_two_people(trial: Trial) -> None:
    await trial.load_catalogue()
    change = await trial.ok("POST", "/illness-changes", WANTED, role=Role.FEDERATION, account=1)
    path, approval = f"/illness-changes/{change['id']}/decision", {"approve": True}
    own = await trial.call("POST", path, approval, role=Role.FEDERATION, account=1)
    assert (own.status_code, own.json()["type"]) == (403, "urn:unioncard:problem:four-eyes")
    listed = (
        "SELECT listed FROM illnesses WHERE coverage_year = 2020 AND class_code = 'A' AND code = 'malignant_tumour'"
    )
    assert await trial.column(listed) == [True]
    decided = await trial.ok("POST", path, approval, role=Role.FEDERATION, account=2)
    assert decided["state"] == "approved"
    assert await trial.column(listed) == [False]
    again = await trial.ok("POST", path, approval, role=Role.FEDERATION, account=2)
    assert again["decided_at"] == decided["decided_at"]
    other = await trial.call("POST", path, {"approve": False}, role=Role.FEDERATION, account=3)
    assert other.json()["type"] == "urn:unioncard:problem:already-decided"
    # Files do not undo what two people have decided.
    assert (await load_illnesses(trial.context.work, SAMPLES)).kept == 1


async def test_a_change_that_was_overtaken_cannot_be_approved(trial: Trial) -> None:
    await trial.load_catalogue()
    first = await trial.ok("POST", "/illness-changes", WANTED, role=Role.FEDERATION, account=1)
    second = await trial.ok(
        "POST", "/illness-changes", WANTED | {"name": "恶性肿瘤（重度）"}, role=Role.FEDERATION, account=1
    )
    decide = {"approve": True}
    await trial.ok("POST", f"/illness-changes/{first['id']}/decision", decide, role=Role.FEDERATION, account=2)
    late = await trial.call(
        "POST", f"/illness-changes/{second['id']}/decision", decide, role=Role.FEDERATION, account=2
    )
    assert late.json()["type"] == "urn:unioncard:problem:change-outdated"
    page = await trial.ok("GET", "/illness-changes?state=waiting", role=Role.FEDERATION)
    assert [one["id"] for one in page["items"]] == [second["id"]]


async def test_what_stands_already_is_no_change(trial: Trial) -> None:
    await trial.load_catalogue()
    response = await trial.call("POST", "/illness-changes", WANTED | {"listed": True}, role=Role.FEDERATION)
    assert response.json()["type"] == "urn:unioncard:problem:nothing-changes"


@pytest.mark.parametrize(
    ("class_code", "code", "state", "listed"),
    [
        ("A", "malignant_tumour", "incomplete", True),
        ("A", "carcinoma_in_situ", "incomplete", True),
        ("A", "gout", "refused", False),
        # Of class B's 22 only one is known: a person must look.
        ("B", "malignant_tumour", "incomplete", None),
        ("B", "carcinoma_in_situ", "incomplete", True),
    ],
)
async def test_an_unlisted_illness_is_refused_only_where_the_list_is_whole(
    trial: Trial, class_code: str, code: str, state: str, listed: bool | None
) -> None:
    await trial.load_catalogue()
    await trial.tell_members(member(1))
    number = await trial.file(illness(illness_code=code))
    assert (await trial.assess(number, policy(2020, class_code)))["state"] == state
    assert (await trial.claim(number))["listed"] is listed
