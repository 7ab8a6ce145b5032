"""Who is asking: tokens that are ours and fresh, roles, and the part of the tree that lies below."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from unioncard.auth import ALGORITHM, AUDIENCE, ISSUER, Allow, Principal, Role, TokenCheck, jwks_from, scope_of
from unioncard.problems import Problem
from unioncard.web.app import make_app
from unioncard_testing import Room, no_lifespan, organisations

KEY = ECKey.generate_key("P-256", {"kid": "one"})
NEXT = ECKey.generate_key("P-256", {"kid": "two"})
FOREIGN = ECKey.generate_key("P-256", {"kid": "one"})


def jwks(*keys: ECKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def claims(**more: Any) -> dict[str, Any]:
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "17", "role": "union", "org": 345, "exp": int(time.time()) + 600}
    return {name: value for name, value in {**base, **more}.items() if value is not None}


def token(key: ECKey = KEY, **more: Any) -> str:
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims(**more), key)


def part(content: Any) -> str:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


class Published:
    """member-svc's public keys, and how often they were fetched."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys = keys
        self.fetched = 0
        self.away = False

    async def fetch(self) -> dict[str, Any]:
        self.fetched += 1
        if self.away:
            raise httpx.ConnectError("away")
        return jwks(*self.keys)


async def test_a_good_token_speaks_for_its_account() -> None:
    check = TokenCheck(Published(KEY).fetch)
    assert await check.principal(token()) == Principal(17, Role.UNION, 345)
    assert await check.principal(token(role="member", member=9)) == Principal(17, Role.MEMBER, 345, 9)
    assert Principal(17, Role.UNION, 345).actor == "account:17"


def signed_with_the_public_key() -> str:
    """The classic: HS256 with the published key as the secret."""
    secret = KEY.as_pem(private=False)
    signed = part({"alg": "HS256", "kid": "one"}) + "." + part(claims())
    return signed + "." + part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=int(time.time()) - 60),
    "without an end": lambda: token(exp=None),
    "of tomorrow": lambda: token(nbf=int(time.time()) + 600),
    "signed by another with our kid": lambda: token(FOREIGN),
    "for another audience": lambda: token(aud="bank"),
    "without audience": lambda: token(aud=None),
    "of another issuer": lambda: token(iss="card-svc"),
    "without issuer": lambda: token(iss=None),
    "unsigned": lambda: part({"alg": "none"}) + "." + part(claims()) + ".",
    "unsigned with kid": lambda: part({"alg": "none", "kid": "one"}) + "." + part(claims()) + ".",
    "HS256 with the public key": signed_with_the_public_key,
    "HS256 with some key": lambda: jwt.encode({"alg": "HS256"}, claims(), OctKey.generate_key(256)),
    "of an unknown key": lambda: token(NEXT),
    "with another role": lambda: token(role="emperor"),
    "without organisation": lambda: token(org=None),
    "with a number that is none": lambda: token(sub="seventeen"),
    "changed afterwards": lambda: ".".join([token().split(".")[0], part(claims(org=1)), token().split(".")[2]]),
    "no token": lambda: "x",
    "empty parts": lambda: "..",
    "not base64": lambda: "§.§.§",
    "a header that is a list": lambda: part([]) + "." + part(claims()) + ".x",
    "claims that are a list": lambda: (
        jwt.encode({"alg": ALGORITHM, "kid": "one"}, claims(), KEY).split(".")[0] + ".W10.x"
    ),
    "deep": lambda: part(b"[" * 40_000) + ".x.x",
    "very long": lambda: "x" * 100_000,
}


