"""Who is covered when: what follows from lists and batches, lists of the covered, and one index lookup."""

from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from insurance_svc.policies import store
from insurance_svc.policies.rules import PolicyState, policy_state
from insurance_svc_testing import Trial, member
from insurance_svc_testing.submissions import refusal, season_2020, submit
from unioncard.principal import Role
from unioncard_testing.trial import OTHER_DISTRICT, SIBLING, STRANGER, UNION

BATCH = "CB201912280001"


async def put_batch(trial: Trial, state: str, enrolment_id: int) -> None:
    """The list's batch, as the district submitted it and the centre left it."""
    await trial.run(
        """INSERT INTO batches (number, district_id, district_code, scheme, coverage_year, state, lists, heads, fee_fen,
               subsidy_fen, district_fen, union_fen, credit_fen, due_fen, operator_name, operator_phone, operator_email,
               submitted_at, submitted_by, changed_at, due_on)
           SELECT :number, district_id, '363', scheme, coverage_year, :state, 1, heads, fee_fen, subsidy_fen,
               district_fen, union_fen, 0, district_fen + union_fen, '', '', '', submitted_at, 12, submitted_at,
               '2020-01-20'
           FROM enrolments WHERE id = :id""",
        number=BATCH,
        state=state,
        id=enrolment_id,
    )
    await trial.run(
        "UPDATE enrolments SET state = 'in_batch', batch_number = :number WHERE id = :id", number=BATCH, id=enrolment_id
    )


async def cover(trial: Trial, on: str, member_id: int = 1, **more: Any) -> dict[str, Any]:
    """The answer for a member and a day."""
    params = {"member_id": member_id, "on": on}
    answer: dict[str, Any] = await trial.ok("GET", "/cover", params=params, **more)
    return answer


@pytest.mark.parametrize(
    ("void", "list_state", "batch_state", "state"),
    [
        (False, "submitted", None, PolicyState.REVIEWING),
        (False, "basket", None, PolicyState.REVIEWING),
        (False, "in_batch", "reviewing", PolicyState.PROVISIONAL),
        (False, "in_batch", "passed", PolicyState.PROVISIONAL),
        (False, "in_batch", "written_off", PolicyState.DEFINITE),
        (True, "returned", None, PolicyState.VOID),
        (True, "voided", None, PolicyState.VOID),
    ],
)
def test_a_policys_state_follows(void: bool, list_state: str, batch_state: str | None, state: PolicyState) -> None:
    assert policy_state(void=void, list_state=list_state, batch_state=batch_state) is state


@pytest.mark.parametrize(
    ("batch", "on", "covered", "state"),
    [
        (None, "2020-01-01", False, "reviewing"),
        ("reviewing", "2020-01-01", True, "provisional"),
        ("passed", "2020-01-20", True, "provisional"),
        ("written_off", "2019-12-31", False, None),
        ("written_off", "2020-01-01", True, "definite"),
        ("written_off", "2020-06-30", True, "definite"),
        ("written_off", "2020-07-01", True, "definite"),
        ("written_off", "2020-12-31", True, "definite"),
        ("written_off", "2021-01-01", False, None),
    ],
)
async def test_cover_on_a_day(trial: Trial, batch: str | None, on: str, covered: bool, state: str | None) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    made = await submit(trial)
    if batch is not None:
        await put_batch(trial, batch, made["id"])
    answer = await cover(trial, on)
    assert (answer["covered"], answer["state"]) == (covered, state)
    mine = await trial.ok("GET", "/cover/mine", params={"on": on}, role=Role.MEMBER, member_id=1)
    assert mine == answer


