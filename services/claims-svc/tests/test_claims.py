"""Claims from filing to the centre: cover, papers, stamps, last days, withdrawal."""

from datetime import date, datetime
from typing import Any

import pytest

from claims_svc.papers.rules import PaperKind
from claims_svc_testing import Trial, member
from claims_svc_testing.filing import death, disability, illness, policy, stay
from unioncard.auth import Role
from unioncard.contracts.claims import ClaimNoticeKind, LapseClaim, NotifyClaim
from unioncard.contracts.cover import CoverState
from unioncard_testing.trial import DISTRICT, FEDERATION, OTHER_DISTRICT, SIBLING, STRANGER, UNION


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Members 1 to 3 of UNION, 4 of SIBLING, 5 of STRANGER; the catalogue that comes with the service."""
    await trial.tell_members(member(1), member(2), member(3))
    await trial.tell_members(member(4, union_id=SIBLING))
    await trial.tell_members(member(5, union_id=STRANGER))
    await trial.load_catalogue()
    return trial


async def test_a_claim_goes_from_filing_to_the_centre(claims: Trial) -> None:
    number = await claims.file(illness())
    assert number.startswith("GF36320200310")
    found = await claims.assess(number, policy())
    # application form, identity, diagnosis, admission record
    assert (found["state"], found["missing"]) == ("incomplete", 4)
    # 30 days from 10 March: 9 April is the last one
    assert datetime.fromisoformat(found["due_at"]) == datetime.fromisoformat("2020-04-10T00:00:00+08:00")
    await claims.upload_all(number)
    assert (await claims.claim(number))["state"] == "stamping"
    assert (await claims.stamp(number)).is_success
    shown = await claims.claim(number)
    assert (shown["state"], shown["missing"], shown["due_at"]) == ("adjudicating", 0, None)
    assert (shown["claimed_fen"], shown["approved_fen"], shown["refused_fen"]) == (2_000_000, 0, 0)
    assert [(one["coverage_year"], one["class_code"], one["payable_fen"]) for one in shown["parts"]] == [
        (2020, "B+", 2_000_000)
    ]
    # The centre's own list of class B is not complete, so a person must look.
    assert shown["listed"] is None


async def test_every_change_is_told_with_a_higher_version(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.assess(number, policy())
    await claims.complete(number)
    told = [one.data for one in await claims.sent("claims.claim.changed.v1")]
    assert [one["version"] for one in told] == sorted({one["version"] for one in told})
    assert [one["state"] for one in told if one["version"] in (1, 2)] == ["filed", "incomplete"]
    assert told[-1]["state"] == "adjudicating"
    # What its workflow asked for it has as the answer; what people did it is told.
    assert [one["answered"] for one in told if one["version"] in (1, 2)] == [False, True]
    assert not told[-1]["answered"]
    assert "malignant" not in str(told)


async def test_what_is_medical_is_encrypted(claims: Trial) -> None:
    number = await claims.file(illness())
    for column in ("illness_code", "hospital"):
        (stored,) = await claims.column(f"SELECT {column} FROM claims WHERE number = :n", n=number)
        assert stored.startswith("v1.")
    shown = await claims.claim(number)
    assert (shown["illness_name"], shown["hospital"]) == ("恶性肿瘤", "上海市示例医院")


async def test_reads_are_logged(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.claim(number, role=Role.CENTRE_REVIEWER, account=77)
    entries = await claims.ok("GET", f"/audit-log?subject=claim:{number}", role=Role.FEDERATION)
    assert [(one["action"], one["actor"]) for one in entries["items"]] == [
        ("claim.read", "account:77"),
        ("claim.filed", f"account:{UNION}"),
    ]


@pytest.mark.parametrize(
    ("body", "policies", "codes"),
    [
        (illness(), [], ["no-cover"]),
        (illness(), [policy(2020, "A", first_day=date(2020, 3, 3))], ["no-cover"]),
        (stay(), [policy(2020, "A")], ["benefit-not-in-class"]),
        (illness(illness_code="gout"), [policy(2020, "A")], ["illness-not-listed"]),
        (illness(first_diagnosis=False), [policy()], ["not-first-diagnosis"]),
        (illness(in_patient=False), [policy()], ["not-in-patient"]),
        (illness(hospital={"name": "x", "place": "outside", "level": 2}), [policy()], ["hospital-level"]),
        (illness(hospital={"name": "x", "place": "shanghai", "level": 1}), [policy()], ["hospital-level"]),
        (illness(), [policy(file_until=date(2020, 3, 9))], ["filed-late"]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) and value and isinstance(value[0], str) else "",
)
async def test_what_the_rules_refuse_is_refused_at_once(
    claims: Trial, body: dict[str, Any], policies: list[Any], codes: list[str]
) -> None:
    number = await claims.file(body)
    assert (await claims.assess(number, *policies))["state"] == "refused"
    shown = await claims.claim(number)
    assert [one["code"] for one in shown["reasons"]] == codes
    assert all(one["rule"] for one in shown["reasons"])
    assert shown["decided_by"] == "rule"
    assert shown["refused_fen"] == shown["claimed_fen"]
    # 60 days from 10 March: 9 May is the last one
    assert datetime.fromisoformat(shown["appeal_until"]) == datetime.fromisoformat("2020-05-10T00:00:00+08:00")


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2020-06-29T12:00:00+08:00", "incomplete"),
        ("2020-06-30T23:59:59+08:00", "incomplete"),
        ("2020-07-01T00:00:00+08:00", "refused"),
        ("2020-07-01T12:00:00+08:00", "refused"),
    ],
)
async def test_the_receipt_judges_the_last_day_to_file(claims: Trial, at: str, state: str) -> None:
    claims.clock.at = datetime.fromisoformat(at)
    number = await claims.file(disability(event_day="2019-12-31"))
    # However long the answer takes.
    claims.clock.at = datetime.fromisoformat("2020-07-15T12:00:00+08:00")
    found = await claims.assess(number, policy(2019, "A", file_until=date(2020, 6, 30)))
    assert found["state"] == state


@pytest.mark.parametrize("waiting", [CoverState.PROVISIONAL, CoverState.REVIEWING])
async def test_provisional_cover_waits_and_is_looked_at_again(claims: Trial, waiting: CoverState) -> None:
    number = await claims.file(illness())
    await claims.assess(number, policy(state=waiting))
    await claims.complete(number)
    assert (await claims.claim(number))["state"] == "provisional"
    assert (await claims.assess(number, policy(state=waiting)))["state"] == "provisional"
    assert (await claims.assess(number, policy()))["state"] == "adjudicating"


async def test_cover_that_was_voided_is_none(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.assess(number, policy(state=CoverState.PROVISIONAL))
    await claims.complete(number)
    assert (await claims.assess(number))["state"] == "refused"
    assert [one["code"] for one in (await claims.claim(number))["reasons"]] == ["no-cover"]


async def test_papers_may_come_before_the_cover(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.complete(number)
    assert (await claims.claim(number))["state"] == "filed"
    assert (await claims.assess(number, policy()))["state"] == "adjudicating"


async def test_a_late_or_second_assessment_changes_nothing(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.assess(number, policy())
    before = await claims.claim(number)
    assert (await claims.assess(number))["version"] == before["version"]
    assert await claims.claim(number) == before


async def test_the_same_event_of_one_union_is_filed_once(claims: Trial) -> None:
    number = await claims.file(illness())
    response = await claims.call("POST", "/claims", illness())
    assert response.status_code == 409
    assert (response.json()["type"], response.json()["claim_number"]) == ("urn:unioncard:problem:same-event", number)
    # Another illness is another event.
    await claims.file(illness(illness_code="end_stage_renal_disease"))
    await claims.ok("POST", f"/claims/{number}/withdrawal", {"reason": "填错医院"})
    await claims.file(illness())


async def test_of_two_unions_the_second_is_refused_and_both_stay_visible(claims: Trial) -> None:
    first = await claims.file(illness())
    await claims.tell_members(member(1, version=2, union_id=STRANGER))
    second = await claims.file(illness(), organisation=STRANGER)
    await claims.assess(first, policy())
    assert (await claims.assess(second, policy()))["state"] == "refused"
    shown = await claims.claim(second, organisation=STRANGER)
    assert [one["code"] for one in shown["reasons"]] == ["paid-before"]
    assert (shown["claimed_fen"], shown["refused_fen"]) == (2_000_000, 2_000_000)


async def test_the_second_of_two_unions_counts_when_the_first_has_fallen(claims: Trial) -> None:
    first = await claims.file(illness())
    await claims.tell_members(member(1, version=2, union_id=STRANGER))
    second = await claims.file(illness(), organisation=STRANGER)
    await claims.ok("POST", f"/claims/{first}/withdrawal", {"reason": "会员已转出"})
    assert (await claims.assess(second, policy()))["state"] == "incomplete"
    assert await claims.column("SELECT standing FROM claims WHERE number = :n", n=second) == [True]


async def test_an_accident_is_paid_once_whether_it_disabled_or_killed(claims: Trial) -> None:
    await claims.file(disability())
    response = await claims.call("POST", "/claims", death())
    assert response.json()["type"] == "urn:unioncard:problem:same-event"
    # The death is another event than an accident of another day.
    await claims.file(death(event_day="2020-03-05"))
    # One dies once.
    response = await claims.call("POST", "/claims", death(benefit="illness_death", event_day="2020-03-05"))
    assert response.json()["type"] == "urn:unioncard:problem:same-event"


async def test_a_member_who_left_is_still_its_last_unions_to_file_for(claims: Trial) -> None:
    await claims.tell_members(member(1, version=2, union_id=None, state="without_union"))
    number = await claims.file(death())
    assert (await claims.claim(number))["union_id"] == UNION


@pytest.mark.parametrize(
    ("caller", "member_id", "status"),
    [
        ({}, 1, 201),
        ({}, 4, 404),
        ({"role": Role.DISTRICT}, 4, 201),
        ({"role": Role.DISTRICT}, 5, 404),
        ({"role": Role.DISTRICT, "organisation": OTHER_DISTRICT}, 5, 201),
        ({"role": Role.SECOND_LEVEL}, 1, 403),
        ({"role": Role.CENTRE_REVIEWER}, 1, 403),
        ({}, 999, 404),
    ],
)
async def test_who_may_file_for_whom(claims: Trial, caller: dict[str, Any], member_id: int, status: int) -> None:
    assert (await claims.call("POST", "/claims", illness(member_id), **caller)).status_code == status


async def test_members_file_and_see_their_own(claims: Trial) -> None:
    me: dict[str, Any] = {"role": Role.MEMBER, "member_id": 1}
    body = {name: value for name, value in illness().items() if name != "member_id"}
    number = (await claims.ok("POST", "/claims/mine", body, **me))["number"]
    assert [one["number"] for one in (await claims.ok("GET", "/claims/mine", **me))["items"]] == [number]
    assert (await claims.claim(number, **me))["filed_by_role"] == "member"
    assert (await claims.upload(number, PaperKind.IDENTITY, **me)).is_success
    other: dict[str, Any] = {"role": Role.MEMBER, "member_id": 2}
    assert (await claims.call("GET", f"/claims/{number}", **other)).status_code == 404
    # Its union sees it too.
    assert (await claims.claim(number))["number"] == number


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (illness(event_day="2020-03-11"), "今天之后"),
        (stay(discharge="2020-02-01"), "出院日"),
        (stay(first="2019-01-01", discharge="2020-01-03"), "366"),
        (illness(event="death"), "不符"),
        (illness(payee="heir"), "继承人"),
        (illness(illness_code=None), "疾病代码"),
        (illness(hospital=None), "医院"),
        (death(payee="own_card", heir=None), "身故"),
        (disability(event_day="1999-12-31"), "event_day"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(claims: Trial, body: dict[str, Any], word: str) -> None:
    response = await claims.call("POST", "/claims", body)
    assert response.status_code == 422
    assert word in response.text
    assert await claims.column("SELECT count(*) FROM claims") == [0]


async def test_filing_twice_with_one_key_is_filing_once(claims: Trial) -> None:
    one = await claims.call("POST", "/claims", illness(), key="once-and-for-all")
    two = await claims.call("POST", "/claims", illness(), key="once-and-for-all")
    assert one.json() == two.json()
    assert await claims.column("SELECT count(*) FROM claims") == [1]


# Last days


async def _lapse(claims: Trial, number: str, turn: int) -> str:
    reply = await claims.command(LapseClaim(claim_number=number), f"claim/{number}/lapse/{turn}")
    return str(reply["data"]["result"]["state"])


async def test_papers_that_do_not_come_let_a_claim_lapse_but_not_before_the_last_day_is_over(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.assess(number, policy())
    claims.clock.at = datetime.fromisoformat("2020-04-09T23:59:59+08:00")
    assert await _lapse(claims, number, 1) == "incomplete"
    assert (await claims.upload(number, PaperKind.IDENTITY)).is_success
    claims.clock.at = datetime.fromisoformat("2020-04-10T00:00:00+08:00")
    late = await claims.upload(number, PaperKind.DIAGNOSIS)
    assert (late.status_code, late.json()["type"]) == (409, "urn:unioncard:problem:papers-late")
    assert await _lapse(claims, number, 2) == "lapsed"
    # Its event is free again.
    await claims.file(illness())


async def test_what_nobody_appealed_against_is_closed_after_the_last_day(claims: Trial) -> None:
    number = await claims.file(illness())
    await claims.assess(number)
    claims.clock.at = datetime.fromisoformat("2020-05-09T23:59:59+08:00")
    assert await _lapse(claims, number, 1) == "refused"
    claims.clock.at = datetime.fromisoformat("2020-05-10T00:00:00+08:00")
    assert await _lapse(claims, number, 2) == "closed"
    assert await claims.column("SELECT standing FROM claims") == [False]


async def test_an_unknown_claim_is_refused(claims: Trial) -> None:
    reply = await claims.command(LapseClaim(claim_number="GF36320200310999999"), "claim/x/lapse/1")
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "unknown-claim")


# Notices


async def _told(claims: Trial, number: str, kind: ClaimNoticeKind, occurrence: int = 1) -> list[int]:
    command = NotifyClaim(claim_number=number, kind=kind, occurrence=occurrence)
    await claims.command(command, f"claim/{number}/notice/{kind}/{occurrence}")
    return await claims.column(
        "SELECT organisation_id FROM notices WHERE kind = :kind AND occurrence = :n ORDER BY 1", kind=kind, n=occurrence
    )


async def test_people_concerned_are_told_and_nobody_of_what_is_past(claims: Trial) -> None:
    number = await claims.file(illness(hospital={"name": "外地医院", "place": "outside", "level": 3}))
    assert await _told(claims, number, ClaimNoticeKind.PAPERS_MISSING) == []
    await claims.assess(number, policy())
    assert await _told(claims, number, ClaimNoticeKind.PAPERS_MISSING, 2) == [UNION]
    assert await _told(claims, number, ClaimNoticeKind.PAPERS_LAST_DAY) == [DISTRICT, UNION]
    await claims.upload_all(number)
    assert await _told(claims, number, ClaimNoticeKind.PAPERS_MISSING, 3) == []
    # The district's stamp is what is missing.
    assert await _told(claims, number, ClaimNoticeKind.STAMP_MISSING) == [DISTRICT, UNION]
    await claims.stamp(number, role=Role.DISTRICT)
    assert await _told(claims, number, ClaimNoticeKind.REVIEW_LATE) == [FEDERATION]
    texts = " ".join(await claims.column("SELECT title || text FROM notices"))
    assert "恶性" not in texts
    assert "王芳" not in texts
