"""Logging in: argon2, locks, tokens, and no hint of which logins exist (G19 1-9)."""

import asyncio
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from member_svc.accounts.loading import load_accounts
from member_svc.csv_files import BadFile
from member_svc_testing.rosters import person
from member_svc_testing.world import World

HEADER = "login,password,role,organisation_code,member_number"
PASSWORD = "correct-horse-1"


async def account(world: World, path: Path, *lines: str) -> list[tuple[str, str]]:
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return (await load_accounts(world.context, path)).generated


async def log_in(world: World, login: str, password: str = PASSWORD) -> tuple[int, dict[str, object]]:
    answer = await world.client.post("/tokens", json={"login": login, "password": password})
    return answer.status_code, answer.json()


async def test_a_login_gives_a_signed_token_for_fifteen_minutes(world: World, tmp_path: Path) -> None:
    await account(world, tmp_path / "a.csv", f"Op@Example.org,{PASSWORD},union,U1,")
    status, token = await log_in(world, " oP@example.org ")
    assert (status, token["token_type"], token["expires_in"]) == (201, "Bearer", 900)
    keys = (await world.client.get("/.well-known/jwks.json")).json()
    assert "d" not in keys["keys"][0]
    decoded = jwt.decode(str(token["access_token"]), KeySet.import_key_set(keys), algorithms=["ES256"])
    claims = decoded.claims
    assert (claims["role"], claims["org"], claims["aud"], claims["iss"]) == (
        "union",
        world.ids["U1"],
        "unioncard",
        "member-svc",
    )
    assert claims["exp"] - claims["iat"] == 900
    assert claims["jti"]
    me = await world.client.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert me.json() == {
        "account_id": int(claims["sub"]),
        "login": "op@example.org",
        "role": "union",
        "organisation": {"id": world.ids["U1"], "name": "示例一厂工会"},
        "superior": {"id": world.ids["D1"], "name": "示例区总工会"},
        "first_level": {"id": world.ids["D1"], "name": "示例区总工会"},
        "member_id": None,
    }
    assert PASSWORD not in str(await world.rows("SELECT * FROM accounts"))