@pytest.mark.parametrize("kind", list(BAD))
async def test_a_bad_token_is_refused(kind: str) -> None:
    with pytest.raises(Problem) as refused:
        await TokenCheck(Published(KEY).fetch).principal(BAD[kind]())
    assert (refused.value.status, refused.value.code) == (401, "token-invalid")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the monotonic time that the cache of keys goes by."""
    now = [1000.0]
    monkeypatch.setattr("unioncard.auth.time.monotonic", lambda: now[0])

    def set_to(seconds: float) -> None:
        now[0] = 1000.0 + seconds

    return set_to


async def test_keys_are_cached_and_a_new_key_is_fetched_when_it_is_first_seen(at: Callable[[float], None]) -> None:
    published = Published(KEY)
    check = TokenCheck(published.fetch)
    for _ in range(3):
        await check.principal(token())
    assert published.fetched == 1
    published.keys = (NEXT, KEY)
    at(6)
    assert (await check.principal(token(NEXT))).account_id == 17
    assert published.fetched == 2
    at(306.5)
    await check.principal(token())
    assert published.fetched == 3


async def test_bad_tokens_do_not_make_us_fetch_over_and_over(at: Callable[[float], None]) -> None:
    published = Published(KEY)
    check = TokenCheck(published.fetch)
    await check.principal(token())
    at(6)
    for _ in range(50):
        with pytest.raises(Problem):
            await check.principal(token(FOREIGN))
    assert published.fetched == 2


async def test_while_member_svc_is_away_the_keys_we_have_serve(at: Callable[[float], None]) -> None:
    published = Published(KEY)
    check = TokenCheck(published.fetch)
    await check.principal(token())
    published.away = True
    at(400)
    for _ in range(50):
        assert (await check.principal(token())).account_id == 17
    assert published.fetched == 2  # one request in five seconds pays for the attempt


async def test_without_any_keys_it_is_our_fault_and_passes() -> None:
    published = Published(KEY)
    published.away = True
    check = TokenCheck(published.fetch)
    with pytest.raises(Problem) as refused:
        await check.principal(token())
    assert (refused.value.status, refused.value.code) == (503, "keys-unavailable")
    published.away = False
    assert (await check.principal(token())).account_id == 17


@pytest.mark.parametrize("answer", [{}, {"keys": 1}, {"keys": [{"kty": "EC"}]}, []])
async def test_a_strange_key_document_is_as_none(answer: Any) -> None:
    async def fetch() -> dict[str, Any]:
        return dict(answer)

    with pytest.raises(Problem) as refused:
        await TokenCheck(fetch).principal(token())
    assert refused.value.status in (401, 503)


async def test_keys_come_from_member_svc_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://member.internal/.well-known/jwks.json"
        return httpx.Response(200, json=jwks(KEY))

    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **kw: real(transport=httpx.MockTransport(answer), **kw))
    assert (await TokenCheck(jwks_from("http://member.internal")).principal(token())).account_id == 17


def application() -> FastAPI:
    app = make_app("test", "test", no_lifespan)
    app.state.tokens = TokenCheck(Published(KEY).fetch)

    @app.get("/reviews")
    async def reviews(principal: Annotated[Principal, Depends(Allow(Role.DISTRICT, Role.FEDERATION))]) -> int:
        return principal.account_id

    return app


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "token-missing"),
        ("", 401, "token-missing"),
        ("Basic abc", 401, "token-missing"),
        ("Bearer", 401, "token-missing"),
        ("Bearer x", 401, "token-invalid"),
        (f"Bearer {token(role='union')}", 403, "role-not-allowed"),
        (f"Bearer {token(role='member')}", 403, "role-not-allowed"),
        (f"Bearer {token(role='bank')}", 403, "role-not-allowed"),
        (f"Bearer {token(role='district')}", 200, None),
        (f"bearer {token(role='federation')}", 200, None),
    ],
)
async def test_an_endpoint_is_for_the_roles_it_names(authorization: str | None, status: int, code: str | None) -> None:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"Authorization": authorization} if authorization is not None else {}
        answer = await client.get("/reviews", headers=headers)
    assert answer.status_code == status
    if code is None:
        assert answer.json() == 17
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:unioncard:problem:{code}"
        assert ("www-authenticate" in answer.headers) == (status == 401)


# id → path: two districts whose ids begin alike, a second level, unions on both sides.
PATHS = {
    1: "/1/",
    10: "/1/10/",
    12: "/1/12/",
    120: "/1/120/",
    13: "/1/12/13/",
    345: "/1/12/13/345/",
    346: "/1/12/13/346/",
    400: "/1/12/400/",
    500: "/1/120/500/",
}


@pytest.mark.parametrize(
    ("role", "organisation", "seen"),
    [
        (Role.FEDERATION, 1, set(PATHS)),
        (Role.DISTRICT, 12, {12, 13, 345, 346, 400}),
        (Role.DISTRICT, 120, {120, 500}),
        (Role.SECOND_LEVEL, 13, {13, 345, 346}),
        (Role.UNION, 345, {345}),
        (Role.DISTRICT, 10, {10}),
        # a district at the unions' entrance
        (Role.UNION, 12, {12}),
    ],
)
async def test_the_scope_is_oneself_and_what_is_below_and_never_sideways(
    room: Room, role: Role, organisation: int, seen: set[int]
) -> None:
    async with room.engine.connect() as conn:
        statement = sa.text(
            "INSERT INTO organisations (id, path, level, kind, name, central_enterprise, version)"
            " VALUES (:id, :path, 'union', 'district', '工会', false, 1)"
        )
        await conn.execute(statement, [{"id": id_, "path": path} for id_, path in PATHS.items()])
        scope = await scope_of(conn, organisations, Principal(1, role, organisation))
        found = await conn.scalars(sa.select(organisations.c.id).where(scope.covers(organisations.c.path)))
        assert set(found) == seen
        assert {id_ for id_, path in PATHS.items() if scope.holds(path)} == seen


async def test_an_organisation_unknown_here_sees_nothing_at_all(room: Room) -> None:
    async with room.engine.connect() as conn:
        with pytest.raises(Problem) as refused:
            await scope_of(conn, organisations, Principal(1, Role.FEDERATION, 99))
    assert refused.value.status == 404
