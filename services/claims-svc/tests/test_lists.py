"""Lists, sheets and statistics of claims, and signs that a claim deserves a second look."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from claims_svc_testing import Trial, member
from claims_svc_testing.filing import death, disability, illness, policy, stay
from claims_svc_testing.review import SECOND, act, appeal, confirm, decide, pay, reviewable
from unioncard.auth import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER

MONEY = ("claimed_fen", "paid_fen", "pending_fen", "refused_fen", "given_up_fen")


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Members 1 to 3 of UNION, 4 of SIBLING, 5 of STRANGER; the catalogue that comes with the service."""
    await trial.tell_members(member(1), member(2, name="李娜"), member(3))
    await trial.tell_members(member(4, union_id=SIBLING))
    await trial.tell_members(member(5, union_id=STRANGER))
    await trial.load_catalogue()
    return trial


def strange(**changed: Any) -> Any:
    """A policy of the other district."""
    return policy(**{"union_id": STRANGER, "district_id": OTHER_DISTRICT, "policy_id": 55} | changed)


@pytest.fixture
async def five(claims: Trial) -> dict[str, str]:
    """One paid, one paid in part, one refused, one withdrawn, one that waits for papers at another union."""
    paid = await reviewable(claims, illness(1), policy())
    part = await reviewable(claims, stay(2), policy(policy_id=2))
    refused = await reviewable(claims, disability(3), policy(policy_id=3))
    withdrawn = await claims.file(illness(4), organisation=SIBLING)
    await claims.assess(withdrawn, policy(2020, "A", policy_id=4))
    claims.clock.at = datetime.fromisoformat("2020-03-12T09:00:00+08:00")
    waiting = await claims.file(illness(5), organisation=STRANGER)
    await claims.assess(waiting, strange())
    await decide(claims, paid)
    less = [{"policy_id": 2, "approved_fen": 48_000}]
    await decide(claims, part, amounts=less, reasons=["days-not-proven"])
    await decide(claims, refused, approve=False, reasons=["not-total-disability"])
    await confirm(claims, refused)
    await claims.ok("POST", f"/claims/{withdrawn}/withdrawal", {"reason": "重复申请"}, organisation=SIBLING)
    await pay(claims)
    return {"paid": paid, "part": part, "refused": refused, "withdrawn": withdrawn, "waiting": waiting}


def cells(content: bytes) -> list[tuple[Any, ...]]:
    """The rows of a workbook's only page."""
    return list(openpyxl.load_workbook(BytesIO(content)).worksheets[0].iter_rows(values_only=True))


async def listed(trial: Trial, role: Role = Role.FEDERATION, **more: Any) -> dict[str, Any]:
    return dict(await trial.ok("GET", "/claims", role=role, **more))


async def test_money_is_paid_awaited_refused_or_given_up(claims: Trial, five: dict[str, str]) -> None:
    page = await listed(claims)
    rows = {one["number"]: tuple(one[name] for name in MONEY) for one in page["items"]}
    assert rows == {
        five["paid"]: (2_000_000, 2_000_000, 0, 0, 0),
        five["part"]: (60_000, 48_000, 0, 12_000, 0),
        five["refused"]: (3_000_000, 0, 0, 3_000_000, 0),
        five["withdrawn"]: (1_000_000, 0, 0, 0, 1_000_000),
        five["waiting"]: (2_000_000, 0, 2_000_000, 0, 0),
    }
    totals = page["totals"]
    assert tuple(totals[name] for name in MONEY) == (8_060_000, 2_048_000, 2_000_000, 3_012_000, 1_000_000)
    assert {one["state"]: one["claims"] for one in page["tabs"]} == {
        "incomplete": 1, "paid": 2, "refused": 1, "withdrawn": 1,
    }  # fmt: skip
    # The latest day first, of one day the highest number.
    order = [five[name] for name in ("waiting", "withdrawn", "refused", "part", "paid")]
    assert [one["number"] for one in page["items"]] == order


async def test_pages_follow_each_other(claims: Trial, five: dict[str, str]) -> None:
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = await listed(claims, params=query)
        assert (page["totals"] is None) == (after is not None)
        seen += [one["number"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [five[name] for name in ("waiting", "withdrawn", "refused", "part", "paid")]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"state": "paid"}, ["part", "paid"]),
        ({"benefit": "accident"}, ["refused"]),
        ({"name": " 李 娜 "}, ["part"]),
        ({"member_number": "3630000003"}, ["refused"]),
        ({"member_id": 1}, ["paid"]),
        ({"union_id": SIBLING}, ["withdrawn"]),
        ({"union_name": "贸易"}, ["withdrawn"]),
        ({"district_id": OTHER_DISTRICT}, ["waiting"]),
        ({"class_code": "A"}, ["withdrawn"]),
        ({"coverage_year": 2019}, []),
        ({"payee": "own_card", "filed_from": "2020-03-11"}, ["waiting"]),
        ({"filed_until": "2020-03-11"}, ["withdrawn", "refused", "part", "paid"]),
        # 30 days from 12 March: 11 April is the last one
        ({"due_until": "2020-04-11"}, ["waiting"]),
        ({"due_until": "2020-04-10"}, []),
        ({"district_stamp": True}, []),
    ],
    ids=str,
)
async def test_filters(claims: Trial, five: dict[str, str], query: dict[str, Any], names: Sequence[str]) -> None:
    page = await listed(claims, params=query)
    assert [one["number"] for one in page["items"]] == [five[name] for name in names]
    assert page["total"] == page["totals"]["claims"] == len(names)


