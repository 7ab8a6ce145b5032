"""Submitting, looking, printing, calling, picking up and closing over HTTP."""

import asyncio
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from openpyxl import load_workbook
from pypdf import PdfReader

from card_svc.bank.models import Answer
from card_svc.bank.store import file_answers
from card_svc_testing import Trial, answer, failed, issued, member, submission
from card_svc_testing import card_number as card_of
from unioncard.contracts.cards import NoticeKind, NotifyBatch
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, FEDERATION, SECOND, SIBLING, STRANGER


async def answered(trial: Trial, number: str, results: list[dict[str, Any]]) -> None:
    """The bank has answered."""
    async with trial.context.work.begin("partner:bank") as tx:
        await file_answers(tx, trial.personal, [Answer.model_validate(answer(number, results))])


async def refusal(trial: Trial, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
    """(status, code) of a refusal."""
    response = await trial.call(method, path, body, **more)
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["type"].rpartition(":")[2]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"contact_mobile": "021-12345678"}, "mobile-format"),
        ({"contact_mobile": "1380000000"}, "mobile-format"),
        ({"contact_name": "12345"}, "name-digit"),
        ({"outlet": "nowhere"}, "unknown-outlet"),
        ({"branch": "浦西示例支行"}, "unknown-outlet"),
        ({"branch": None}, "invalid-request"),
        ({"channel": "special"}, "invalid-request"),
        ({"contact_name": "张\x00三"}, "invalid-request"),
    ],
)
async def test_a_submission_that_is_wrong_changes_nothing(trial: Trial, changed: dict[str, Any], code: str) -> None:
    await trial.listed(2)
    assert await refusal(trial, "POST", "/batches", submission() | changed) == (422, code)
    assert await trial.column("SELECT number FROM batches") == []
    assert await trial.column("SELECT count(*) FROM todo") == [2]


async def test_an_unchecked_member_holds_the_batch_up(trial: Trial) -> None:
    await trial.listed(2)
    await trial.listed(1, first=3, passed=False)
    response = await trial.call("POST", "/batches", submission())
    assert (response.status_code, response.json()["title"]) == (409, "有 1 名会员尚不能提交")
    assert response.json()["rows"][0]["remedy"] == "请先提交系统校验，或将该会员移出待办"
    assert await trial.column("SELECT number FROM batches") == []


async def test_an_incomplete_record_holds_the_special_channel_up(trial: Trial) -> None:
    await trial.listed(1, document_type="passport", document_number="E12345678", document_expiry=None)
    response = await trial.call("POST", "/batches", submission("special"))
    assert (response.status_code, response.json()["rows"][0]["field"]) == (409, "信息完善状态")
    await trial.ok("PUT", "/todo/1/document", {"document_expiry": "9999-12-31", "nationality": "法国"})
    await trial.ok("POST", "/batches", submission("special"))


