"""The bank's answers about payouts, handed over by hand: repeated, late, foreign, against what is known."""

import asyncio
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from claims_svc.ledger.rules import Account, Book, Posting
from claims_svc.ledger.store import post_approved
from claims_svc.payouts.answers import file_answers
from claims_svc.payouts.gathering import gather as gather_in
from claims_svc.payouts.models import PayoutAnswer
from claims_svc.payouts.rules import Known, PayoutState, Verdict, batch_number, judge, payout_number
from claims_svc_testing import Trial
from claims_svc_testing.payouts import (
    BATCH,
    answer,
    back,
    balances,
    broken,
    claim_number,
    deliver,
    fix,
    gather,
    paid,
    payout,
    post,
    sent_batch,
    states,
    tell_payees,
    to_pay,
)
from unioncard.contracts.payees import Unpayable
from unioncard.dates import shanghai_date
from unioncard.principal import Role
from unioncard_testing import eventually, statements
from unioncard_testing.trial import OTHER_DISTRICT

NOON = datetime.fromisoformat("2020-03-11T12:00+08:00")
EARLIER, LATER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
PAID, RETURNED, WAITING = PayoutState.PAID, PayoutState.RETURNED, PayoutState.WAITING


def known(state: PayoutState = WAITING, *, sent: bool = True) -> Known:
    return Known("FK1", 500, state, sent, None if state is WAITING else NOON)


def test_numbers() -> None:
    day = shanghai_date(NOON)
    assert (batch_number(day, 7), payout_number("FK202003110007", 12)) == ("FK202003110007", "FK202003110007-0012")


@pytest.mark.parametrize(
    ("has", "batch", "status", "fen", "at", "verdict"),
    [
        (None, "FK1", PAID, 500, NOON, Verdict.UNKNOWN_PAYOUT),
        (known(), "FK2", PAID, 500, NOON, Verdict.OTHER_BATCH),
        (known(), "FK1", PAID, 501, NOON, Verdict.OTHER_AMOUNT),
        (known(sent=False), "FK1", PAID, 500, NOON, Verdict.NOT_SENT),
        (known(PayoutState.LEFT_OUT), "FK1", PAID, 500, NOON, Verdict.NOT_SENT),
        (known(), "FK1", PAID, 500, NOON, Verdict.NEWS),
        (known(), "FK1", RETURNED, 500, NOON, Verdict.NEWS),
        (known(PAID), "FK1", PAID, 500, LATER, Verdict.REPEAT),
        (known(RETURNED), "FK1", RETURNED, 500, LATER, Verdict.REPEAT),
        # it had arrived, and came back
        (known(PAID), "FK1", RETURNED, 500, LATER, Verdict.NEWS),
        # nobody pays what came back: that is a payout of its own
        (known(RETURNED), "FK1", PAID, 500, LATER, Verdict.CONTRADICTS),
        # what the bank knew before, overtaken on the way
        (known(RETURNED), "FK1", PAID, 500, EARLIER, Verdict.REPEAT),
        (known(PAID), "FK1", RETURNED, 500, EARLIER, Verdict.CONTRADICTS),
    ],
)
def test_how_a_result_is_filed(
    has: Known | None, batch: str, status: PayoutState, fen: int, at: datetime, verdict: Verdict
) -> None:
    assert judge(has, batch, status, fen, at) is verdict


def test_a_posting_adds_up_to_zero() -> None:
    with pytest.raises(ValueError, match="does not add up"):
        Posting("x", "GF1", Book(12, 2020, "A"), {Account.CASH: 1})


async def test_an_answer_that_comes_twice_counts_once(trial: Trial) -> None:
    await sent_batch(trial, 3)
    said = answer([paid(payout(1)), paid(payout(2)), back(payout(3))])
    assert await deliver(trial, said) == (3, 0, 0)
    messages = len(await trial.sent())
    assert await deliver(trial, said) == (0, 3, 0)
    # The same under another id, as the nightly file says it.
    assert await deliver(trial, said | {"answer_id": "file"}) == (0, 3, 0)
    assert len(await trial.sent()) == messages
    assert await balances(trial) == {"benefits": 90000, "payable": -30000, "cash": -60000}
    assert await broken(trial) == {}