async def test_the_document_is_found_however_it_is_typed_and_shown_masked(claims: Trial, five: dict[str, str]) -> None:
    number = member(2)["document_number"]
    page = await listed(claims, params={"document_number": f" {number.lower()} "})
    (row,) = page["items"]
    assert row["number"] == five["part"]
    assert number not in str(row)
    assert row["member_document"].startswith(number[:4])


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        ({"role": Role.UNION}, ["refused", "part", "paid"]),
        ({"role": Role.UNION, "organisation": SIBLING}, ["withdrawn"]),
        ({"role": Role.UNION, "organisation": STRANGER}, ["waiting"]),
        ({"role": Role.SECOND_LEVEL}, ["withdrawn", "refused", "part", "paid"]),
        ({"role": Role.DISTRICT}, ["withdrawn", "refused", "part", "paid"]),
        ({"role": Role.DISTRICT, "organisation": OTHER_DISTRICT}, ["waiting"]),
        ({"role": Role.CENTRE_PAYER}, ["waiting", "withdrawn", "refused", "part", "paid"]),
    ],
    ids=str,
)
async def test_everybody_sees_what_lies_below(
    claims: Trial, five: dict[str, str], caller: dict[str, Any], names: Sequence[str]
) -> None:
    page = dict(await claims.ok("GET", "/claims", **caller))
    assert [one["number"] for one in page["items"]] == [five[name] for name in names]
    assert page["total"] == len(names)


async def test_the_sheet_says_the_same(claims: Trial, five: dict[str, str]) -> None:
    response = await claims.call("GET", "/claims/export.xlsx?state=paid", role=Role.DISTRICT)
    rows = cells(response.content)
    assert rows[0][:3] == ("申请编号", "会员编号", "姓名")
    assert [row[0] for row in rows[1:]] == [five["part"], five["paid"]]
    money = rows[0].index("申请金额")
    assert rows[1][money : money + 4] == ("600.00", "480.00", "0.00", "120.00")
    assert member(2)["document_number"] not in str(rows)
    log = await claims.ok("GET", "/audit-log?action=claims.exported", role=Role.FEDERATION)
    assert [one["after"] for one in log["items"]] == [{"rows": 2}]


async def test_reading_the_list_is_logged(claims: Trial, five: dict[str, str]) -> None:
    await listed(claims, Role.DISTRICT)
    log = await claims.ok("GET", "/audit-log?action=claims.listed", role=Role.FEDERATION)
    assert [(one["organisation_id"], one["after"]) for one in log["items"]] == [(DISTRICT, {"rows": 4})]


async def test_statistics(claims: Trial, five: dict[str, str]) -> None:
    found = await claims.ok("GET", "/claim-statistics", role=Role.FEDERATION)
    lines = {
        (one["district_id"], one["class_code"], one["benefit"]): (
            one["claims"], one["approved_claims"], *(one[name] for name in MONEY)
        )
        for one in found["lines"]
    }  # fmt: skip
    assert lines == {
        (DISTRICT, "B+", "critical_illness"): (1, 1, 2_000_000, 2_000_000, 0, 0, 0),
        (DISTRICT, "B+", "hospital_allowance"): (1, 1, 60_000, 48_000, 0, 12_000, 0),
        (DISTRICT, "B+", "accident"): (1, 0, 3_000_000, 0, 0, 3_000_000, 0),
        (DISTRICT, "A", "critical_illness"): (1, 0, 1_000_000, 0, 0, 0, 1_000_000),
        (OTHER_DISTRICT, "B+", "critical_illness"): (1, 0, 2_000_000, 0, 2_000_000, 0, 0),
    }
    assert tuple(found["total"][name] for name in MONEY) == (8_060_000, 2_048_000, 2_000_000, 3_012_000, 1_000_000)
    own = await claims.ok("GET", "/claim-statistics?benefit=critical_illness", role=Role.DISTRICT)
    assert [(one["class_code"], one["claimed_fen"]) for one in own["lines"]] == [("A", 1_000_000), ("B+", 2_000_000)]
    response = await claims.call("GET", "/claim-statistics/export.xlsx?class_code=A", role=Role.FEDERATION)
    rows = cells(response.content)
    assert rows[1][1:7] == (2020, "A", "重大疾病保障", 1, 0, "10,000.00")


