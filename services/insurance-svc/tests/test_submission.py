"""A union submits lists: whom they hold, what they cost, when they are taken, and once."""

import asyncio
from datetime import date, datetime

import pytest

from insurance_svc_testing import Trial, member
from insurance_svc_testing.submissions import choice, refusal, season_2020, split, submit
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import DISTRICT, SIBLING, STRANGER, UNION


def shanghai(moment: str) -> datetime:
    """``2019-12-27T23:59:59.999`` in Shanghai."""
    return datetime.fromisoformat(f"{moment}+08:00")


async def test_a_centralized_list(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(3)
    made = await submit(trial)
    # rates.csv 2020, A, full: 26 yuan, 13 of it subsidised; the district carries 5, the union 8; three heads.
    assert (made["heads"], made["fee_fen"], made["subsidy_fen"]) == (3, 7800, 3900)
    assert (made["district_fen"], made["union_fen"]) == (1500, 2400)
    assert (made["state"], made["state_label"], made["way_label"]) == ("submitted", "区局确认中", "集中参保")
    assert (made["district_id"], made["central"], made["batch_number"]) == (DISTRICT, False, None)
    policies = await trial.column(
        "SELECT concat_ws(' ', member_id, term, first_day, last_day, first_half, second_half, void)"
        " FROM policies ORDER BY member_id"
    )
    assert policies == [f"{n} full 2020-01-01 2020-12-31 2020 2020 f" for n in (1, 2, 3)]
    assert await trial.column("SELECT class_code FROM union_classes") == ["A"]
    # The clock that judged is in the audit.
    audited = await trial.column("SELECT business_at FROM audit_log WHERE action = 'enrolment.submitted'")
    assert audited == [trial.clock.at]


async def test_lists_accumulate_and_a_member_is_on_one(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(5)
    assert (await submit(trial, member_ids=[2, 1]))["heads"] == 2
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=[3, 2]))
    assert (refused["code"], refused["status"]) == ("members-unfit", 422)
    assert [(row["line"], row["name"]) for row in refused["rows"]] == [(2, "王芳")]
    assert "****" in refused["rows"][0]["number"]
    assert (await submit(trial))["heads"] == 3
    assert (await refusal(trial, "POST", "/enrolments", choice()))["code"] == "nobody-eligible"
    assert await trial.column("SELECT count(*) FROM policies WHERE NOT void") == [5]


async def test_the_same_post_twice_and_at_once(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(10)
    answers = await asyncio.gather(*(trial.call("POST", "/enrolments", choice(), key="press-twice") for _ in range(3)))
    assert [one.status_code for one in answers] == [201] * 3
    assert {one.json()["heads"] for one in answers} == {10}
    # Two operators, each with a key of its own: one list holds everybody, the other nobody.
    await trial.run("UPDATE policies SET void = true")
    answers = await asyncio.gather(*(trial.call("POST", "/enrolments", choice()) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [201, 409]


async def test_everybody_left_out_has_a_reason(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(2)
    await trial.tell_members(
        member(3, kind="flexible"),
        member(4, state="in_transfer"),
        member(5, number=None),
        member(6),
        member(7),
        member(8),
    )
    await trial.tell_cards(3, 4, 5)
    await trial.tell_cards(7, numbered_on=date(2020, 1, 1))
    await trial.tell_cards(8)
    await trial.run("INSERT INTO exclusions VALUES (8, 2020, 'retired', now())")
    await submit(trial, member_ids=[2])
    page = await trial.ok("GET", "/enrolments/eligible", params={"way": "centralized", "coverage_year": 2020})
    assert [(one["member_id"], one["reason"]) for one in page["items"]] == [
        (1, None),
        (2, "covered"),
        (3, "not_in_service"),
        (4, "not_in_service"),
        (5, "not_in_service"),
        (6, "no_card"),
        (7, "card_too_late"),
        (8, "excluded"),
    ]
    assert (page["items"][0]["first_day"], page["items"][0]["term_label"]) == ("2020-01-01", "全年")
    assert page["items"][0]["card_number_end"] == "1234"
    assert all(one["reason_text"] and one["remedy"] for one in page["items"][1:])
    assert (page["eligible"], page["total"]) == (1, 8)
    assert {one["reason"]: one["members"] for one in page["left_out"]} == {
        "not_in_service": 3,
        "no_card": 1,
        "card_too_late": 1,
        "excluded": 1,
        "covered": 1,
    }
    only = {"way": "centralized", "coverage_year": 2020, "only": "left_out", "limit": 4}
    page = await trial.ok("GET", "/enrolments/eligible", params=only)
    assert ([one["member_id"] for one in page["items"]], page["total"]) == ([2, 3, 4, 5], 7)
    page = await trial.ok("GET", "/enrolments/eligible", params=only | {"after": page["next"]})
    assert ([one["member_id"] for one in page["items"]], page["next"]) == ([6, 7, 8], None)
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=[1, 3, 6, 7, 8, 99]))
    assert [row["line"] for row in refused["rows"]] == [2, 3, 4, 5, 6]
    assert refused["rows"][-1]["name"] == ""
    assert (await submit(trial))["heads"] == 1


async def test_somebody_elses_members_are_not_told(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    await trial.enrollable(1, first=50, union_id=SIBLING)
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=[1, 50]))
    assert [(row["name"], row["number"], row["reason"]) for row in refused["rows"]] == [("", "", "不是本会会员")]


async def test_one_class_a_union_and_year(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 2000, 3000, class_code="B")
    await trial.enrollable(4)
    await trial.enrollable(1, first=50, union_id=SIBLING)
    await submit(trial, member_ids=[1])
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=[2], class_code="B"))
    assert (refused["code"], refused["class_code"]) == ("class-fixed", "A")
    # Another union picks for itself; so does the same one for another year, and once its last list is returned.
    assert (await submit(trial, class_code="B", union=SIBLING))["fee_fen"] == 9000
    assert await trial.column("SELECT class_code FROM union_classes ORDER BY union_id") == ["A", "B"]