async def test_two_at_once_count_once(trial: Trial) -> None:
    await sent_batch(trial, 3)
    results = [paid(payout(1)), paid(payout(2)), back(payout(3))]
    filed = await asyncio.gather(*(deliver(trial, answer(results)) for _ in range(4)))
    assert sorted(filed) == [(0, 3, 0), (0, 3, 0), (0, 3, 0), (3, 0, 0)]
    assert len(await trial.sent("claims.payout-batch.answered.v1")) == 1
    assert await broken(trial) == {}


async def test_halves_in_any_order_end_the_batch_with_the_last(trial: Trial) -> None:
    await sent_batch(trial, 3)
    assert await deliver(trial, answer([paid(payout(3))])) == (1, 0, 0)
    assert await trial.column("SELECT state FROM payout_batches") == ["sent"]
    assert await deliver(trial, answer([back(payout(1)), paid(payout(3)), paid(payout(2))])) == (2, 1, 0)
    assert await trial.column("SELECT state FROM payout_batches") == ["done"]
    told = [event.data for event in await trial.sent("claims.payout-batch.answered.v1")]
    assert [(one["waiting"], one["paid"], one["returned"]) for one in told] == [(2, 1, 0), (0, 2, 1)]


@pytest.mark.parametrize(
    ("results", "batch", "why"),
    [
        ([paid(payout(2))], "FK202003109999", "unknown_batch"),
        ([paid(payout(9))], BATCH, "unknown_payout"),
        ([paid(payout(2), 30001)], BATCH, "other_amount"),
        ([back(payout(2), -30000)], BATCH, "other_amount"),
        ([paid(payout(1, "FK202003100002"))], BATCH, "other_batch"),
        ([paid(payout(1, "FK202003100002"))], "FK202003100002", "not_sent"),
    ],
)
async def test_what_does_not_fit_is_set_aside_once_and_changes_nothing(
    trial: Trial, results: list[dict[str, Any]], batch: str, why: str
) -> None:
    await sent_batch(trial, 3)
    await to_pay(trial, 1, first=8)
    await gather(trial)
    before = await states(trial), await balances(trial)
    assert await deliver(trial, answer(results, batch)) == (0, 0, 1)
    assert await deliver(trial, answer(results, batch)) == (0, 0, 1)
    page = await trial.ok("GET", "/reconciliation/set-aside", role=Role.FEDERATION)
    assert [(one["why"], one["batch_number"]) for one in page["items"]] == [(why, batch)]
    assert (await states(trial), await balances(trial)) == before
    assert await broken(trial) == {}


async def test_paid_and_come_back_within_one_file(trial: Trial) -> None:
    await sent_batch(trial, 2)
    said = [
        PayoutAnswer.model_validate(answer([paid(payout(1)), paid(payout(2))], at="09:00")),
        PayoutAnswer.model_validate(answer([back(payout(1), code="ACCOUNT_CANCELLED")], at="15:00")),
    ]
    async with trial.context.work.begin("partner:bank") as tx:
        filed = await file_answers(tx, said)
    assert (filed.news, filed.set_aside) == (3, 0)
    assert await states(trial) == {claim_number(1): "returned", claim_number(2): "paid"}
    told = [event.data["amount_fen"] for event in await trial.sent("claims.payout.settled.v1")]
    assert told == [30000, 30000, -30000]
    # The first answer again, by a callback that was long on its way.
    assert await deliver(trial, answer([paid(payout(1))], at="09:00")) == (0, 1, 0)
    # Later it would be another payout.
    assert await deliver(trial, answer([paid(payout(1))], at="16:00")) == (0, 0, 1)
    assert await balances(trial) == {"benefits": 60000, "payable": -30000, "cash": -30000}
    assert await broken(trial) == {}


async def test_a_wrong_signature_and_an_answer_that_cannot_be_read(trial: Trial) -> None:
    await sent_batch(trial, 1)
    response = await post(trial, answer([paid(payout(1))]), secret="x" * 40)
    assert (response.status_code, response.json()["type"]) == (401, "urn:unioncard:problem:signature-mismatch")
    for wrong in ({"answered_at": "yesterday"}, {"results": [{"payout_number": payout(1), "status": "paid"}]}):
        response = await post(trial, answer([paid(payout(1))]) | wrong)
        assert (response.status_code, response.json()["type"]) == (422, "urn:unioncard:problem:invalid-answer")
    assert await states(trial) == {claim_number(1): "paying"}


