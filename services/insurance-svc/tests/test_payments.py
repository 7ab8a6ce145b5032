"""Union payments, bank statements, write-off and voiding, with money worked out by hand (domain 5)."""

import asyncio
from datetime import date
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from insurance_svc.batches.store import move_due
from insurance_svc.ledger.rules import settled as surplus
from insurance_svc.ledger.store import post
from insurance_svc_testing import Trial
from insurance_svc_testing.districts import HEADER, basket, ledger, load, passed, season, submit
from insurance_svc_testing.lists import CLASS_B_HALF, plan_2020, put_list, shanghai
from unioncard.contracts.insurance import VoidUnpaid
from unioncard.principal import Role
from unioncard_testing import statements
from unioncard_testing.trial import OTHER_DISTRICT, SIBLING

SUBMITTED = shanghai("2019-12-30T10:00")
NUMBER = "CB201912300001"
# Of 10 heads of class A, 26.00 yuan each: subsidy 130.00, district 50.00, union 80.00; due 130.00.
DUE = {"district_receivable": 13000, "subsidy_receivable": 13000, "premiums": -26000}


async def passed_batch(trial: Trial, heads: int = 10, first_member: int = 1) -> str:
    """A batch that waits for its money."""
    await put_list(trial, heads, first_member=first_member)
    await basket(trial)
    number = str((await submit(trial))["number"])
    await passed(trial, number)
    return number


@pytest.fixture
async def due(trial: Trial) -> Trial:
    """One batch of 130.00 yuan is due by 20 January 2020; it is noon of the 21st."""
    await plan_2020(trial)
    trial.clock.at = SUBMITTED
    assert await passed_batch(trial) == NUMBER
    trial.clock.at = shanghai("2020-01-21T12:00")
    return trial


async def shown(trial: Trial, number: str = NUMBER) -> dict[str, Any]:
    batch: dict[str, Any] = await trial.ok("GET", f"/premium-batches/{number}", role=Role.CENTRE_PAYER)
    return batch


async def judge(trial: Trial, number: str = NUMBER, key: str = "1") -> dict[str, Any]:
    """The workflow asks to void; what it is told."""
    reply = await trial.command(VoidUnpaid(batch_number=number), f"premium-payment/{number}/void/{key}")
    result: dict[str, Any] = reply["data"]["result"]
    return result


async def settle(trial: Trial, reference: str, **body: Any) -> Any:
    path = f"/statement-lines/{reference}/settlement"
    return await trial.ok("POST", path, {"note": "已核对"} | body, role=Role.CENTRE_PAYER)


async def test_exact_and_written_off(due: Trial) -> None:
    loaded = await load(due, "2020-01-20", ("A-1", "2020-01-20", "130.00", f"{NUMBER} 保费"))
    assert loaded == {"exact": 1}
    assert await ledger(due) == {"cash": 13000, "subsidy_receivable": 13000, "premiums": -26000}
    written = await due.ok("POST", "/premium-batches/write-offs", {"all_paid": True}, role=Role.CENTRE_PAYER)
    assert written == {"numbers": [NUMBER], "heads": 10}
    again = await due.ok("POST", "/premium-batches/write-offs", {"numbers": [NUMBER]}, role=Role.CENTRE_PAYER)
    assert again == {"numbers": [], "heads": 0}
    assert len(await due.sent("insurance.batch.written-off.v1")) == 1
    assert [one.data["day"] for one in await due.sent("insurance.statement.reconciled.v1")] == ["2020-01-20"]
    assert (await judge(due))["state"] == "written_off"


async def test_short_waits_for_the_rest(due: Trial) -> None:
    assert await load(due, "2020-01-17", ("A-1", "2020-01-17", "100.00", NUMBER)) == {"short": 1}
    refused = await due.call("POST", "/premium-batches/write-offs", {"numbers": [NUMBER]}, role=Role.CENTRE_PAYER)
    assert refused.json()["rows"][0]["reason"] == "尚缺 30.00 元"
    assert await load(due, "2020-01-18", ("A-2", "2020-01-18", "30", NUMBER)) == {"exact": 1}
    assert await due.column("SELECT settlement FROM statement_lines ORDER BY bank_reference") == ["attached", None]
    assert (await shown(due))["received_fen"] == 13000