async def test_two_submissions_at_once_make_one_batch(trial: Trial) -> None:
    await trial.listed(5)
    answers = await asyncio.gather(*(trial.call("POST", "/batches", submission()) for _ in range(3)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    assert await trial.column("SELECT members FROM batches") == [5]
    assert len(await trial.sent("card.batch.submitted.v1")) == 1


async def test_the_same_submission_twice_and_at_once(trial: Trial) -> None:
    await trial.listed(5)
    presses = (trial.call("POST", "/batches", submission(), key="pressed-twice") for _ in range(3))
    answers = await asyncio.gather(*presses)
    assert [one.status_code for one in answers] == [201] * 3
    assert len({one.json()["batches"][0]["number"] for one in answers}) == 1
    assert await trial.column("SELECT members FROM batches") == [5]


async def test_more_than_a_thousand_become_several_batches(trial: Trial) -> None:
    ids = list(range(1, 2002))
    await trial.tell_members(*(member(n) for n in ids))
    await trial.ok("POST", "/todo", {"all": True})
    await trial.run("UPDATE todo SET check_state = 'passed'")
    batches = (await trial.ok("POST", "/batches", submission()))["batches"]
    stem = "cbc363202404291502"
    assert [(one["number"], one["members"]) for one in batches] == [(stem, 1000), (stem + "01", 1000), (stem + "02", 1)]
    assert len(await trial.sent("card.batch.submitted.v1")) == 3
    assert await trial.column("SELECT max(place) FROM batch_members GROUP BY batch_number ORDER BY 1") == [
        1,
        1000,
        1000,
    ]


async def test_a_number_that_is_taken_gets_two_digits_and_a_full_minute_the_next(trial: Trial) -> None:
    assert await trial.submitted(1) == "cbc363202404291502"
    assert await trial.submitted(1, first=2) == "cbc36320240429150201"
    await trial.run("UPDATE batch_numbers SET used = 99")
    assert await trial.submitted(1, first=3) == "cbc36320240429150299"
    assert await trial.submitted(1, first=4) == "cbc363202404291503"


async def test_a_siblings_batch_does_not_exist(trial: Trial) -> None:
    number = await trial.submitted(1)
    for organisation in (SIBLING, STRANGER):
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/members", None),
            ("GET", "/papers", None),
            ("GET", "/register.pdf", None),
            ("POST", "/call", {"called_on": "2024-04-29"}),
            ("POST", "/pickups", {"all_collected": True, "on": "2024-04-29"}),
        ):
            found = await refusal(trial, method, f"/batches/{number}{path}", body, organisation=organisation)
            assert found == (404, "not-found"), path
        assert (await trial.ok("GET", "/batches", organisation=organisation))["total"] == 0
    for role, organisation in ((Role.SECOND_LEVEL, SECOND), (Role.DISTRICT, DISTRICT), (Role.FEDERATION, FEDERATION)):
        assert (await trial.ok("GET", "/batches", role=role, organisation=organisation))["total"] == 1
        assert (await trial.ok("GET", f"/batches/{number}", role=role, organisation=organisation))["members"] == 1


async def test_the_list_of_batches(trial: Trial) -> None:
    first = await trial.submitted(1)
    trial.clock.at += timedelta(days=2)
    second = await trial.submitted(1, first=2)
    listed = await trial.ok("GET", "/batches")
    assert [one["number"] for one in listed["items"]] == [second, first]
    assert (await trial.ok("GET", "/batches", params={"submitted_until": "2024-04-29"}))["total"] == 1
    assert (await trial.ok("GET", "/batches", params={"submitted_from": "2024-04-30"}))["total"] == 1
    assert (await trial.ok("GET", "/batches", params={"number": first}))["items"][0]["number"] == first
    assert (await trial.ok("GET", "/batches", params={"printed": True}))["total"] == 0
    await trial.call("GET", f"/batches/{first}/register.pdf")
    assert (await trial.ok("GET", "/batches", params={"printed": True}))["items"][0]["number"] == first
    await trial.run("UPDATE batches SET numbers_due_at = submitted_at + interval '3 days'")
    trial.clock.at += timedelta(days=2)
    assert [one["number"] for one in (await trial.ok("GET", "/batches", params={"late": True}))["items"]] == [first]
    assert (await trial.ok("GET", f"/batches/{first}"))["late"]


async def test_the_register(trial: Trial) -> None:
    await trial.listed(30)
    await trial.listed(1, first=31, name="欧阳·示例", document_expiry="9999-12-31")
    number = (await trial.ok("POST", "/batches", submission()))["batches"][0]["number"]
    response = await trial.call("GET", f"/batches/{number}/register.pdf")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(response.content)).pages)
    for expected in (
        "上海工会会员服务卡批量开户汇总表",
        number,
        "示例科技公司工会",
        "13800000000",
        "欧阳·示例",
        "长期",
    ):
        assert expected in text
    assert member(7)["document_number"] in text
    printed_at = (await trial.ok("GET", f"/batches/{number}"))["register_printed_at"]
    trial.clock.at += timedelta(hours=1)
    await answered(trial, number, [issued(1), failed(2)])
    response = await trial.call("GET", f"/batches/{number}/register.pdf")
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(response.content)).pages)
    assert card_of(1) in text
    assert (await trial.ok("GET", f"/batches/{number}"))["register_printed_at"] == printed_at
    assert len(await trial.column("SELECT id FROM audit_log WHERE action = 'batch.register-printed'")) == 2


