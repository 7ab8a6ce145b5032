"""What districts are told, on the platform and by e-mail, and the papers of a batch."""

from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest

from insurance_svc_testing import Trial, open_trial, trial_of
from insurance_svc_testing.districts import basket, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from partner_sandbox.trial import Trial as Sandbox
from unioncard.contracts.insurance import NotifyPremium, PremiumNoticeKind, SendPaymentDetails
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, FEDERATION


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The mail partner."""
    process = Sandbox(tmp_path_factory.mktemp("sandbox"), "http://127.0.0.1:9")
    process.start()
    yield process
    process.close()


@pytest.fixture
async def mailing(postgres_url: str, tmp_path: Path, sandbox_process: Sandbox) -> AsyncIterator[Trial]:
    """insurance-svc beside the mail partner, with one batch of 10 heads that is due by 20 January 2020."""
    sandbox_process.client.post("/control/reset").raise_for_status()
    context = await open_trial(postgres_url, tmp_path, f"http://127.0.0.1:{sandbox_process.port}")
    trial = trial_of(context, tmp_path)
    await trial.tell_tree()
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-30T10:00")
    await put_list(trial, 10)
    await basket(trial)
    await passed(trial, (await submit(trial))["number"])
    yield trial
    await trial.client.aclose()
    await context.engine.dispose()


NUMBER = "CB201912300001"


def mails(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.client.get("/memory/mails").json()["mails"]
    return found


async def test_a_notice_is_told_once_on_both_ways(mailing: Trial, sandbox_process: Sandbox) -> None:
    command = NotifyPremium(batch_number=NUMBER, kind=PremiumNoticeKind.PAYMENT_REMINDER, occurrence=7)
    async with mailing.dispatching():
        for _ in range(2):
            reply = await mailing.command(command, f"premium-payment/{NUMBER}/notice/payment_reminder/7")
            assert reply["data"]["result"]["state"] == "passed"
    (mail,) = mails(sandbox_process)
    assert mail["recipient"] == "someone@example.org"
    # 10 heads: 50.00 of the district and 80.00 of the unions
    assert "应缴130.00元，已到账0.00元，尚缺130.00元，尚未上传缴费凭证" in mail["body"]
    assert await mailing.column("SELECT organisation_id FROM notices") == [DISTRICT]


async def test_a_late_review_is_the_centres_own_matter(mailing: Trial, sandbox_process: Sandbox) -> None:
    command = NotifyPremium(batch_number=NUMBER, kind=PremiumNoticeKind.REVIEW_LATE)
    reply = await mailing.command(command, f"premium-payment/{NUMBER}/notice/review_late/1")
    assert reply["type"] == "command.succeeded.v1"
    assert await mailing.column("SELECT organisation_id FROM notices") == [FEDERATION]
    assert mails(sandbox_process) == []


async def test_details_are_sent_once(mailing: Trial, sandbox_process: Sandbox) -> None:
    command, key = SendPaymentDetails(batch_number=NUMBER), f"premium-payment/{NUMBER}/details"
    async with mailing.dispatching():
        first = await mailing.command(command, key)
        again = await mailing.command(command, f"{key}/again")
    assert first["data"]["result"] == again["data"]["result"]
    (mail,) = mails(sandbox_process)
    assert [one["name"] for one in mail["attachments"]] == [f"{NUMBER}-缴费告知书.pdf", f"{NUMBER}-缴费明细.xlsx"]


async def test_a_partner_that_is_down_is_asked_again(mailing: Trial, sandbox_process: Sandbox) -> None:
    sandbox_process.client.put("/control/behaviour", json={"mail": {"error_rate": 1}})
    command, key = SendPaymentDetails(batch_number=NUMBER), f"premium-payment/{NUMBER}/details"
    async with mailing.dispatching():
        assert (await mailing.command(command, key))["type"] == "command.failed.v1"
        sandbox_process.client.put("/control/behaviour", json={"mail": {"error_rate": 0}})
        assert (await mailing.command(command, key))["type"] == "command.succeeded.v1"
    assert len(mails(sandbox_process)) == 1


async def test_no_such_batch(mailing: Trial) -> None:
    command = NotifyPremium(batch_number="CB201912300002", kind=PremiumNoticeKind.PASSED)
    reply = await mailing.command(command, "premium-payment/CB201912300002/notice/passed/1")
    assert (reply["type"], reply["data"]["code"]) == ("command.refused.v1", "unknown-batch")


async def test_papers_say_what_is_due(mailing: Trial) -> None:
    response = await mailing.call("GET", f"/premium-batches/{NUMBER}/notice.pdf", role=Role.DISTRICT)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(response.content)).pages)
    text = "".join(text.split())
    # with subsidy 10 × 26.00, without it 10 × 13.00
    for said in (
        "¥260.00",
        "贰佰陆拾元整",
        "¥130.00",
        "壹佰叁拾元整",
        "2020年1月20日（含）",
        "31602303002745697",
        "零元整",
    ):
        assert said in text
    response = await mailing.call("GET", f"/premium-batches/{NUMBER}/details.xlsx", role=Role.DISTRICT)
    page = openpyxl.load_workbook(BytesIO(response.content)).worksheets[0]
    rows = [[cell.value for cell in row] for row in page.iter_rows()]
    assert rows[-1] == [
        "1", "示例科技公司工会", "集中参保", "A", "全年", "10", "260.00", "130.00", "50.00", "80.00",
    ]  # fmt: skip
    assert (await mailing.call("GET", f"/premium-batches/{NUMBER}/notice.pdf", role=Role.UNION)).status_code == 403