async def test_a_class_that_the_year_does_not_have_and_a_split_that_is_not_set(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    refused = await refusal(trial, "POST", "/enrolments", choice(class_code="C"))
    assert (refused["code"], refused["status"]) == ("unknown-class", 422)
    assert "A+" in refused["detail"]
    refused = await refusal(trial, "POST", "/enrolments", choice(class_code="B+"))
    assert (refused["code"], refused["status"]) == ("split-missing", 409)
    assert await trial.column("SELECT count(*) FROM policies") == [0]


async def test_a_unions_own_split_goes_before_its_districts(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 0, 1300, union_id=UNION)
    await trial.enrollable(2)
    made = await submit(trial)
    assert (made["district_fen"], made["union_fen"]) == (0, 2600)


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2019-10-31T23:59:59.999", "phase-closed"),
        ("2019-11-01T00:00:00.000", None),
        ("2019-12-27T23:59:59.999", None),
        ("2019-12-28T00:00:00.000", "phase-closed"),
    ],
)
async def test_the_union_window_at_both_ends(trial: Trial, moment: str, code: str | None) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    trial.clock.at = shanghai(moment)
    if code is None:
        assert (await submit(trial))["heads"] == 1
    else:
        assert (await refusal(trial, "POST", "/enrolments", choice()))["code"] == code
        assert await trial.column("SELECT count(*) FROM policies") == [0]


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2019-12-31T23:59:59.999", "phase-closed"),
        ("2020-01-01T00:00:00.000", None),
        ("2020-12-30T23:59:59.999", None),
        ("2020-12-31T00:00:00.000", "phase-closed"),
    ],
)
async def test_instant_enrolment_at_both_ends(trial: Trial, moment: str, code: str | None) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    trial.clock.at = shanghai(moment)
    if code is None:
        assert (await submit(trial, "no_cover"))["heads"] == 1
    else:
        refused = await refusal(trial, "POST", "/enrolments", choice("no_cover"))
        # On the year's last day there is no day after it to cover.
        assert refused["code"] in (code, "nothing-to-cover")


@pytest.mark.parametrize(
    ("moment", "term", "first_day", "fee"),
    [
        # Up to 30 June full, from 1 July half, whatever the first day of cover; rates.csv 2020 A: 26 and 13 yuan.
        ("2020-06-30T23:59:59.999", "full", "2020-07-01", 2600),
        ("2020-07-01T00:00:00.000", "half", "2020-07-02", 1300),
        # A leap day, and its day after.
        ("2020-02-28T12:00:00.000", "full", "2020-02-29", 2600),
        ("2020-02-29T12:00:00.000", "full", "2020-03-01", 2600),
        ("2020-12-30T12:00:00.000", "half", "2020-12-31", 1300),
    ],
)
async def test_cards_without_cover(trial: Trial, moment: str, term: str, first_day: str, fee: int) -> None:
    await season_2020(trial)
    await trial.enrollable(1)
    trial.clock.at = shanghai(moment)
    assert (await submit(trial, "no_cover"))["fee_fen"] == fee
    found = await trial.column(
        "SELECT concat_ws(' ', term, first_day, last_day, first_half, second_half) FROM policies"
    )
    halves = "2020 2020" if first_day < "2020-07-01" else "2020"
    assert found == [f"{term} {first_day} 2020-12-31 {halves}"]
    assert (await submit_refused(trial))["code"] == "nobody-eligible"