async def approve(trial: Trial, fen: int) -> None:
    """The one claim is to be paid so much of its 30,000, all told."""
    await trial.run(
        "UPDATE claims SET state = 'to_pay', version = version + 1, approved_fen = :fen, refused_fen = 30000 - :fen",
        fen=fen,
    )
    await trial.run("UPDATE claim_parts SET approved_fen = :fen", fen=fen)
    async with trial.context.work.begin("account:1") as tx:
        await post_approved(tx, [claim_number(1)])


async def send(trial: Trial, batch: str) -> None:
    """What is owed of the one claim is with the bank, in this batch."""
    await gather(trial)
    await tell_payees(trial, [1], batch=batch)
    await fix(trial, batch)


async def test_what_an_appeal_adds_is_paid_besides(trial: Trial) -> None:
    """10,000 of 30,000 were approved and paid; on appeal all of it is: 20,000 more, under another number."""
    await to_pay(trial, 1)
    await approve(trial, 10000)
    assert await balances(trial) == {"benefits": 10000, "payable": -10000}
    for batch, fen in ((BATCH, 10000), ("FK202003100002", 20000)):
        await send(trial, batch)
        assert await deliver(trial, answer([paid(payout(1, batch), fen)], batch)) == (1, 0, 0)
        assert (await states(trial), await broken(trial)) == ({claim_number(1): "paid"}, {})
        if fen == 10000:
            await approve(trial, 30000)
    assert await balances(trial) == {"benefits": 30000, "cash": -30000}


async def test_a_first_payout_comes_back_while_a_second_is_on_its_way(trial: Trial) -> None:
    second, third = "FK202003100002", "FK202003100003"
    await to_pay(trial, 1)
    await approve(trial, 10000)
    await send(trial, BATCH)
    await deliver(trial, answer([paid(payout(1), 10000)]))
    await approve(trial, 30000)
    await send(trial, second)
    assert await deliver(trial, answer([back(payout(1), 10000, "CARD_LOST")], at="11:00")) == (1, 0, 0)
    assert (await states(trial), await broken(trial)) == ({claim_number(1): "paying"}, {})
    # The second arrives, and so the first is what is still owed.
    assert await deliver(trial, answer([paid(payout(1, second), 20000)], second)) == (1, 0, 0)
    assert (await states(trial), await broken(trial)) == ({claim_number(1): "returned"}, {})
    body = {"payee": "own_card", "note": "已换卡"}
    await trial.ok("POST", f"/claims/{claim_number(1)}/payout-correction", body, role=Role.CENTRE_PAYER)
    await send(trial, third)
    assert await deliver(trial, answer([paid(payout(1, third), 10000)], third)) == (1, 0, 0)
    assert (await states(trial), await broken(trial)) == ({claim_number(1): "paid"}, {})
    assert await balances(trial) == {"benefits": 30000, "cash": -30000}


async def test_a_number_that_is_gone_is_not_tried_again(trial: Trial) -> None:
    """One more attempt is made: it is not spent on the very number that the bank has just said is gone."""
    second, third = "FK202003100002", "FK202003100003"
    correction = f"/claims/{claim_number(1)}/payout-correction", {"payee": "own_card", "note": "已换卡"}
    await sent_batch(trial, 1)
    await deliver(trial, answer([back(payout(1))]))
    await trial.ok("POST", *correction, role=Role.CENTRE_PAYER)
    await send(trial, second)
    assert await trial.column("SELECT unpayable FROM payouts WHERE state = 'left_out'") == ["number_gone"]
    assert (await states(trial), await balances(trial)) == (
        {claim_number(1): "returned"}, {"benefits": 30000, "payable": -30000},
    )  # fmt: skip
    await trial.run("UPDATE payout_batches SET state = 'done' WHERE number = :n", n=second)
    # card-svc has the new number now.
    await trial.ok("POST", *correction, role=Role.CENTRE_PAYER)
    await gather(trial)
    await tell_payees(trial, [1], batch=third, numbers={1: "6227009999999999901"})
    await fix(trial, third)
    assert await deliver(trial, answer([paid(payout(1, third))], third)) == (1, 0, 0)
    assert (await states(trial), await broken(trial)) == ({claim_number(1): "paid"}, {})


