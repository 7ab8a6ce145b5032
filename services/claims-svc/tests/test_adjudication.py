"""The centre's review: decisions, four eyes, medical questions, appeals."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from claims_svc_testing import Trial, member
from claims_svc_testing.filing import disability, illness, policy, stay
from claims_svc_testing.payouts import balances, broken, deliver
from claims_svc_testing.review import FIRST, SECOND, THIRD, act, appeal, confirm, decide, pay, reviewable, send
from unioncard.auth import Role
from unioncard.contracts.claims import ClaimState, LapseClaim
from unioncard_testing.trial import DISTRICT, FEDERATION, OTHER_DISTRICT, UNION

PROBLEM = "urn:unioncard:problem:"


@pytest.fixture
async def claims(trial: Trial) -> Trial:
    """Members 1 to 3 of UNION; the catalogue that comes with the service."""
    await trial.tell_members(member(1), member(2), member(3))
    await trial.load_catalogue()
    return trial


async def test_one_reviewer_decides_up_to_the_limit(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    assert await decide(claims, number) == "to_pay"
    shown = await claims.claim(number)
    assert (shown["claimed_fen"], shown["approved_fen"], shown["refused_fen"]) == (2_000_000, 2_000_000, 0)
    assert shown["decided_by"] == f"account:{FIRST}"
    # 60 days from 10 March: 9 May is the last one
    assert datetime.fromisoformat(shown["appeal_until"]) == datetime.fromisoformat("2020-05-10T00:00:00+08:00")
    assert await balances(claims) == {"benefits": 2_000_000, "payable": -2_000_000}
    assert await broken(claims) == {}


async def test_above_the_limit_nothing_happens_before_the_second_eyes(claims: Trial) -> None:
    number = await reviewable(claims, disability(), policy())
    assert await decide(claims, number) == "confirming"
    assert (await claims.claim(number))["approved_fen"] == 0
    assert await balances(claims) == {}
    own = await act(claims, number, "confirmation", {"confirmed": True})
    assert (own.status_code, own.json()["type"]) == (403, f"{PROBLEM}four-eyes")
    assert await confirm(claims, number) == "to_pay"
    shown = await claims.claim(number)
    assert (shown["approved_fen"], shown["decided_by"]) == (3_000_000, f"account:{SECOND}")
    again = await act(claims, number, "confirmation", {"confirmed": True}, THIRD)
    assert (again.status_code, again.json()["type"]) == (409, f"{PROBLEM}claim-state")


async def test_a_refusal_above_the_limit_takes_four_eyes_too(claims: Trial) -> None:
    number = await reviewable(claims, disability(), policy())
    assert await decide(claims, number, approve=False, reasons=["not-an-accident"]) == "confirming"
    assert await confirm(claims, number) == "refused"
    shown = await claims.claim(number)
    assert (shown["approved_fen"], shown["refused_fen"]) == (0, 3_000_000)
    assert shown["reasons"] == [{"code": "not-an-accident", "rule": "C20", "text": "不属于意外伤害"}]


async def test_second_eyes_may_give_it_back(claims: Trial) -> None:
    number = await reviewable(claims, disability(), policy())
    await decide(claims, number)
    mute = await act(claims, number, "confirmation", {"confirmed": False}, SECOND)
    assert (mute.status_code, mute.json()["type"]) == (422, f"{PROBLEM}note-missing")
    assert await confirm(claims, number, confirmed=False, note="鉴定书缺一页") == "adjudicating"
    review = await claims.ok("GET", f"/claims/{number}/review", role=Role.CENTRE_REVIEWER)
    assert [(one["state"], one["confirmation_note"]) for one in review["decisions"]] == [("rejected", "鉴定书缺一页")]
    # Now the other way round: who looked at it the first time may decide.
    assert await decide(claims, number, SECOND) == "confirming"
    assert await confirm(claims, number, FIRST) == "to_pay"


async def test_of_two_who_decide_at_once_one_does(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    answers = await asyncio.gather(
        act(claims, number, "decision", {"approve": True}, FIRST),
        act(claims, number, "decision", {"approve": False, "reasons": ["event-not-proven"]}, SECOND),
    )
    assert sorted(one.status_code for one in answers) == [201, 409]
    assert len(await claims.column("SELECT id FROM claim_decisions")) == 1


async def test_twice_is_once(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    path, body = f"/claims/{number}/decision", {"approve": True}
    answers = [
        await claims.ok("POST", path, body, role=Role.CENTRE_REVIEWER, account=FIRST, key="decided-once")
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(await claims.column("SELECT id FROM claim_decisions")) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"approve": False}, "reason-missing"),
        ({"approve": True, "amounts": []}, "amounts-not-allowed"),
        ({"approve": True, "amounts": [{"policy_id": 2019, "approved_fen": 2_000_000}]}, "amounts-not-allowed"),
        # a single payment is made whole or not at all
        ({"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 1_000_000}]}, "amounts-not-allowed"),
        ({"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 4_000_000}]}, "amounts-not-allowed"),
        ({"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 0}]}, "nothing-payable"),
        ({"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 2_000_000}] * 2}, "amounts-twice"),
        ({"approve": False, "reasons": ["because"]}, "invalid-request"),
    ],
)
async def test_what_cannot_be_decided(claims: Trial, body: dict[str, Any], code: str) -> None:
    number = await reviewable(claims, illness(), policy())
    refused = await act(claims, number, "decision", body)
    assert (refused.status_code, refused.json()["type"]) == (422, f"{PROBLEM}{code}")
    assert (await claims.claim(number))["state"] == "adjudicating"


async def test_some_days_of_a_stay(claims: Trial) -> None:
    number = await reviewable(claims, stay(), policy())
    # 60 yuan a day: 10 nights are asked for, 8 are proven
    unexplained: dict[str, Any] = {"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 48_000}]}
    assert (await act(claims, number, "decision", unexplained)).json()["type"] == f"{PROBLEM}reason-missing"
    half_a_day = {"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 47_000}]}
    assert (await act(claims, number, "decision", half_a_day)).json()["type"] == f"{PROBLEM}amounts-not-allowed"
    assert await decide(claims, number, **unexplained, reasons=["days-not-proven"]) == "to_pay"
    shown = await claims.claim(number)
    assert (shown["claimed_fen"], shown["approved_fen"], shown["refused_fen"]) == (60_000, 48_000, 12_000)
    assert [one["code"] for one in shown["reasons"]] == ["days-not-proven"]


async def test_a_medical_question_goes_to_another_reviewer(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    asked = await act(claims, number, "medical-questions", {"question": "病理是否支持恶性肿瘤？"})
    assert asked.json()["state"] == "medical_review"
    own = await act(claims, number, "medical-answers", {"answer": "支持"})
    assert (own.status_code, own.json()["type"]) == (403, f"{PROBLEM}four-eyes")
    early = await act(claims, number, "decision", {"approve": True}, SECOND)
    assert early.json()["type"] == f"{PROBLEM}claim-state"
    answered = await act(claims, number, "medical-answers", {"answer": "病理支持"}, SECOND)
    assert answered.json()["state"] == "adjudicating"
    review = await claims.ok("GET", f"/claims/{number}/review", role=Role.CENTRE_REVIEWER)
    (question,) = review["questions"]
    assert (question["question"], question["answer"]) == ("病理是否支持恶性肿瘤？", "病理支持")
    assert (question["asked_by"], question["answered_by"]) == (FIRST, SECOND)
    stored = await claims.column("SELECT question || answer FROM medical_questions")
    assert "病理" not in stored[0]
    assert "病理" not in str([one.data for one in await claims.sent()])


async def test_who_filed_a_claim_does_not_review_it(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await claims.run("UPDATE claims SET filed_by = :by", by=FIRST)
    refused = await act(claims, number, "decision", {"approve": True})
    assert (refused.status_code, refused.json()["type"]) == (403, f"{PROBLEM}four-eyes")


async def test_an_appeal_against_a_refusal_is_heard_by_somebody_else(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number, approve=False, reasons=["event-not-proven"])
    assert (await appeal(claims, number)).json()["state"] == "adjudicating"
    before = await claims.claim(number)
    assert (before["appeals"], before["refused_fen"], before["appeal_until"]) == (1, 0, None)
    same = await act(claims, number, "decision", {"approve": True})
    assert (same.status_code, same.json()["type"]) == (403, f"{PROBLEM}four-eyes")
    assert await decide(claims, number, SECOND) == "to_pay"
    shown = await claims.claim(number)
    assert (shown["approved_fen"], shown["refused_fen"], shown["reasons"]) == (2_000_000, 0, [])
    review = await claims.ok("GET", f"/claims/{number}/review", role=Role.CENTRE_REVIEWER)
    (made,) = review["appeals"]
    assert (made["against_state"], made["against_by"], made["made_by"]) == ("refused", f"account:{FIRST}", UNION)
    assert [one["code"] for one in made["against_reasons"]] == ["event-not-proven"]
    assert [one["state"] for one in review["decisions"]] == ["final", "final"]


async def test_overruling_the_rules_takes_four_eyes(claims: Trial) -> None:
    number = await claims.file(illness(first_diagnosis=False))
    assert (await claims.assess(number, policy()))["state"] == "refused"
    assert (await appeal(claims, number)).is_success
    # 20,000 yuan alone would need one reviewer, but the rules allow nothing.
    assert await decide(claims, number) == "confirming"
    assert await confirm(claims, number) == "to_pay"
    assert (await claims.claim(number))["approved_fen"] == 2_000_000


async def test_an_appeal_without_any_cover_can_only_be_refused(claims: Trial) -> None:
    number = await claims.file(illness())
    assert (await claims.assess(number))["state"] == "refused"
    assert (await appeal(claims, number)).is_success
    refused = await act(claims, number, "decision", {"approve": True})
    assert refused.json()["type"] == f"{PROBLEM}nothing-payable"
    assert await decide(claims, number, approve=False, reasons=["no-cover"]) == "refused"


@pytest.mark.parametrize(
    ("at", "status"),
    [("2020-05-09T23:59:59+08:00", 201), ("2020-05-10T00:00:00+08:00", 409)],
)
async def test_the_last_day_to_appeal(claims: Trial, at: str, status: int) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number, approve=False, reasons=["event-not-proven"])
    claims.clock.at = datetime.fromisoformat(at)
    answer = await appeal(claims, number)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert answer.json()["type"] == f"{PROBLEM}appeal-late"


async def test_a_closed_claim_stays_closed(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number, approve=False, reasons=["event-not-proven"])
    claims.clock.at = datetime.fromisoformat("2020-05-10T00:00:00+08:00")
    await claims.command(LapseClaim(claim_number=number), f"claim/{number}/lapse/1")
    assert (await appeal(claims, number)).json()["type"] == f"{PROBLEM}appeal-late"


async def test_what_was_paid_in_part_can_be_appealed_and_the_rest_paid(claims: Trial) -> None:
    number = await reviewable(claims, stay(), policy())
    less: dict[str, Any] = {"amounts": [{"policy_id": 2020, "approved_fen": 48_000}], "reasons": ["days-not-proven"]}
    await decide(claims, number, **less)
    # not while the money is on its way
    assert (await appeal(claims, number)).json()["type"] == f"{PROBLEM}claim-state"
    assert len(await pay(claims)) == 1
    assert (await appeal(claims, number)).json()["state"] == "adjudicating"
    # What is paid is not taken back.
    fewer = {"approve": True, "amounts": [{"policy_id": 2020, "approved_fen": 42_000}], "reasons": ["days-not-proven"]}
    assert (await act(claims, number, "decision", fewer, SECOND)).json()["type"] == f"{PROBLEM}amounts-not-allowed"
    assert await decide(claims, number, SECOND) == "to_pay"
    assert len(await pay(claims)) == 1
    shown = await claims.claim(number)
    assert (shown["state"], shown["approved_fen"], shown["refused_fen"]) == ("paid", 60_000, 0)
    assert await claims.column("SELECT amount_fen FROM payouts ORDER BY number") == [48_000, 12_000]
    assert await balances(claims) == {"benefits": 60_000, "cash": -60_000}
    assert await broken(claims) == {}


async def test_an_appeal_that_changes_nothing_pays_nothing(claims: Trial) -> None:
    number = await reviewable(claims, stay(), policy())
    less: dict[str, Any] = {"amounts": [{"policy_id": 2020, "approved_fen": 48_000}], "reasons": ["days-not-proven"]}
    await decide(claims, number, **less)
    await pay(claims)
    await appeal(claims, number)
    assert await decide(claims, number, SECOND, approve=False, reasons=["days-not-proven"]) == "paid"
    shown = await claims.claim(number)
    assert (shown["approved_fen"], shown["refused_fen"]) == (48_000, 12_000)
    assert await pay(claims) == []
    assert await balances(claims) == {"benefits": 48_000, "cash": -48_000}
    assert await broken(claims) == {}


async def test_what_was_paid_before_an_appeal_comes_back_while_the_rest_is_on_its_way(claims: Trial) -> None:
    number = await reviewable(claims, stay(), policy())
    less: dict[str, Any] = {"amounts": [{"policy_id": 2020, "approved_fen": 48_000}], "reasons": ["days-not-proven"]}
    await decide(claims, number, **less)
    (first,) = await pay(claims)
    await appeal(claims, number)
    await decide(claims, number, SECOND)
    ((batch, rest, _, fen),) = await send(claims)
    back_again = {"payout_number": first, "amount_fen": 48_000, "status": "returned"}
    said = {"answer_id": "back", "batch_number": first.partition("-")[0], "answered_at": "2020-03-12T10:00:00+08:00"}
    assert await deliver(claims, said | {"results": [back_again]}) == (1, 0, 0)
    # One attempt is still on its way: nobody may send another beside it.
    assert (await claims.claim(number))["state"] == "paying"
    arrived = {"payout_number": rest, "amount_fen": fen, "status": "paid"}
    said = {"answer_id": "rest", "batch_number": batch, "answered_at": "2020-03-12T11:00:00+08:00"}
    assert await deliver(claims, said | {"results": [arrived]}) == (1, 0, 0)
    assert (await claims.claim(number))["state"] == "returned"
    body = {"payee": "own_card", "note": "已换领新卡"}
    await claims.ok("POST", f"/claims/{number}/payout-correction", body, role=Role.CENTRE_PAYER)
    assert len(await pay(claims)) == 1
    assert await balances(claims) == {"benefits": 60_000, "cash": -60_000}
    assert await broken(claims) == {}


async def test_what_comes_back_during_an_appeal_is_owed_even_if_the_appeal_changes_nothing(claims: Trial) -> None:
    number = await reviewable(claims, stay(), policy())
    less: dict[str, Any] = {"amounts": [{"policy_id": 2020, "approved_fen": 48_000}], "reasons": ["days-not-proven"]}
    await decide(claims, number, **less)
    (first,) = await pay(claims)
    await appeal(claims, number)
    back_again = {"payout_number": first, "amount_fen": 48_000, "status": "returned"}
    said = {"answer_id": "back", "batch_number": first.partition("-")[0], "answered_at": "2020-03-12T10:00:00+08:00"}
    assert await deliver(claims, said | {"results": [back_again]}) == (1, 0, 0)
    assert (await claims.claim(number))["state"] == "adjudicating"
    assert await decide(claims, number, SECOND, approve=False, reasons=["days-not-proven"]) == "to_pay"
    assert len(await pay(claims)) == 1
    shown = await claims.claim(number)
    assert (shown["state"], shown["approved_fen"], shown["refused_fen"]) == ("paid", 48_000, 12_000)
    assert await balances(claims) == {"benefits": 48_000, "cash": -48_000}
    assert await broken(claims) == {}


async def test_nothing_refused_nothing_to_appeal(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number)
    await pay(claims)
    assert (await appeal(claims, number)).json()["type"] == f"{PROBLEM}nothing-refused"


async def test_who_may_appeal(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number, approve=False, reasons=["event-not-proven"])
    assert (await appeal(claims, number, role=Role.DISTRICT, organisation=OTHER_DISTRICT)).status_code == 404
    assert (await appeal(claims, number, role=Role.MEMBER, member_id=2)).status_code == 404
    assert (await appeal(claims, number, role=Role.FEDERATION)).status_code == 403
    assert (await appeal(claims, number, role=Role.MEMBER, member_id=1)).status_code == 201


async def test_an_appeal_finds_that_another_claim_took_the_event(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await decide(claims, number, approve=False, reasons=["event-not-proven"])
    await claims.file(illness())
    refused = await appeal(claims, number)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{PROBLEM}same-event")


async def test_the_queue_shows_what_each_reviewer_may_take(claims: Trial) -> None:
    first = await reviewable(claims, illness(1), policy())
    claims.clock.at = datetime.fromisoformat("2020-03-11T10:00:00+08:00")
    second = await reviewable(claims, disability(2), policy())
    third = await reviewable(claims, illness(3), policy())
    await decide(claims, second)
    await act(claims, third, "medical-questions", {"question": "请核对病理"})

    async def seen(account: int, **query: Any) -> list[tuple[str, str, bool]]:
        page = await claims.ok("GET", "/review-queue", role=Role.CENTRE_REVIEWER, account=account, params=query)
        return [(one["number"], one["state"], one["allowed"]) for one in page["items"]]

    everything = [(first, "adjudicating"), (second, "confirming"), (third, "medical_review")]
    assert await seen(FIRST) == [(*one, one[0] == first) for one in everything]
    assert await seen(SECOND) == [(*one, True) for one in everything]
    assert await seen(FIRST, stage="confirming") == [(second, "confirming", False)]
    page = await claims.ok("GET", "/review-queue?limit=1", role=Role.CENTRE_REVIEWER, account=FIRST)
    assert page["total"] == 3
    assert [(one["state"], one["claims"], one["claimed_fen"]) for one in page["tabs"]] == [
        ("adjudicating", 1, 2_000_000), ("medical_review", 1, 2_000_000), ("confirming", 1, 3_000_000),
    ]  # fmt: skip
    rest = await seen(FIRST, after=page["next"])
    assert [one[0] for one in rest] == [second, third]


async def test_reading_a_review_is_logged(claims: Trial) -> None:
    number = await reviewable(claims, illness(), policy())
    await claims.ok("GET", f"/claims/{number}/review", role=Role.CENTRE_REVIEWER, account=FIRST)
    log = await claims.ok("GET", f"/audit-log?subject=claim:{number}", role=Role.FEDERATION)
    assert (log["items"][0]["action"], log["items"][0]["actor"]) == ("claim.read", f"account:{FIRST}")
    assert log["items"][0]["organisation_id"] == FEDERATION


async def test_reasons_cite_the_rule_of_the_year(claims: Trial) -> None:
    found = await claims.ok("GET", "/review-reasons?coverage_year=2019", role=Role.CENTRE_REVIEWER)
    rules = {one["code"]: one["rule"] for one in found}
    assert (rules["illness-not-listed"], rules["filed-late"]) == ("G19 Q77–Q80", "G19 Q88")
    assert (rules["not-first-diagnosis"], rules["hospital-level-outside"]) == ("I14", "G19 Q85")


async def test_every_step_is_told(claims: Trial) -> None:
    number = await reviewable(claims, disability(), policy())
    await decide(claims, number)
    await confirm(claims, number)
    told = [one.data["state"] for one in await claims.sent("claims.claim.changed.v1")]
    assert told[-3:] == [ClaimState.ADJUDICATING, ClaimState.CONFIRMING, ClaimState.TO_PAY]
    assert DISTRICT in {one.data["district_id"] for one in await claims.sent("claims.claim.changed.v1")}