async def submit_refused(trial: Trial) -> dict[str, object]:
    """The whole list once more."""
    return await refusal(trial, "POST", "/enrolments", choice("no_cover"))


async def test_whoever_has_a_card_without_cover_cannot_be_left_out(trial: Trial) -> None:
    refused = await refusal(trial, "POST", "/enrolments", choice("no_cover", [1]))
    assert refused["status"] == 422


async def test_newly_issued_cards_are_covered_from_the_day_after_the_number(trial: Trial) -> None:
    await season_2020(trial)
    for one, numbered_on in enumerate(
        [date(2020, 6, 1), date(2020, 6, 29), date(2020, 6, 30), date(2020, 7, 1), date(2020, 5, 31)], start=1
    ):
        await trial.enrollable(1, first=one, numbered_on=numbered_on)
    trial.clock.at = shanghai("2020-07-01T12:00")
    made = await submit(trial, "newly_issued")
    # Three at the full price of 26 yuan, one at half; the fifth number is 31 days old, his card is without cover.
    assert (made["heads"], made["fee_fen"], made["subsidy_fen"]) == (4, 3 * 2600 + 1300, 3 * 1300 + 650)
    assert (made["district_fen"], made["union_fen"]) == (3 * 500 + 250, 3 * 800 + 400)
    found = await trial.column(
        "SELECT concat_ws(' ', member_id, term, first_day, first_half, second_half) FROM policies ORDER BY member_id"
    )
    assert found == [
        "1 full 2020-06-02 2020 2020",
        "2 full 2020-06-30 2020 2020",
        "3 full 2020-07-01 2020",
        "4 half 2020-07-02 2020",
    ]
    page = await trial.ok("GET", f"/enrolments/{made['id']}")
    assert [(one["term"], one["heads"], one["head_fee_fen"]) for one in page["terms"]] == [
        ("full", 3, 2600),
        ("half", 1, 1300),
    ]
    assert (await submit(trial, "no_cover"))["heads"] == 1


async def test_a_number_of_last_year_is_newly_issued_no_more(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1, numbered_on=date(2019, 12, 31))
    trial.clock.at = shanghai("2020-01-02T12:00")
    assert (await refusal(trial, "POST", "/enrolments", choice("newly_issued")))["code"] == "nobody-eligible"
    await submit(trial, "no_cover")
    assert await trial.column("SELECT first_day FROM policies") == [date(2020, 1, 3)]


