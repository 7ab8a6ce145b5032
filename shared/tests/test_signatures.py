"""Signed callbacks: only the sender's own bytes, and only for five minutes."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from unioncard.signatures import SignatureError, check, sign

SECRET = "a secret that both sides know, and nobody else"
BODY = b'{"batch": "cbc101202609250930"}'
NOW = datetime(2026, 9, 25, 1, 30, 0, 400000, UTC)


def refused(header: str | None, body: bytes = BODY, now: datetime = NOW, secret: str = SECRET) -> str:
    with pytest.raises(SignatureError) as caught:
        check(secret, header, body, now)
    return caught.value.code


def test_the_form_that_partners_implement() -> None:
    # 2026-09-25 01:30:00 UTC
    expected = hmac.new(SECRET.encode(), b"1790299800." + BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, BODY, NOW) == f"t=1790299800,v1={expected}"


def test_what_was_signed_is_believed_within_the_tolerance_both_ways() -> None:
    header = sign(SECRET, BODY, NOW)
    for late in (0, 299, -299):
        check(SECRET, header, BODY, NOW + timedelta(seconds=late))
    assert refused(header, now=NOW + timedelta(seconds=301)) == "expired"
    assert refused(header, now=NOW - timedelta(seconds=302)) == "expired"


def test_another_body_secret_or_time_is_not_believed() -> None:
    header = sign(SECRET, BODY, NOW)
    assert refused(header, body=BODY + b" ") == "mismatch"
    assert refused(header, secret="another") == "mismatch"
    assert refused(header.replace("t=1790299800", "t=1790299801")) == "mismatch"


def test_one_of_several_signatures_is_enough() -> None:
    old, new = sign("the old secret", BODY, NOW), sign(SECRET, BODY, NOW)
    check(SECRET, f"{old},{new.partition(',')[2]}", BODY, NOW)
    check(SECRET, f"{new}, {old.partition(',')[2]}", BODY, NOW)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing"),
        ("", "missing"),
        ("t=1790299800", "malformed"),
        ("v1=" + "0" * 64, "malformed"),
        ("t=1790299800,v1=" + "0" * 63, "malformed"),
        ("t=x,v1=" + "0" * 64, "malformed"),
        ("t=1790299800,v1=" + "0" * 64 + ",", "malformed"),
        ("t=1790299800,v1=" + "0" * 64, "mismatch"),
        ("t=99999999999999999999999,v1=" + "0" * 64, "malformed"),
        ("t=１７９０２９９８００,v1=" + "0" * 64, "malformed"),
    ],
)
def test_headers_that_are_none(header: str | None, code: str) -> None:
    assert refused(header) == code