async def test_over_and_twice_are_given_back_or_kept_as_credit(due: Trial) -> None:
    rows = ("A-1", "2020-01-20", "150.00", NUMBER), ("A-2", "2020-01-20", "130.00", NUMBER)
    assert await load(due, "2020-01-20", *rows) == {"over": 1, "twice": 1}
    assert (await ledger(due))["refunds_due"] == -15000
    await settle(due, "A-1", settlement="credited")
    await settle(due, "A-2", settlement="refunded")
    # 280.00 came, 130.00 went back; of the rest 130.00 pay the batch and 20.00 are the district's credit
    assert await ledger(due) == {
        "cash": 15000, "subsidy_receivable": 13000, "premiums": -26000, "district_credit": -2000,
    }  # fmt: skip
    refused = await due.call(
        "POST", "/statement-lines/A-1/settlement", {"settlement": "refunded", "note": "再退"}, role=Role.CENTRE_PAYER
    )
    assert refused.json()["type"] == "urn:unioncard:problem:line-settled"


async def test_a_wrong_reference_holds_up_the_day_until_it_is_attached(due: Trial) -> None:
    first = "2019-12-30"
    loaded = await load(due, "2020-01-20", ("A-1", "2020-01-20", "130.00", "会费"), first_day=first)
    assert loaded == {"wrong_reference": 1}
    assert await ledger(due, 0) == {"cash": 13000, "refunds_due": -13000}
    assert "2020-01-20" not in [one.data["day"] for one in await due.sent("insurance.statement.reconciled.v1")]
    # Whose the money is nobody knows yet: nothing is voided meanwhile.
    assert (await judge(due))["state"] == "passed"
    settled = await settle(due, "A-1", settlement="attached", batch_number=NUMBER)
    assert (settled["outcome"], settled["counted_fen"], settled["settlement"]) == ("exact", 13000, "attached")
    assert await ledger(due, 0) == {}
    assert await ledger(due) == {"cash": 13000, "subsidy_receivable": 13000, "premiums": -26000}
    assert (await due.sent("insurance.statement.reconciled.v1"))[-1].data["day"] == "2020-01-20"
    assert (await judge(due, key="2"))["state"] == "passed"


async def test_unpaid_is_void_as_if_it_never_was(due: Trial) -> None:
    await load(due, "2020-01-19", ("A-1", "2020-01-18", "100.00", NUMBER), first_day="2019-12-30")
    assert (await judge(due))["state"] == "passed"
    await load(due, "2020-01-20")
    assert await judge(due, key="2") == {
        "state": "voided", "due_at": "2020-01-20T16:00:00Z", "vouchers": 0, "received_fen": 10000,
    }  # fmt: skip
    assert await ledger(due) == {"cash": 10000, "refunds_due": -10000}
    assert await due.column("SELECT state FROM enrolments") == ["voided"]
    assert await due.column("SELECT count(*) FROM policies WHERE NOT void") == [0]
    assert await due.column("SELECT class_code FROM union_classes") == []
    assert "应缴130.00元，及时到账100.00元" in (await shown(due))["void_reason"]
    (event,) = await due.sent("insurance.batch.voided.v1")
    assert event.data["batch_number"] == NUMBER
    await settle(due, "A-1", settlement="refunded")
    assert await ledger(due) == {}


async def test_late_money_does_not_save_a_batch(due: Trial) -> None:
    due.clock.at = shanghai("2020-01-22T12:00")
    await load(due, "2020-01-21", ("A-1", "2020-01-21", "130.00", NUMBER), first_day="2019-12-30")
    assert (await shown(due))["received_fen"] == 0
    assert (await judge(due))["state"] == "voided"
    await settle(due, "A-1", settlement="refunded")
    assert await ledger(due) == {}


async def test_nothing_is_void_before_the_last_day_is_over(due: Trial) -> None:
    due.clock.at = shanghai("2020-01-20T23:59:59.999")
    await load(due, "2020-01-19", first_day="2019-12-30")
    assert (await judge(due))["state"] == "passed"


async def test_a_missing_day_delays_the_judgement(due: Trial) -> None:
    await load(due, "2020-01-20", first_day="2020-01-10")
    assert (await judge(due))["state"] == "passed"
    await load(due, "2020-01-09", first_day="2019-12-30")
    assert (await judge(due, key="2"))["state"] == "voided"


async def test_a_day_and_a_movement_count_once(due: Trial) -> None:
    await load(due, "2020-01-19", ("A-1", "2020-01-19", "100.00", NUMBER))
    files = {"file": ("s.csv", HEADER.encode(), "text/csv")}
    twice = await due.call("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-19"}, files=files)
    assert twice.json()["type"] == "urn:unioncard:problem:statement-loaded"
    files = {"file": ("s.csv", f"{HEADER}A-1,2020-01-20,100.00,某,{NUMBER}\n".encode(), "text/csv")}
    twice = await due.call("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-20"}, files=files)
    assert (twice.status_code, twice.json()["rows"][0]["number"]) == (409, "A-1")
    assert (await shown(due))["received_fen"] == 10000


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("A 1,2020-01-20,1.00,某,x", "流水号"),
        ("A-1,2020-01-32,1.00,某,x", "起息日"),
        ("A-1,2020-01-19,1.00,某,x", "起息日"),
        ("A-1,2020-01-20,1.005,某,x", "金额"),
        ("A-1,2020-01-20,-1.00,某,x", "金额"),
    ],
)
async def test_bad_rows_are_named(due: Trial, row: str, field: str) -> None:
    files = {"file": ("s.csv", f"{HEADER}{row}\n".encode(), "text/csv")}
    answer = await due.call("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-20"}, files=files)
    assert (answer.status_code, [one["field"] for one in answer.json()["rows"]]) == (422, [field])
    assert await due.column("SELECT day FROM statements") == []