async def test_cover_by_document_and_only_in_ones_tree(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    number = member(1)["document_number"]
    answer = await trial.ok("GET", "/cover", params={"document_number": f" {number.lower()} ", "on": "2020-05-01"})
    assert (answer["member_id"], answer["covered"], answer["legacy"]) == (1, False, False)
    assert (await refusal(trial, "GET", "/cover", organisation=SIBLING, params={"member_id": 1}))["status"] == 404
    other = await refusal(
        trial, "GET", "/cover", role=Role.DISTRICT, organisation=OTHER_DISTRICT, params={"member_id": 1}
    )
    assert other["status"] == 404
    assert (await refusal(trial, "GET", "/cover", params={"member_id": 1, "document_number": number}))["status"] == 422
    # Whoever has no union any more is seen from the root, and still covered.
    await trial.tell_members(member(1, version=2, union_id=None, state="without_union"))
    assert (await refusal(trial, "GET", "/cover", params={"member_id": 1}))["status"] == 404
    assert (await cover(trial, "2020-05-01", role=Role.FEDERATION))["member_id"] == 1


@pytest.mark.parametrize(
    ("on", "index"), [("2020-06-30", "policies_first_half"), ("2020-07-01", "policies_second_half")]
)
async def test_cover_is_one_index_lookup(trial: Trial, on: str, index: str) -> None:
    await season_2020(trial)
    await trial.enrollable(500)
    await submit(trial)
    await trial.run(
        "INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half, second_half)"
        " SELECT n, 1, 'full', '2020-01-01', '2020-12-31', 2020, 2020 FROM generate_series(1000, 20000) n"
    )
    async with trial.context.engine.connect() as conn:
        day = date.fromisoformat(on)
        query = store.COVER_IN_FIRST_HALF if day.month <= 6 else store.COVER_IN_SECOND_HALF
        values = {"member": 250, "year": day.year, "on": day}
        explain = sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}")
        plan = (await conn.execute(explain, values)).scalar_one()[0]["Plan"]
    on_policies = [node for node in nodes(plan) if node.get("Relation Name") == "policies"]
    assert [(node["Node Type"], node["Index Name"]) for node in on_policies] == [("Index Scan", index)]
    assert [(node["Actual Loops"], node["Actual Rows"]) for node in on_policies] == [(1, 1)]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes, from the root down."""
    return [plan, *(one for below in plan.get("Plans", []) for one in nodes(below))]


async def test_lists_of_the_covered(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(3)
    await trial.enrollable(1, first=50, union_id=SIBLING)
    first = await submit(trial, member_ids=[1, 2])
    await submit(trial, member_ids=[3])
    await submit(trial, union=SIBLING)
    await put_batch(trial, "written_off", first["id"])
    page = await trial.ok("GET", "/policies")
    assert [(one["member_id"], one["state_label"]) for one in page["items"]] == [
        (3, "审核中"),
        (2, "有效"),
        (1, "有效"),
    ]
    assert (page["total"], {tab["state"]: tab["members"] for tab in page["tabs"]}) == (
        3,
        {"reviewing": 1, "definite": 2},
    )
    assert "****" in page["items"][0]["document_number"]
    page = await trial.ok("GET", "/policies", params={"state": "definite", "limit": 1}, role=Role.DISTRICT)
    assert ([one["member_id"] for one in page["items"]], page["total"]) == ([2], 2)
    page = await trial.ok(
        "GET", "/policies", params={"state": "definite", "limit": 1, "after": page["next"]}, role=Role.DISTRICT
    )
    assert ([one["member_id"] for one in page["items"]], page["next"]) == ([1], None)
    for search in (
        {"name": "王芳"},
        {"number": member(1)["number"]},
        {"document_number": member(1)["document_number"]},
    ):
        page = await trial.ok("GET", "/policies", params=search)
        assert 1 in [one["member_id"] for one in page["items"]]
        assert 50 not in [one["member_id"] for one in page["items"]]
    assert (await trial.ok("GET", "/policies", role=Role.DISTRICT, organisation=OTHER_DISTRICT))["items"] == []


async def test_a_policy_goes_with_its_member_and_has_a_log(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    made = await submit(trial)
    await put_batch(trial, "written_off", made["id"])
    await trial.run(
        "UPDATE batches SET reviewed_at = '2019-12-30T10:00+08:00', written_off_at = '2020-01-10T10:00+08:00'"
    )
    await trial.tell_members(member(1, version=2, union_id=STRANGER))
    theirs = {"role": Role.UNION, "organisation": STRANGER}
    page = await trial.ok("GET", "/policies", params={"member_id": 1}, **theirs)
    assert [(one["union_id"], one["state"]) for one in page["items"]] == [(UNION, "definite")]
    shown = await trial.ok("GET", f"/policies/{page['items'][0]['id']}", **theirs)
    assert [entry["step"] for entry in shown["log"]] == [
        "工会提交至区局",
        "区局提交至市职保中心",
        "市职保中心审核通过",
        "核销，保障生效",
    ]
    assert shown["log"][1]["note"] == BATCH
    # The union that enrolled them keeps seeing what it paid for.
    assert (await trial.ok("GET", f"/policies/{page['items'][0]['id']}"))["member_id"] == 1
    await refusal(trial, "GET", f"/policies/{page['items'][0]['id']}", organisation=SIBLING)


async def test_policies_of_the_old_system_are_apart_and_undated(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    await trial.enrollable(1, first=50, union_id=SIBLING)
    await trial.run("INSERT INTO legacy_policies (number, member_id) VALUES ('OLD-2', 1), ('OLD-1', 1), ('OLD-3', 50)")
    page = await trial.ok("GET", "/policies/legacy")
    assert [one["policy_number"] for one in page["items"]] == ["OLD-1", "OLD-2"]
    assert not {"first_day", "last_day"} & set(page["items"][0])
    assert (await trial.ok("GET", "/policies"))["items"] == []
    answer = await cover(trial, "2020-05-01")
    assert (answer["covered"], answer["legacy"]) == (False, True)


async def test_sheets_are_text_and_in_the_audit(trial: Trial, tmp_path: Any) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    made = await submit(trial)
    wanted = {
        "/policies/export.xlsx": ("会员编号", "3630000001", 2),
        "/enrolments/export.xlsx": ("名单编号", made["id"], 1),
        f"/enrolments/{made['id']}/members.xlsx": ("会员编号", "3630000001", 2),
    }
    for path, (heading, value, rows) in wanted.items():
        response = await trial.call("GET", path)
        (tmp_path / "sheet.xlsx").write_bytes(response.content)
        page = load_workbook(tmp_path / "sheet.xlsx").active
        assert page is not None
        cells = list(page.iter_rows(values_only=True))
        assert (cells[0][0], len(cells) - 1) == (heading, rows)
        assert value in {row[0] for row in cells}
    actions = await trial.column("SELECT action FROM audit_log WHERE action LIKE '%exported' ORDER BY action")
    assert actions == ["enrolment.exported", "enrolments.exported", "policies.exported"]


async def test_the_notice_says_what_stands(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(4)
    year = {"coverage_year": 2020}
    assert (await refusal(trial, "GET", "/enrolments/notice", params=year))["code"] == "nothing-submitted"
    await submit(trial, member_ids=[1])
    await submit(trial, member_ids=[2, 3])
    notice = await trial.ok("GET", "/enrolments/notice", params=year)
    # Three heads of class A: 26 yuan each, 13 subsidised, 5 and 8 by district and union.
    assert (notice["heads"], notice["class_code"], notice["fee_fen"], notice["union_fen"]) == (3, "A", 7800, 2400)
    assert (notice["pay_until"], notice["first_day"], notice["last_day"]) == ("2019-12-31", "2020-01-01", "2020-12-31")
    assert "即时参保" in notice["when_late"]
    assert notice["made_on"] == datetime.date(trial.clock.at).isoformat()
    response = await trial.call("GET", "/enrolments/notice.pdf", params=year)
    assert (response.headers["content-type"], response.content[:5]) == ("application/pdf", b"%PDF-")
