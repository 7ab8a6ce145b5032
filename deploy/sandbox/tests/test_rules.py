"""How the bank judges members and numbers cards; expected values by hand."""

from datetime import date
from typing import Any

import pytest

from partner_sandbox.bank import deliveries, rules
from partner_sandbox.behaviour import BankBehaviour, Behaviour, chance, fault_of

TODAY = date(2026, 3, 1)
BANK = BankBehaviour()


def member(**changed: Any) -> dict[str, Any]:
    return {"member_id": 1, "name": "李建国", "document_number": "1", "document_expiry": "2030-01-01"} | changed


@pytest.mark.parametrize(
    ("changed", "channel", "reason"),
    [
        ({}, "normal", None),
        ({"name": "𬭬"}, "normal", "NAME_NOT_GBK"),
        ({"name": "王堃"}, "normal", None),
        ({"name": "王䶮"}, "normal", "NAME_NOT_GBK"),
        ({"name": "𬭬"}, "special", None),
        ({"name": "阿卜杜热西提·麦麦提图"}, "normal", None),
        ({"name": "阿卜杜热西提·麦麦提图尔"}, "normal", "NAME_TOO_LONG"),
        ({"name": "阿卜杜热西提·麦麦提图尔"}, "special", None),
        ({"name": "Alexander Hamilton"}, "normal", None),
        ({"document_expiry": "2026-02-28"}, "normal", "DOCUMENT_EXPIRED"),
        ({"document_expiry": "2026-02-28"}, "special", "DOCUMENT_EXPIRED"),
        ({"document_expiry": "2026-03-01"}, "normal", None),
        ({"document_expiry": "9999-12-31"}, "normal", None),
        ({"document_expiry": None}, "normal", None),
    ],
)
def test_refusals(changed: dict[str, Any], channel: str, reason: str | None) -> None:
    assert rules.refusal(member(**changed), channel, BANK, "seed", TODAY) == reason


def test_checks_can_be_switched_off() -> None:
    lenient = BankBehaviour(check_names=False, check_expiry=False)
    assert rules.refusal(member(name="𬭬", document_expiry="2000-01-01"), "normal", lenient, "seed", TODAY) is None


def test_fail_rate_is_met_and_hangs_on_what_the_union_can_mend() -> None:
    half = BankBehaviour(fail_rate=0.5)
    people = [member(member_id=i) for i in range(2000)]
    first = [rules.refusal(one, "normal", half, "seed", TODAY) for one in people]
    assert first == [rules.refusal(one, "normal", half, "seed", TODAY) for one in people]
    refused = [reason for reason in first if reason]
    assert 900 < len(refused) < 1100
    assert set(refused) == set(rules.UNSEEN_REASONS)
    mended = [rules.refusal(one | {"mobile": "13900000000"}, "normal", half, "seed", TODAY) for one in people]
    assert mended != first


def test_every_reason_has_a_text() -> None:
    assert set(rules.UNSEEN_REASONS) < set(rules.REASONS)


def test_luhn() -> None:
    assert rules.luhn_digit("7992739871") == "3"
    assert rules.luhn_digit("411111111111111") == "1"
    assert rules.luhn_digit("629999000000000000") == "4"


def test_card_numbers() -> None:
    number = rules.card_number(1, "cbc101202603011200")
    assert len(number) == 19
    assert number.isdigit()
    assert number.startswith("629999")
    assert number[-1] == rules.luhn_digit(number[:-1])
    assert number == rules.card_number(1, "cbc101202603011200")
    others = {rules.card_number(2, "cbc101202603011200"), rules.card_number(1, "cbc101202603011201")}
    others.add(rules.card_number(1, "cbc101202603011200", turn=1))
    assert len(others | {number}) == 4


def test_chances_repeat_and_faults_exclude_each_other() -> None:
    assert chance("seed", "a", 1) == chance("seed", "a", 1)
    assert chance("seed", "a", 1) != chance("other", "a", 1)
    faults = BankBehaviour(error_rate=0.2, timeout_rate=0.3, reset_rate=0.1)
    drawn = [fault_of(faults, "seed", attempt) for attempt in range(4000)]
    assert 700 < drawn.count("error") < 900
    assert 1100 < drawn.count("timeout") < 1300
    assert 330 < drawn.count("reset") < 470


RESULTS = [{"member_id": i, "member_number": f"{i:010d}", "status": "failed"} for i in range(10)]


def planned(results: list[dict[str, Any]] = RESULTS, **callback: Any) -> list[deliveries.Delivery]:
    behaviour = Behaviour().changed({"callback": callback})
    return deliveries.plan(deliveries.CARDS, behaviour, "cbc101202603011200", "2026-03-01T12:00:00+08:00", results)


def test_ordinary_answer_is_one_callback() -> None:
    (only,) = planned(delay_ms=70)
    assert (only.kind, only.members, only.after_ms) == ("answer", 10, 70)
    assert b'"complete":true' in only.body


def test_more_than_a_thousand_results_take_several_callbacks() -> None:
    many = [{"member_id": i} for i in range(2500)]
    assert [one.members for one in planned(many, spread_ms=5)] == [1000, 1000, 500]
    assert [one.after_ms for one in planned(many, spread_ms=5)] == [0, 5, 10]
    assert all(b'"complete":false' in one.body for one in planned(many))


def test_out_of_order_answers_hold_everyone_once() -> None:
    pieces = planned(out_of_order_rate=1)
    assert [one.members for one in pieces] == [3, 3, 3, 1]
    assert sorted(one.after_ms for one in pieces) == [0, 20, 40, 60]
    assert [one.after_ms for one in pieces] != [0, 20, 40, 60]
    assert len({one.answer_id for one in pieces}) == 4


@pytest.mark.parametrize(("members", "told"), [(1, 0), (2, 1)])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_half_an_answer_always_lacks_someone(members: int, told: int, share: float) -> None:
    pieces = planned(RESULTS[:members], half_rate=1, half_share=share, out_of_order_rate=1)
    assert sum(one.members for one in pieces) == told


def test_duplicates_carry_the_same_answer() -> None:
    first, second = planned(duplicate_rate=1)
    assert (first.kind, second.kind) == ("answer", "duplicate")
    assert (first.answer_id, first.body) == (second.answer_id, second.body)
    assert second.after_ms > first.after_ms


def test_silent_and_unknown() -> None:
    assert planned(silent_rate=1, duplicate_rate=1) == []
    known, unknown = planned(unknown_rate=1)
    assert (known.kind, unknown.kind) == ("answer", "unknown")
    assert unknown.batch_number != known.batch_number