async def test_todays_statement_is_not_complete(due: Trial) -> None:
    files = {"file": ("s.csv", HEADER.encode(), "text/csv")}
    answer = await due.call("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-21"}, files=files)
    assert answer.json()["type"] == "urn:unioncard:problem:day-not-over"


@pytest.mark.parametrize(("moment", "status"), [("2019-12-31T23:59:59.999", 201), ("2020-01-01T00:00", 409)])
async def test_union_payments_have_their_last_day(trial: Trial, moment: str, status: int) -> None:
    await plan_2020(trial)
    one = await put_list(trial, 10, paid=False)
    trial.clock.at = shanghai(moment)
    body = {"payments": [{"enrolment_id": one, "amount_fen": 8000}], "paid_on": "2019-12-31"}
    answer = await trial.call("POST", "/union-payments", body, role=Role.DISTRICT)
    assert answer.status_code == status, answer.text


async def test_union_payments_add_up_and_can_be_taken_back(trial: Trial) -> None:
    await plan_2020(trial)
    one = await put_list(trial, 10, paid=False)

    async def pay(fen: int) -> Any:
        body = {"payments": [{"enrolment_id": one, "amount_fen": fen}], "paid_on": "2019-11-04"}
        return await trial.call("POST", "/union-payments", body, role=Role.DISTRICT)

    assert (await pay(5000)).status_code == 201
    too_much = await pay(3001)
    assert too_much.json()["rows"][0]["reason"] == "超过应缴的 80.00 元"
    assert (await pay(-5001)).status_code == 422
    assert (await pay(-1000)).status_code == 201
    unpaid = await trial.ok("GET", "/district-review/lists", params=season(unpaid=True), role=Role.DISTRICT)
    assert [(row["id"], row["paid_fen"]) for row in unpaid["items"]] == [(one, 4000)]
    assert (await pay(4000)).status_code == 201
    listed = await trial.ok("GET", "/union-payments", role=Role.UNION)
    assert [row["amount_fen"] for row in listed["items"]] == [4000, -1000, 5000]


async def test_statements_do_not_grow_with_batches(trial: Trial) -> None:
    await plan_2020(trial)
    seen, member = [], 1
    for day, count in ((18, 2), (19, 20)):
        trial.clock.at = SUBMITTED
        numbers = []
        for _ in range(count):
            numbers.append(await passed_batch(trial, 1, first_member=member))
            member += 1
        trial.clock.at = shanghai("2020-01-21T12:00")
        rows = [(f"{day}-{n}", f"2020-01-{day}", "13.00", number) for n, number in enumerate(numbers)]
        with statements(trial.context.engine) as sent:
            assert await load(trial, f"2020-01-{day}", *rows) == {"exact": count}
            written = await trial.ok("POST", "/premium-batches/write-offs", {"all_paid": True}, role=Role.CENTRE_PAYER)
            assert written["heads"] == count
            seen.append(len(sent))
    assert seen[0] == seen[1]
    # 22 heads of A: everything is paid but the subsidy of 13.00 each
    assert await ledger(trial) == {"cash": 28600, "subsidy_receivable": 28600, "premiums": -57200}


async def test_a_write_off_and_a_judgement_at_once(due: Trial) -> None:
    await load(due, "2020-01-20", ("A-1", "2020-01-20", "130.00", NUMBER), first_day="2019-12-30")
    written, judged = await asyncio.gather(
        due.call("POST", "/premium-batches/write-offs", {"numbers": [NUMBER]}, role=Role.CENTRE_PAYER), judge(due)
    )
    assert (written.status_code, judged["state"] in ("passed", "written_off")) == (201, True)
    assert (await shown(due))["state"] == "written_off"


async def test_money_and_judgement_at_once_leave_nothing_in_between(due: Trial) -> None:
    await load(due, "2020-01-19", first_day="2019-12-30")
    rows = (("A-1", "2020-01-20", "130.00", NUMBER),)
    await asyncio.gather(load(due, "2020-01-20", *rows), judge(due))
    assert (await judge(due, key="2"))["state"] == "passed"
    assert await ledger(due) == {"cash": 13000, "subsidy_receivable": 13000, "premiums": -26000}


