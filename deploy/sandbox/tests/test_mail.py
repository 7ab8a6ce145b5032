"""The mail partner on a running sandbox."""

import base64
from typing import Any

import httpx
import pytest

from partner_sandbox.trial import Trial

PAPER = {"name": "明细.pdf", "media_type": "application/pdf", "content": base64.b64encode(b"%PDF-1.7").decode()}


def send(sandbox: Trial, key: str | None, **changed: Any) -> httpx.Response:
    mail = {"to": "someone@example.org", "subject": "缴费明细", "text": "见附件", "attachments": [PAPER]} | changed
    return sandbox.client.post("/mail/messages", json=mail, headers={"idempotency-key": key} if key else {})


def test_a_key_is_one_message(sandbox: Trial) -> None:
    first = send(sandbox, "premium-payment/CB1/details")
    again = send(sandbox, "premium-payment/CB1/details", attachments=[])
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert send(sandbox, "premium-payment/CB1/details", to="other@example.org").status_code == 409
    (kept,) = sandbox.client.get("/memory/mails").json()["mails"]
    assert (kept["recipient"], kept["times_received"], kept["conflicts"]) == ("someone@example.org", 2, 1)
    assert [(one["name"], one["bytes"]) for one in kept["attachments"]] == [("明细.pdf", 8)]
    assert sandbox.summary()["mail"] == {"messages_received": 1, "repeats": 1, "conflicting_repeats": 1}


@pytest.mark.parametrize("changed", [{"to": "nobody"}, {"subject": ""}, {"attachments": [PAPER | {"content": "A"}]}])
def test_malformed_messages(sandbox: Trial, changed: dict[str, Any]) -> None:
    assert send(sandbox, "k", **changed).status_code == 400
    assert send(sandbox, None).status_code == 400
    assert sandbox.summary()["mail"]["messages_received"] == 0


def test_it_misbehaves_as_set(sandbox: Trial) -> None:
    sandbox.client.put("/control/behaviour", json={"mail": {"error_rate": 1}})
    assert send(sandbox, "k").status_code == 500
    sandbox.client.put("/control/behaviour", json={"mail": {"error_rate": 0}})
    assert send(sandbox, "k").status_code == 202
