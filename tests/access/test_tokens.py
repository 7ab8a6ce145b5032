"""Tokens that are none of ours, or ours no more, open nothing on either service."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.access.calls import path_of, request
from tests.access.table import Line, read_table
from tests.city import City
from unioncard.auth import ALGORITHM, AUDIENCE, ISSUER
from unioncard.keys import load_keys

SAMPLE = {
    ("member", "GET", "/members"),
    ("member", "GET", "/me"),
    ("member", "POST", "/members/{member_id}/reveal"),
    ("card", "GET", "/batches/{number}"),
    ("card", "GET", "/cards/export.xlsx"),
    ("card", "POST", "/checks"),
}
LINES = [line for line in read_table() if line.endpoint in SAMPLE]


def _claims(city: City, **changed: Any) -> dict[str, Any]:
    """Those of the union's own token, which opens all of the sample."""
    _, body, _ = city.token("union").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return {name: value for name, value in {**claims, **changed}.items() if value is not None}


def _key(city: City) -> ECKey:
    return load_keys(city.stack.place.state / "keys" / "member-svc.json").token_signing_key()


def _signed(city: City, key: ECKey | None = None, **changed: Any) -> str:
    ours = _key(city)
    return jwt.encode({"alg": ALGORITHM, "kid": ours.kid}, _claims(city, **changed), key or ours)


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _unsigned(city: City) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(_claims(city))}."


def _signed_with_the_public_key(city: City) -> str:
    """HS256 with our published key as the secret, which everybody knows."""
    head = _part({"alg": "HS256", "kid": _key(city).kid}) + "." + _part(_claims(city))
    secret = _key(city).as_pem(private=False)
    digest = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _changed_after_signing(city: City) -> str:
    head, _, signature = city.token("union").split(".")
    return f"{head}.{_part(_claims(city, role='federation', org=1))}.{signature}"


FORGED: dict[str, Callable[[City], str]] = {
    "expired": lambda city: _signed(city, exp=int(time.time()) - 60),
    "without an end": lambda city: _signed(city, exp=None),
    "signed by a foreign key": lambda city: _signed(city, ECKey.generate_key("P-256", {"kid": str(_key(city).kid)})),
    "unsigned": _unsigned,
    "signed with the public key": _signed_with_the_public_key,
    "changed after signing": _changed_after_signing,
    "for another audience": lambda city: _signed(city, aud="another-platform"),
    "without an audience": lambda city: _signed(city, aud=None),
    "of another issuer": lambda city: _signed(city, iss="another-service"),
    "of a role there is not": lambda city: _signed(city, role="emperor"),
    "no token at all": lambda _: "not.a.token",
}


@pytest.mark.parametrize("line", LINES, ids=str)
@pytest.mark.parametrize("kind", FORGED)
def test_forged_and_expired_tokens_open_nothing(city: City, kind: str, line: Line) -> None:
    answer = request(city, line, FORGED[kind](city), path_of(city, line))
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:unioncard:problem:token-invalid"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_same_claims_signed_by_us_open_it(city: City, line: Line) -> None:
    answer = request(city, line, _signed(city, exp=int(time.time()) + 60), path_of(city, line))
    assert answer.status_code in (200, 201, 409), answer.text


def test_nothing_of_the_sample_is_missing(city: City) -> None:
    assert {line.endpoint for line in LINES} == SAMPLE
    assert AUDIENCE in _claims(city)["aud"]
    assert _claims(city)["iss"] == ISSUER