async def test_a_character_that_no_font_has_is_named(trial: Trial) -> None:
    # U+2B740 lies in an extension that Noto Sans CJK leaves out.
    number = await trial.submitted(1, name="张\U0002b740")
    response = await trial.call("GET", f"/batches/{number}/register.pdf")
    assert response.status_code == 409
    assert "U+2B740" in response.json()["title"]
    assert "UNIONCARD_FONT_PATHS" in response.json()["detail"]
    assert (await trial.ok("GET", f"/batches/{number}"))["register_printed_at"] is None


async def test_a_further_font_prints_what_noto_lacks(trial: Trial, tmp_path: Path, monkeypatch: Any) -> None:
    _font_with(tmp_path / "Rare.ttf", 0x2B740)
    monkeypatch.setattr(trial.settings, "font_paths", [tmp_path])
    number = await trial.submitted(1, name="张\U0002b740")
    response = await trial.call("GET", f"/batches/{number}/register.pdf")
    assert response.status_code == 200, response.text
    assert "张\U0002b740" in PdfReader(BytesIO(response.content)).pages[0].extract_text()


def _font_with(file: Path, code: int) -> None:
    """A font that has this character, as a square, and nothing else."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", "rare"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({code: "rare"})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Rare Square", "styleName": "Regular", "psName": "RareSquare"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    builder.save(str(file))


async def test_the_list_of_papers(trial: Trial) -> None:
    number = await trial.submitted(3)
    listed = await trial.ok("GET", f"/batches/{number}/papers")
    assert (listed["on"], listed["channel"]) == ("2024-04-29", "normal")
    # G19 44: five kinds; the last are copies of each member's document.
    assert [one["copies"] for one in listed["papers"]] == [2, 1, 1, 1, 3]


async def test_the_banks_call(trial: Trial) -> None:
    number = await trial.submitted(1)
    path = f"/batches/{number}/call"
    assert await refusal(trial, "POST", path, {"called_on": "2024-04-28"}) == (422, "bad-day")
    assert await refusal(trial, "POST", path, {"called_on": "2024-04-30"}) == (422, "bad-day")
    trial.clock.at += timedelta(days=10)
    assert (await trial.ok("POST", path, {"called_on": "2024-05-08"}))["called_on"] == "2024-05-08"
    await trial.ok("POST", path, {"called_on": "2024-05-08"})
    (event,) = await trial.sent("card.batch.called.v1")
    assert (event.data["called_on"], event.data["members"]) == ("2024-05-08", 1)
    special = await trial.submitted(1, first=2, channel="special", document_type="passport", document_number="E1234567")
    assert await refusal(trial, "POST", f"/batches/{special}/call", {"called_on": "2024-05-08"}) == (409, "no-call")


async def test_pickups(trial: Trial) -> None:
    number = await trial.submitted(4)
    path = f"/batches/{number}/pickups"
    await answered(trial, number, [issued(1), issued(2), issued(3)])
    wrong = await trial.call("POST", path, {"collected": [1, 4, 9], "on": "2024-04-29"})
    assert wrong.status_code == 422
    assert [row["number"] for row in wrong.json()["rows"]] == ["会员 4", "会员 9"]
    assert await trial.column("SELECT pickup FROM batch_members WHERE pickup IS NOT NULL") == []

    first = await trial.ok("POST", path, {"collected": [1], "in_person": [{"member_id": 2}], "on": "2024-04-29"})
    assert (first["recorded"], first["counts"]["unaccounted"]) == (2, 1)
    again = await trial.ok("POST", path, {"collected": [1], "in_person": [{"member_id": 2}], "on": "2024-04-29"})
    assert again["recorded"] == 0
    # A member who comes with the letter has collected; who has collected does not go back.
    assert (await trial.ok("POST", path, {"collected": [2], "on": "2024-04-29"}))["recorded"] == 1
    assert await refusal(trial, "POST", path, {"in_person": [{"member_id": 1}], "on": "2024-04-29"}) == (
        422,
        "pickups-unfit",
    )
    rest = await trial.ok("POST", path, {"all_collected": True, "on": "2024-04-29"})
    assert (rest["recorded"], rest["state"]) == (1, "submitted")
    await answered(trial, number, [failed(4)])
    assert (await trial.ok("GET", f"/batches/{number}"))["state"] == "completed"
    assert len(await trial.sent("card.batch.picked-up.v1")) == 3


async def test_closing_is_for_those_above_and_still_takes_late_answers(trial: Trial) -> None:
    number = await trial.submitted(2)
    path = f"/batches/{number}/closure"
    assert (await trial.call("POST", path, {"reason": "会员已离职"})).status_code == 403
    above = {"role": Role.DISTRICT, "organisation": DISTRICT}
    assert await refusal(trial, "POST", path, {"reason": ""}, **above) == (422, "invalid-request")
    assert await refusal(trial, "POST", path, {"reason": "银行长期未反馈"}, **above) == (409, "not-at-bank")
    await trial.run("UPDATE batches SET state = 'accepted', accepted_at = submitted_at")
    closed = await trial.ok("POST", path, {"reason": "银行长期未反馈"}, **above)
    assert (closed["state"], closed["close_reason"]) == ("closed", "银行长期未反馈")
    assert await refusal(trial, "POST", path, {"reason": "再关一次"}, **above) == (409, "batch-over")
    assert len(await trial.sent("card.batch.closed.v1")) == 1
    await answered(trial, number, [issued(1)])
    assert (await trial.ok("GET", "/cards/1"))["state"] == "issued"
    assert (await trial.ok("GET", f"/batches/{number}"))["state"] == "closed"


async def test_notices_reach_whom_they_concern_once(trial: Trial) -> None:
    number = await trial.submitted(1)
    late = NotifyBatch(batch_number=number, kind=NoticeKind.NUMBERS_LATE)
    reply = await trial.command(late, f"card-batch/{number}/notice/numbers_late/1")
    assert reply["data"]["result"]["recipients"] == 3
    # The same under another key, as after a reset, tells nobody again.
    await trial.command(late, f"card-batch/{number}/notice/numbers_late/1/again")
    for role, organisation, expected in (
        (Role.UNION, 345, 1),
        (Role.DISTRICT, DISTRICT, 1),
        (Role.FEDERATION, FEDERATION, 1),
        (Role.SECOND_LEVEL, SECOND, 0),
        (Role.UNION, SIBLING, 0),
    ):
        page = await trial.ok("GET", "/notices", role=role, organisation=organisation)
        assert page["unread"] == expected, role
    notice = (await trial.ok("GET", "/notices"))["items"][0]
    assert "1 人的卡号未生成" in notice["text"]
    assert (await trial.call("POST", f"/notices/{notice['id']}/read", organisation=SIBLING)).status_code == 404
    await trial.ok("POST", f"/notices/{notice['id']}/read")
    await trial.ok("POST", f"/notices/{notice['id']}/read")
    assert (await trial.ok("GET", "/notices", params={"unread": True}))["items"] == []
    unknown = NotifyBatch(batch_number="cbc000202404291502", kind=NoticeKind.CALL_OVERDUE)
    assert (await trial.command(unknown, "nobody"))["type"] == "command.refused.v1"


async def test_the_export(trial: Trial) -> None:
    number = await trial.submitted(2)
    await answered(trial, number, [issued(1), failed(2)])
    response = await trial.call("GET", "/cards/export.xlsx", params={"state": "issued"})
    rows = list(load_workbook(BytesIO(response.content)).active.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert rows[0][:3] == ("会员编号", "姓名", "性别")
    assert [row[0] for row in rows[1:]] == ["3630000001"]
    assert (rows[1][6], rows[1][9]) == ("6299****0001", "已办卡")


async def test_the_audit_names_every_change(trial: Trial) -> None:
    number = await trial.submitted(1)
    page = await trial.ok("GET", "/audit-log", role=Role.FEDERATION, organisation=FEDERATION)
    assert [one["action"] for one in page["items"]] == ["batch.submitted", "todo.added", "outlets.loaded"]
    assert (page["items"][0]["subject"], page["items"][0]["actor"]) == (f"batch:{number}", "account:345")
    assert (await trial.call("GET", "/audit-log")).status_code == 403
