"""Payment vouchers: checked by content, kept once, never shown in a page."""

from typing import Any

import pytest

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import basket, passed, submit
from insurance_svc_testing.lists import plan_2020, put_list, shanghai
from unioncard.principal import Role
from unioncard_testing.trial import OTHER_DISTRICT

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 50 + b"IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 50 + b"\xff\xd9"
PDF = b"%PDF-1.7\n" + b"x" * 50 + b"\n%%EOF\n"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NUMBER = "CB201912280001"


@pytest.fixture
async def due(trial: Trial) -> Trial:
    """A batch that waits for its money."""
    await plan_2020(trial)
    trial.clock.at = shanghai("2019-12-28T10:00")
    await put_list(trial, 1)
    await basket(trial)
    await passed(trial, (await submit(trial))["number"])
    return trial


async def upload(trial: Trial, content: bytes, **more: Any) -> Any:
    # What the file calls itself is not believed.
    files = {"file": ("../../凭证.png", content, "text/html")}
    return await trial.call("POST", f"/premium-batches/{NUMBER}/vouchers", role=Role.DISTRICT, files=files, **more)


@pytest.mark.parametrize(("content", "ending"), [(PNG, "png"), (JPEG, "jpg"), (PDF, "pdf")], ids=["png", "jpeg", "pdf"])
async def test_kept_once_and_given_back_as_an_attachment(due: Trial, content: bytes, ending: str) -> None:
    first = await upload(due, content)
    assert first.status_code == 201, first.text
    assert len((await upload(due, content)).json()["items"]) == 1
    (event,) = await due.sent("insurance.batch.voucher.v1")
    assert (event.data["vouchers"], event.data["batch_number"]) == (1, NUMBER)
    path = f"/premium-batches/{NUMBER}/vouchers/{first.json()['items'][0]['id']}"
    given = await due.call("GET", path, role=Role.CENTRE_PAYER)
    assert given.content == content
    assert given.headers["content-disposition"] == f'attachment; filename="{NUMBER}-1.{ending}"'
    assert (given.headers["x-content-type-options"], given.headers["content-type"]) == (
        "nosniff", "application/octet-stream",
    )  # fmt: skip
    assert (await due.ok("GET", f"/premium-batches/{NUMBER}", role=Role.DISTRICT))["vouchers"] == 1
    assert (await due.call("GET", path, role=Role.DISTRICT, organisation=OTHER_DISTRICT)).status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<html><script>alert(1)</script></html>", 422, "voucher-type"),
        (PNG[:-4], 422, "voucher-type"),
        (b"", 422, "voucher-type"),
        (PDF[:20] + EICAR + PDF[20:], 422, "voucher-infected"),
        (b"%PDF-" + b"x" * (10 * 1024 * 1024), 413, "voucher-too-large"),
    ],
    ids=["html", "cut off", "empty", "virus", "too large"],
)
async def test_what_is_no_voucher(due: Trial, content: bytes, status: int, code: str) -> None:
    refused = await upload(due, content)
    assert (refused.status_code, refused.json()["type"]) == (status, f"urn:unioncard:problem:{code}")
    assert await due.column("SELECT id FROM vouchers") == []


async def test_only_its_district_while_it_is_due(due: Trial) -> None:
    assert (await upload(due, PNG, organisation=OTHER_DISTRICT)).status_code == 404
    await due.run("UPDATE batches SET state = 'written_off'")
    assert (await upload(due, PNG)).json()["type"] == "urn:unioncard:problem:batch-state"


async def test_the_same_upload_again_when_the_batch_is_settled_gets_the_answer_it_had(due: Trial) -> None:
    first = await upload(due, PNG, key="answer-lost")
    await due.run("UPDATE batches SET state = 'written_off'")
    again = await upload(due, PNG, key="answer-lost")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replay"] == "true"
    other = await upload(due, JPEG, key="answer-lost")
    assert (other.status_code, other.json()["type"]) == (422, "urn:unioncard:problem:idempotency-key-reused")