async def test_two_payouts_of_a_claim_are_answered_at_once(trial: Trial) -> None:
    """The first comes back in the moment in which the second arrives: whoever is later sees that money is owed."""
    second = "FK202003100002"
    await to_pay(trial, 1)
    await approve(trial, 10000)
    await send(trial, BATCH)
    await deliver(trial, answer([paid(payout(1), 10000)]))
    await approve(trial, 30000)
    await send(trial, second)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    said = PayoutAnswer.model_validate(answer([back(payout(1), 10000)], at="11:00"))
    async with trial.context.work.begin("partner:bank") as tx:
        assert (await file_answers(tx, [said])).news == 1
        other = asyncio.create_task(deliver(trial, answer([paid(payout(1, second), 20000)], second)))

        async def waits_or_is_through() -> bool:
            return other.done() or await trial.column(waiting) == [1]

        await eventually(waits_or_is_through)
    assert await other == (1, 0, 0)
    assert (await states(trial), await broken(trial)) == ({claim_number(1): "returned"}, {})


async def test_two_runs_at_once_share_the_claims(trial: Trial) -> None:
    numbers = await to_pay(trial, 40)

    async def run() -> tuple[int, int]:
        async with trial.context.work.begin("message:gather") as tx:
            return await gather_in(tx, shanghai_date(trial.clock.at))

    found = await asyncio.gather(*(run() for _ in range(4)))
    assert sum(payouts for _, payouts in found) == 40
    assert sorted(await trial.column("SELECT claim_number FROM payouts")) == numbers
    assert await broken(trial) == {}


async def test_a_batch_holds_a_thousand_and_statements_do_not_grow(trial: Trial) -> None:
    counted: list[int] = []
    for first, count, batches in ((1, 10, 1), (11, 1001, 2)):
        await to_pay(trial, count, first=first)
        with statements(trial.context.engine) as seen:
            async with trial.context.work.begin("message:gather") as tx:
                assert await gather_in(tx, shanghai_date(trial.clock.at)) == (batches, count)
            counted.append(len(seen))
    assert counted[0] == counted[1]
    sizes = await trial.column("SELECT payouts FROM payout_batches ORDER BY number")
    assert sizes == [10, 1000, 1]
    await tell_payees(trial, range(11, 1011), batch="FK202003100002")
    await trial.run("UPDATE payout_batches SET state = 'sent' WHERE number <> 'FK202003100003'")
    filed: list[int] = []
    for number, size in ((BATCH, 10), ("FK202003100002", 1000)):
        said = PayoutAnswer.model_validate(answer([paid(payout(n, number)) for n in range(1, size + 1)], number))
        with statements(trial.context.engine) as seen:
            async with trial.context.work.begin("partner:bank") as tx:
                assert (await file_answers(tx, [said])).news == size
            filed.append(len(seen))
    assert filed[0] == filed[1]
    assert await trial.column("SELECT count(*) FROM claims WHERE state = 'paid'") == [1010]


async def test_card_svc_answers_once_for_a_batch(trial: Trial) -> None:
    await to_pay(trial, 2)
    await gather(trial)
    await tell_payees(trial, [1, 2], unpayable={2: Unpayable.LOST})
    await tell_payees(trial, [1, 2, 3], unpayable={1: Unpayable.CANCELLED})
    await tell_payees(trial, [1, 2], batch="FK000000000000")
    assert await trial.column("SELECT coalesce(unpayable, 'none') FROM payouts ORDER BY number") == ["none", "lost"]
    assert await trial.column("SELECT account_end FROM payouts WHERE limits_exempt") == ["0001"]
    # Nobody but us can read the number.
    (stored,) = await trial.column("SELECT account_number FROM payouts WHERE account_number IS NOT NULL")
    assert "62270" not in stored