async def test_the_last_day_moves_with_the_calendar(due: Trial) -> None:
    due.clock.at = shanghai("2020-01-22T12:00")
    rows = (("A-1", "2020-01-21", "130.00", NUMBER),)
    assert await load(due, "2020-01-21", *rows, first_day="2019-12-30") == {"late": 1}
    async with due.context.work.begin("account:1") as tx:
        assert await move_due(tx, "centralized", 2020, 13, date(2020, 1, 31)) == 0
        assert await move_due(tx, "centralized", 2020, 0, date(2020, 1, 31)) == 1
    (event,) = await due.sent("insurance.batch.due-changed.v1")
    assert event.data["due_at"] == "2020-01-31T16:00:00Z"
    assert (await judge(due))["state"] == "passed"
    settled = await settle(due, "A-1", settlement="attached", batch_number=NUMBER)
    assert (settled["outcome"], (await shown(due))["received_fen"]) == ("exact", 13000)
    assert await ledger(due) == {"cash": 13000, "subsidy_receivable": 13000, "premiums": -26000}


async def test_what_pays_one_batch_pays_no_other(due: Trial) -> None:
    due.clock.at = SUBMITTED
    other = await passed_batch(due, 1, first_member=90)
    due.clock.at = shanghai("2020-01-18T12:00")
    assert await load(due, "2020-01-17", ("A-1", "2020-01-17", "100.00", NUMBER)) == {"short": 1}
    body = {"settlement": "attached", "batch_number": other, "note": "改对应"}
    refused = await due.call("POST", "/statement-lines/A-1/settlement", body, role=Role.CENTRE_PAYER)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:unioncard:problem:line-counted")
    assert [(await shown(due, one))["received_fen"] for one in (NUMBER, other)] == [10000, 0]


async def test_a_void_batch_gives_its_credit_back(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMITTED
    async with trial.context.work.begin("account:1") as tx:
        await post(tx, [surplus(1, 12, 2018, 2500)])
    number = await passed_batch(trial)
    assert await ledger(trial) == DUE | {"district_receivable": 10500, "settlement": 2500}
    trial.clock.at = shanghai("2020-01-21T12:00")
    await load(trial, "2020-01-20", first_day="2019-12-30")
    assert (await judge(trial, number))["state"] == "voided"
    assert await ledger(trial) == {"settlement": 2500, "district_credit": -2500}


async def test_no_district_records_anothers_payments(trial: Trial) -> None:
    await plan_2020(trial)
    trial.clock.at = SUBMITTED
    one = await put_list(trial, 10, paid=False)
    body = {"payments": [{"enrolment_id": one, "amount_fen": 8000}], "paid_on": "2019-12-30"}
    other = await trial.call("POST", "/union-payments", body, role=Role.DISTRICT, organisation=OTHER_DISTRICT)
    assert other.status_code == 422
    assert await trial.column("SELECT paid_fen FROM enrolments") == [0]


async def test_days_of_a_calendar_do_not_move_what_is_due_thirty_days_later(due: Trial) -> None:
    await put_list(due, 2, CLASS_B_HALF, way="no_cover", class_code="B", union_id=SIBLING, first_member=90)
    await basket(due, "instant")
    number = str((await submit(due, "instant"))["number"])
    assert (await passed(due, number))["due_on"] == "2020-02-20"
    async with due.context.work.begin("account:1") as tx:
        assert await move_due(tx, "instant", 2020, 0, date(2020, 1, 31)) == 0
    assert (await shown(due, number))["due_on"] == "2020-02-20"


async def test_a_statement_can_be_a_workbook(due: Trial) -> None:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.append(["流水号", "起息日", "金额", "付款人", "附言"])
    page.append(["A-1", date(2020, 1, 20), 130.0, "示例区总工会", NUMBER])
    page.append(["A-2", "2020-01-20", "0.10", "示例区总工会", "利息"])
    content = BytesIO()
    book.save(content)
    files = {"file": ("statement.xlsx", content.getvalue(), "application/octet-stream")}
    loaded = await due.ok("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-20"}, files=files)
    assert (loaded["amount_fen"], loaded["outcomes"]["exact"], loaded["outcomes"]["wrong_reference"]) == (13010, 1, 1)
    files = {"file": ("statement.xlsx", content.getvalue()[:500], "application/octet-stream")}
    broken = await due.call("POST", "/statements", role=Role.CENTRE_PAYER, data={"last_day": "2020-01-19"}, files=files)
    assert (broken.status_code, broken.json()["type"]) == (422, "urn:unioncard:problem:statement-broken")