async def test_a_stay_over_two_years_counts_in_both(claims: Trial) -> None:
    body = stay(1, "2019-12-29", "2020-01-03")
    both = (policy(2019, "B", policy_id=19), policy(policy_id=20))
    await claims.file(body)
    number = (await listed(claims))["items"][0]["number"]
    # B of 2019 has no days in hospital, so only two nights of 2020 are asked for.
    await claims.assess(number, *both)
    found = await claims.ok("GET", "/claim-statistics", role=Role.FEDERATION)
    assert [(one["coverage_year"], one["claimed_fen"]) for one in found["lines"]] == [(2020, 12_000)]


async def signs(trial: Trial, number: str) -> dict[str, tuple[int, list[str]]]:
    review = await trial.ok("GET", f"/claims/{number}/review", role=Role.CENTRE_REVIEWER)
    return {one["kind"]: (one["count"], one["claims"]) for one in review["signs"]}


async def test_no_sign_without_reason(claims: Trial) -> None:
    assert await signs(claims, await reviewable(claims, illness(), policy())) == {}


async def test_the_same_event_by_two_unions_is_shown(claims: Trial) -> None:
    first = await reviewable(claims, illness(1), policy())
    await claims.ok("POST", f"/claims/{first}/withdrawal", {"reason": "重复申请"})
    await claims.tell_members(member(1, version=2, union_id=SIBLING))
    second = await claims.file(illness(1), organisation=SIBLING)
    await claims.assess(second, policy())
    assert await signs(claims, second) == {"same_event": (1, [first])}
    assert await signs(claims, first) == {"same_event": (1, [second])}


async def test_the_same_nights_by_two_unions_are_shown(claims: Trial) -> None:
    first = await reviewable(claims, stay(1, "2020-02-01", "2020-02-05"), policy())
    await claims.tell_members(member(1, version=2, union_id=SIBLING))
    touching = await claims.file(stay(1, "2020-02-04", "2020-02-08"), organisation=SIBLING)
    after = await claims.file(stay(1, "2020-02-08", "2020-02-09"), organisation=SIBLING)
    assert await signs(claims, touching) == {"same_event": (1, [first])}
    assert await signs(claims, after) == {}


@pytest.mark.parametrize(
    ("day", "soon"), [("2020-02-01", True), ("2020-03-01", True), ("2020-03-02", False), ("2020-03-09", False)]
)
async def test_soon_is_the_first_30_days_of_the_cover(claims: Trial, day: str, soon: bool) -> None:
    number = await claims.file(illness(event_day=day))
    # 1 February is the first day, 1 March the thirtieth
    await claims.assess(number, policy(first_day=date(2020, 2, 1)))
    assert await signs(claims, number) == ({"soon_after_cover": (0, [])} if soon else {})


async def test_many_of_one_union_soon_after_their_cover_began(claims: Trial) -> None:
    numbers = []
    for one in (1, 2, 3):
        number = await claims.file(illness(one, event_day="2020-02-10"))
        await claims.assess(number, policy(policy_id=one, first_day=date(2020, 2, 1)))
        numbers.append(number)
    assert await signs(claims, numbers[0]) == {"soon_after_cover": (2, numbers[1:])}


async def test_one_account_for_the_heirs_of_two_members(claims: Trial) -> None:
    first = await claims.file(death(1))
    second = await claims.file(death(2))
    assert await signs(claims, first) == {"same_payee": (1, [second])}


@pytest.fixture
def by_rule(claims: Trial) -> Iterator[None]:
    """The rules decide on up to 50,000 yuan."""
    settings = claims.app.state.service.settings
    object.__setattr__(settings, "decide_by_rule_up_to_fen", 5_000_000)
    yield
    object.__setattr__(settings, "decide_by_rule_up_to_fen", 0)


@pytest.mark.usefixtures("by_rule")
async def test_a_sign_keeps_a_person_in_the_decision(claims: Trial) -> None:
    sure = await reviewable(claims, illness(1), policy(2020, "A", policy_id=1))
    assert (await claims.claim(sure))["decided_by"] == "rule"
    soon = await reviewable(claims, illness(2), policy(2020, "A", policy_id=2, first_day=date(2020, 2, 20)))
    assert (await claims.claim(soon))["state"] == "adjudicating"
    assert await decide(claims, soon) == "to_pay"


async def test_an_appeal_is_not_withdrawn(claims: Trial, five: dict[str, str]) -> None:
    assert (await appeal(claims, five["part"])).status_code == 201
    refused = await claims.call("POST", f"/claims/{five['part']}/withdrawal", {"reason": "不申诉了"})
    assert refused.status_code == 409
    kept = {"approve": False, "reasons": ["days-not-proven"]}
    assert (await act(claims, five["part"], "decision", kept, SECOND)).json()["state"] == "paid"