async def test_expired_foreign_and_forged_tokens_are_refused(world: World) -> None:
    claims = {"iss": "member-svc", "aud": "unioncard", "sub": "1", "role": "federation", "org": world.ids["SH"]}
    now = int(time.time())
    own = world.context.keys.token_signing_key()
    header = {"alg": "ES256", "kid": str(own.kid)}
    stranger = ECKey.generate_key("P-256", {"kid": str(own.kid)}, private=True)
    tokens = {
        "expired": jwt.encode(header, claims | {"exp": now - 60}, own),
        "another audience": jwt.encode(header, claims | {"aud": "other", "exp": now + 60}, own),
        "another issuer": jwt.encode(header, claims | {"iss": "other", "exp": now + 60}, own),
        "another key": jwt.encode(header, claims | {"exp": now + 60}, stranger),
        "no expiry": jwt.encode(header, claims, own),
        "rubbish": "a.b.c",
    }
    for name, token in tokens.items():
        answer = await world.client.get("/organisations", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:unioncard:problem:token-invalid"), name
    assert (await world.client.get("/organisations")).status_code == 401


async def test_five_wrong_tries_lock_the_login_for_fifteen_minutes(world: World, tmp_path: Path) -> None:
    await account(world, tmp_path / "a.csv", f"op@example.org,{PASSWORD},union,U1,")
    for login in ("op@example.org", "nobody@example.org"):
        statuses = [(await log_in(world, login, "wrong-password-1"))[0] for _ in range(6)]
        assert statuses == [401, 401, 401, 401, 429, 429]
        status, problem = await log_in(world, login)
        assert (status, problem["type"]) == (429, "urn:unioncard:problem:login-locked")
    minutes = await world.value(
        "SELECT max(extract(epoch FROM locked_until - last_failed_at)) / 60 FROM login_attempts"
    )
    assert minutes == 15
    await world.run("UPDATE login_attempts SET locked_until = locked_until - interval '15 minutes'")
    assert (await log_in(world, "op@example.org", "wrong-password-1"))[0] == 401
    assert (await log_in(world, "op@example.org"))[0] == 201
    assert [(await log_in(world, "op@example.org", "wrong-password-1"))[0] for _ in range(4)] == [401] * 4


async def test_many_tries_at_once_gain_nothing(world: World, tmp_path: Path) -> None:
    await account(world, tmp_path / "a.csv", f"op@example.org,{PASSWORD},union,U1,")
    answers = await asyncio.gather(*(log_in(world, "op@example.org", f"wrong-password-{n}") for n in range(12)))
    assert sum(status == 401 for status, _ in answers) == 4
    assert await world.value("SELECT count(*) FROM login_attempts WHERE failed <= 6") == 1


async def test_unknown_logins_and_wrong_passwords_get_the_same_answer(world: World, tmp_path: Path) -> None:
    await account(world, tmp_path / "a.csv", f"op@example.org,{PASSWORD},union,U1,")
    assert await log_in(world, "op@example.org", "wrong") == await log_in(world, "nobody@example.org", "wrong")
    assert "example" not in str(await world.rows("SELECT * FROM login_attempts"))


async def test_the_password_changes_with_the_old_one(world: World, tmp_path: Path) -> None:
    """G19 8, 9."""
    await account(world, tmp_path / "a.csv", f"op@example.org,{PASSWORD},union,U1,")
    _, token = await log_in(world, "op@example.org")
    headers = {"Authorization": f"Bearer {token['access_token']}"}

    async def change(old: str, new: str) -> int:
        body = {"old_password": old, "new_password": new}
        return (await world.client.post("/password", json=body, headers=headers)).status_code

    assert await change(PASSWORD, "short1") == 422
    assert await change("not-it-at-all-1", "another-horse-2") == 401
    assert await change(PASSWORD, "another-horse-2") == 200
    assert (await log_in(world, "op@example.org"))[0] == 401
    assert (await log_in(world, "op@example.org", "another-horse-2"))[0] == 201


async def test_loading_again_keeps_what_is_the_same(world: World, tmp_path: Path) -> None:
    lines = (f"op@example.org,{PASSWORD},union,U1,", "district@example.org,,district,D1,")
    ((login, password),) = await account(world, tmp_path / "a.csv", *lines)
    assert login == "district@example.org"
    assert (await log_in(world, login, password))[0] == 201
    before = await world.rows("SELECT * FROM accounts ORDER BY id")
    assert await account(world, tmp_path / "b.csv", *lines) == []
    assert await world.rows("SELECT * FROM accounts ORDER BY id") == before
    await account(world, tmp_path / "c.csv", "op@example.org,,union,U2,")
    assert (await log_in(world, "op@example.org"))[0] == 201
    assert await world.value("SELECT organisation_id FROM accounts WHERE login = 'op@example.org'") == world.ids["U2"]


async def test_a_members_account_carries_the_member(world: World, tmp_path: Path) -> None:
    (member,) = await world.members_of("U1", [person(1)])
    await account(world, tmp_path / "a.csv", f"m@example.org,{PASSWORD},member,U1,{member['number']}")
    _, token = await log_in(world, "m@example.org")
    me = await world.client.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert (me.json()["role"], me.json()["member_id"]) == ("member", member["id"])


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("operator,,union,U1,", "login"),
        ("op@example.org,short,union,U1,", "password"),
        ("op@example.org,,king,U1,", "role"),
        ("op@example.org,,union,NO,", "organisation_code"),
        ("op@example.org,,district,U1,", "role"),
        ("op@example.org,,member,U1,", "member_number"),
        ("op@example.org,,member,U1,3630000001", "member_number"),
        ("op@example.org,,union,U1,3630000001", "member_number"),
        ("good@example.org,,union,U1,", "login"),
    ],
)
async def test_a_bad_line_is_named_and_nothing_is_applied(world: World, tmp_path: Path, line: str, column: str) -> None:
    with pytest.raises(BadFile) as refused:
        await account(world, tmp_path / "bad.csv", f"good@example.org,{PASSWORD},union,U1,", line)
    assert [(one.line, one.column) for one in refused.value.lines] == [(3, column)]
    assert await world.value("SELECT count(*) FROM accounts") == 0