async def test_lists_for_staff(trial: Trial) -> None:
    await sent_batch(trial, 3)
    await deliver(trial, answer([paid(payout(1)), back(payout(2))]))
    listed = await trial.ok("GET", "/payout-batches?state=sent&first_day=2020-03-10", role=Role.CENTRE_REVIEWER)
    assert [(one["number"], one["state_label"], one["waiting"]) for one in listed["items"]] == [
        (BATCH, "银行办理中", 1)
    ]
    assert [(one["label"], one["batches"], one["amount_fen"]) for one in listed["tabs"]] == [
        ("待发送", 0, 0), ("发送中", 0, 0), ("银行办理中", 1, 90000), ("已完成", 0, 0),
    ]  # fmt: skip
    assert (await trial.ok("GET", "/payout-batches?last_day=2020-03-09", role=Role.FEDERATION))["items"] == []
    returned = await trial.ok("GET", f"/payouts?batch_number={BATCH}&state=returned", role=Role.DISTRICT)
    assert [(one["number"], one["member_name"], one["reason"]) for one in returned["items"]] == [
        (payout(2), "王芳", "卡号已更换，原卡号不能入账。")
    ]
    assert "****" in returned["items"][0]["member_document"]
    other = await trial.ok("GET", "/payouts", role=Role.DISTRICT, organisation=OTHER_DISTRICT)
    assert other["items"] == []
    first = await trial.ok("GET", "/payouts?limit=2", role=Role.CENTRE_PAYER)
    rest = await trial.ok("GET", f"/payouts?limit=2&after={first['next']}", role=Role.CENTRE_PAYER)
    assert [one["number"] for one in (*first["items"], *rest["items"])] == [payout(n) for n in (1, 2, 3)]
    response = await trial.call("GET", f"/payout-batches/{BATCH}/export.xlsx", role=Role.CENTRE_PAYER)
    rows = list(openpyxl.load_workbook(BytesIO(response.content)).worksheets[0].iter_rows(values_only=True))
    assert rows[1][:2] == ("划款合计", "900.00")
    assert rows[-2][10:13] == ("300.00", "已退回", "卡号已更换，原卡号不能入账。")
    assert (await trial.call("GET", f"/payout-batches/{BATCH}", role=Role.UNION)).status_code == 403
    assert (await trial.call("POST", "/payout-batches", {}, role=Role.CENTRE_REVIEWER)).status_code == 403


async def test_the_payer_gathers_by_hand(trial: Trial) -> None:
    await to_pay(trial, 2)
    made = await trial.ok("POST", "/payout-batches", {}, role=Role.CENTRE_PAYER, key="gather-001")
    assert made == {"batches": 1, "payouts": 2}
    again = await trial.ok("POST", "/payout-batches", {}, role=Role.CENTRE_PAYER, key="gather-001")
    assert again == made
    assert await trial.ok("POST", "/payout-batches", {}, role=Role.CENTRE_PAYER) == {"batches": 0, "payouts": 0}


async def test_what_the_bank_says_has_arrived_after_all_is_not_sent_again_before_somebody_asked(trial: Trial) -> None:
    await sent_batch(trial, 1)
    await deliver(trial, answer([back(payout(1))]))
    # One row for staff to look at, and no effect: the money is still thought to have come back.
    assert await deliver(trial, answer([paid(payout(1))], at="11:00")) == (0, 0, 1)
    assert await states(trial) == {claim_number(1): "returned"}
    path = f"/claims/{claim_number(1)}/payout-correction"
    body = {"payee": "own_card", "note": "已换卡"}
    response = await trial.call("POST", path, body, role=Role.CENTRE_PAYER)
    assert (response.status_code, response.json()["type"].rpartition(":")[2]) == (409, "said-to-have-arrived")
    assert await states(trial) == {claim_number(1): "returned"}
    await trial.ok("POST", path, body | {"bank_denies_arrival": True}, role=Role.CENTRE_PAYER)
    assert await states(trial) == {claim_number(1): "to_pay"}
    denied = "SELECT after ->> 'bank_denies_arrival' FROM audit_log WHERE action = 'payout.corrected'"
    assert await trial.column(denied) == ["true"]


async def test_a_correction_is_judged(trial: Trial) -> None:
    await sent_batch(trial, 2)
    await deliver(trial, answer([paid(payout(1)), back(payout(2))]))
    path = f"/claims/{claim_number(2)}/payout-correction"
    card = {"payee": "own_card", "note": "已换卡"}

    async def refused(body: dict[str, Any], path: str = path, role: Role = Role.CENTRE_PAYER) -> tuple[int, str]:
        response = await trial.call("POST", path, body, role=role)
        return response.status_code, response.json()["type"].rpartition(":")[2]

    assert await refused(card, role=Role.DISTRICT) == (403, "role-not-allowed")
    assert await refused(card, f"/claims/{claim_number(1)}/payout-correction") == (409, "not-returned")
    assert await refused(card, "/claims/GF999/payout-correction") == (404, "not-found")
    assert await refused(card | {"payee": "heir"}) == (422, "payee")
    assert await refused(card | {"account_id": 5}) == (422, "account-not-wanted")
    assert await refused({"payee": "unit_account", "account_id": 5, "note": "x"}) == (422, "account-not-usable")
    assert await refused({"payee": "unit_account", "note": "x"}) == (422, "account-not-usable")
    assert await states(trial) == {claim_number(1): "paid", claim_number(2): "returned"}