async def test_a_newly_issued_card_is_not_taken_for_one_without_cover(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(1, numbered_on=date(2020, 3, 1))
    trial.clock.at = shanghai("2020-03-02T12:00")
    page = await trial.ok("GET", "/enrolments/eligible", params={"way": "no_cover", "coverage_year": 2020})
    assert [one["reason"] for one in page["items"]] == ["newly_issued"]


@pytest.mark.parametrize(
    ("moment", "way", "cover", "fee"),
    [
        # I14: taken up in the first half → 1 July to 30 June, 24 yuan; in the second → 1 January to 30 June, 12 yuan.
        ("2014-05-01T00:00:00.000", "centralized", "full 2014-07-01 2015-06-30 2015 2014", 2400),
        ("2014-06-30T23:59:59.999", "centralized", "full 2014-07-01 2015-06-30 2015 2014", 2400),
        ("2014-07-01T00:00:00.000", "no_cover", "half 2015-01-01 2015-06-30 2015", 1200),
        ("2014-12-31T23:59:59.999", "no_cover", "half 2015-01-01 2015-06-30 2015", 1200),
    ],
)
async def test_the_registration_of_2014(trial: Trial, moment: str, way: str, cover: str, fee: int) -> None:
    await trial.load_seasons()
    valid = (date(2014, 7, 1), date(2015, 6, 30))
    await split(trial, 1000, 1400, class_code="BASIC", year=2014, valid=valid)
    await split(trial, 500, 700, class_code="BASIC", term="half", year=2014, valid=valid)
    await trial.enrollable(1, numbered_on=date(2014, 3, 1))
    trial.clock.at = shanghai(moment)
    made = await submit(trial, way, year=2014, class_code="BASIC", scheme="registration")
    # The source gives the total only: no subsidy.
    assert (made["fee_fen"], made["subsidy_fen"]) == (fee, 0)
    found = await trial.column(
        "SELECT concat_ws(' ', term, first_day, last_day, first_half, second_half) FROM policies"
    )
    assert found == [cover]
    other = "no_cover" if way == "centralized" else "centralized"
    body = choice(other, year=2014, class_code="BASIC", scheme="registration")
    assert (await refusal(trial, "POST", "/enrolments", body))["code"] == "phase-closed"


async def test_a_preview_says_what_a_submission_would_come_to(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(3)
    shown = await trial.ok("POST", "/enrolments/preview", choice())
    assert (shown["heads"], shown["fee_fen"], shown["without_subsidy_fen"]) == (3, 7800, 3900)
    assert (shown["subsidy_fen"], shown["district_fen"], shown["union_fen"]) == (3900, 1500, 2400)
    assert (shown["first_day"], shown["last_day"], shown["class_fixed"]) == ("2020-01-01", "2020-12-31", False)
    assert (shown["submit_until"], shown["pay_until"]) == ("2019-12-27", "2019-12-31")
    assert await trial.column("SELECT count(*) FROM policies") == [0]
    assert (await refusal(trial, "POST", "/enrolments/preview", choice(member_ids=[1, 7])))["code"] == "members-unfit"
    await submit(trial, member_ids=[1])
    shown = await trial.ok("POST", "/enrolments/preview", choice())
    assert (shown["heads"], shown["class_fixed"]) == (2, True)


@pytest.mark.parametrize(
    ("percent", "all_below", "chosen", "needed"),
    # Ten who can be enrolled: 75 per cent of them are 7.5, which is eight; fewer than eleven must all be enrolled.
    [(75, None, 7, 8), (75, None, 8, None), (80, 11, 9, 10), (80, 11, 10, None), (80, 10, 8, None), (None, 11, 9, 10)],
)
async def test_participation(
    trial: Trial, percent: int | None, all_below: int | None, chosen: int, needed: int | None
) -> None:
    await season_2020(trial)
    await trial.enrollable(10)
    await trial.tell_members(member(11))
    await trial.run(
        "INSERT INTO campaigns (scheme, coverage_year, participation_percent, participation_all_below)"
        " VALUES ('centralized', 2020, :percent, :all_below) ON CONFLICT (scheme, coverage_year) DO UPDATE"
        " SET participation_percent = :percent, participation_all_below = :all_below",
        percent=percent,
        all_below=all_below,
    )
    members = list(range(1, chosen + 1))
    if needed is None:
        assert (await submit(trial, member_ids=members))["heads"] == chosen
        return
    refused = await refusal(trial, "POST", "/enrolments", choice(member_ids=members))
    assert (refused["code"], refused["needed"], refused["enrolled"]) == ("participation-too-low", needed, chosen)
    assert await trial.column("SELECT count(*) FROM policies") == [0]


async def test_statements_do_not_grow_with_members(trial: Trial) -> None:
    await season_2020(trial)
    await trial.enrollable(10)
    await trial.enrollable(1000, first=1000, union_id=SIBLING)
    counted = []
    for union, ids in ((UNION, range(1, 11)), (SIBLING, range(1000, 2000))):
        with statements(trial.context.engine) as sent:
            made = await submit(trial, member_ids=list(ids), union=union)
        counted.append((made["heads"], len(sent)))
    (few, few_sent), (many, many_sent) = counted
    assert (few, many) == (10, 1000)
    assert few_sent == many_sent <= 16


@pytest.mark.parametrize("role", [Role.DISTRICT, Role.FEDERATION, Role.MEMBER, Role.CENTRE_REVIEWER])
async def test_only_a_unions_operator_submits(trial: Trial, role: Role) -> None:
    refused = await refusal(trial, "POST", "/enrolments", choice(), role=role)
    assert (refused["status"], refused["code"]) == (403, "role-not-allowed")


async def test_a_central_enterprise_is_subsidised_less(trial: Trial) -> None:
    await trial.load_seasons()
    await trial.run(
        "INSERT INTO central_enterprises (coverage_year, district_code, name, source)"
        " VALUES (2020, '007', '样本', 'test') ON CONFLICT DO NOTHING"
    )
    await split(trial, 950, 1000, central=True, district_id=13)
    await trial.enrollable(2, union_id=STRANGER)
    made = await submit(trial, union=STRANGER)
    # rates.csv 2020 A full: 26 yuan, 6.50 of it for a central enterprise.
    assert (made["central"], made["fee_fen"], made["subsidy_fen"]) == (True, 5200, 1300)
    assert (made["district_fen"], made["union_fen"]) == (1900, 2000)
