"""Signed callbacks between partners and us: ``X-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256>``.

What is signed is the timestamp, a full stop, and the body as sent. Signatures are judged by wall time, never by the
business clock.
"""

import hmac
import re
from datetime import datetime, timedelta

HEADER = "X-Signature"
TOLERANCE = timedelta(minutes=5)

_FORM = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64})+)")


class SignatureError(Exception):
    """The callback is not to be believed. ``code``: missing, malformed, expired or mismatch."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The header's value for a body sent at this instant."""
    timestamp = str(int(at.timestamp()))
    return f"t={timestamp},v1={_mac(secret, timestamp, body)}"


def check(secret: str, header: str | None, body: bytes, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Return when the header signs exactly this body, within the tolerance before or after ``now``.

    A partner that changes its secret may send several ``v1``; one that fits is enough. Raises
    :class:`SignatureError`.
    """
    if not header:
        raise SignatureError("missing")
    form = _FORM.fullmatch(header.replace(" ", ""))
    if form is None:
        raise SignatureError("malformed")
    timestamp, given = form[1], form[2].removeprefix(",v1=").split(",v1=")
    # The signature comes first: who cannot sign learns nothing about our clock.
    expected = _mac(secret, timestamp, body)
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise SignatureError("mismatch")
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise SignatureError("expired")


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
