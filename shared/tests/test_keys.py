"""Key files: made once, shared as designed, rotated without losing the old, and clear when wrong."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from unioncard.keys import SERVICES, Keys, KeysError, load_keys, rotate_keys, write_key_files

LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    write_key_files(made)
    return made


def read(folder: Path, service: str) -> Keys:
    return load_keys(folder / f"{service}.json")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_file_for_each_service_readable_by_its_owner_alone(folder: Path) -> None:
    services = ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows", "sandbox")
    assert set(contents(folder)) == {f"{service}.json" for service in services}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_member_svc_seals_its_readers_open(folder: Path) -> None:
    seal = read(folder, "member-svc").transport_sealer().new_message()
    assert set(seal.header) == {"card-svc", "insurance-svc", "claims-svc"}
    for reader in seal.header:
        opened = read(folder, reader).transport_opener().open(seal.header)
        assert opened.decrypt("name", 1, seal.encrypt("name", 1, "张三")) == "张三"


def test_the_bank_secret_is_shared_by_card_svc_claims_svc_and_the_sandbox_alone(folder: Path) -> None:
    assert read(folder, "claims-svc").partner_secret("bank") == read(folder, "sandbox").partner_secret("bank")
    assert read(folder, "card-svc").partner_secret("bank") == read(folder, "sandbox").partner_secret("bank")
    for service in ("member-svc", "insurance-svc", "workflows"):
        with pytest.raises(KeysError, match="partner_secrets has no 'bank'"):
            read(folder, service).partner_secret("bank")


def test_nobody_has_what_it_has_no_use_for(folder: Path) -> None:
    member, card = read(folder, "member-svc"), read(folder, "card-svc")
    assert member.field_keys.values() != card.field_keys.values()
    assert set(member.hash_keys.values()).isdisjoint(card.hash_keys.values())
    assert member.database_passwords() != card.database_passwords()
    assert card.signing_key is None
    assert json.loads((folder / "workflows.json").read_text()) == {"service": "workflows"}
    assert set(json.loads((folder / "sandbox.json").read_text())) == {"service", "partner_secrets"}


def test_tokens_signed_by_member_svc_are_checked_with_its_published_keys(folder: Path) -> None:
    member = read(folder, "member-svc")
    key = member.token_signing_key()
    token = jwt.encode({"alg": "ES256", "kid": key.kid}, {"sub": "7"}, key)
    published = member.published_keys()
    assert all("d" not in jwk for jwk in published["keys"])
    assert (
        jwt.decode(token, KeySet.import_key_set({"keys": published["keys"]}), algorithms=["ES256"]).claims["sub"] == "7"
    )


def test_making_them_again_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    write_key_files(folder)
    assert contents(folder) == before


@pytest.mark.parametrize("lost", SERVICES)
def test_a_lost_file_is_made_again_and_fits_the_others(folder: Path, lost: str) -> None:
    before = {service: read(folder, service) for service in SERVICES}
    (folder / f"{lost}.json").unlink()
    write_key_files(folder)
    test_what_member_svc_seals_its_readers_open(folder)
    test_the_bank_secret_is_shared_by_card_svc_claims_svc_and_the_sandbox_alone(folder)
    for service in set(SERVICES) - {lost}:
        kept = read(folder, service)
        assert kept.field_keys == before[service].field_keys
        assert kept.transport_keys == before[service].transport_keys
        assert kept.partner_secrets == before[service].partner_secrets


def test_after_a_rotation_the_new_keys_write_and_the_old_ones_read(folder: Path) -> None:
    old_member, old_card = read(folder, "member-svc"), read(folder, "card-svc")
    value = old_member.field_cipher().encrypt("name", 1, "张三")
    hashed = old_member.keyed_hash().hash("mobile", "13812345678")
    old_seal = old_member.transport_sealer().new_message()
    token = jwt.encode(
        {"alg": "ES256", "kid": old_member.token_signing_key().kid}, {"sub": "7"}, old_member.token_signing_key()
    )

    rotate_keys(folder, {"field", "hash", "transport", "signing"}, LATER)
    member, card = read(folder, "member-svc"), read(folder, "card-svc")

    assert member.field_cipher().needs_rotation(value)
    assert member.field_cipher().decrypt("name", 1, value) == "张三"
    assert member.keyed_hash().all_versions("mobile", "13812345678")[1] == hashed
    card.transport_opener().open(old_seal.header)
    new_seal = member.transport_sealer().new_message()
    assert new_seal.header["card-svc"].startswith(f"v1.{card.transport_key_current}.")
    assert card.transport_key_current != old_card.transport_key_current
    card.transport_opener().open(new_seal.header)
    assert member.token_signing_key().kid != old_member.token_signing_key().kid
    published = KeySet.import_key_set({"keys": member.published_keys()["keys"]})
    assert jwt.decode(token, published, algorithms=["ES256"]).claims["sub"] == "7"
    assert card.signing_key is None

    before = contents(folder)
    write_key_files(folder)
    assert contents(folder) == before


def test_one_kind_rotates_alone_and_not_twice_in_a_second(folder: Path) -> None:
    before = read(folder, "card-svc")
    rotate_keys(folder, {"hash"}, LATER)
    after = read(folder, "card-svc")
    assert after.hash_key_current == "h20990101T000000"
    assert after.field_key_current == before.field_key_current
    with pytest.raises(KeysError, match="already has h20990101T000000"):
        rotate_keys(folder, {"hash"}, LATER)


def test_a_rotation_cut_short_after_the_readers_is_completed_by_making_the_files(folder: Path) -> None:
    writer = (folder / "member-svc.json").read_bytes()
    rotate_keys(folder, {"transport"}, LATER)
    (folder / "member-svc.json").write_bytes(writer)
    test_what_member_svc_seals_its_readers_open(folder)
    write_key_files(folder)
    assert read(folder, "member-svc").reader_keys["card-svc"].id == "t20990101T000000"


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="unioncard keys init"):
        load_keys(tmp_path / "card-svc.json")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"service": ""}, ["service", '"card-svc"']),
        ({"field_keys": {"f1": "c2hvcnQ"}}, ["field_keys.f1: is 5 bytes instead of 32", "for example"]),
        ({"field_keys": {"f 1": "A" * 43}}, ["field_keys", "for example"]),
        ({"field_key_current": "gone"}, ["field_key_current is not among field_keys", '"f20260101"']),
        ({"hash_keys": {}}, ["hash_keys is empty", "for example"]),
        ({"partner_secrets": {"bank": "secret-too-short"}}, ["partner_secrets.bank", "32 characters"]),
        ({"database_password": "short-password"[:9]}, ["database_password", "16 characters"]),
        ({"signing_key": {"kty": "EC"}}, ["signing_key: is not a private P-256 JWK with a kid", "for example"]),
        (
            {"signing_key": {"kty": "EC", "crv": "P-256", "kid": "s", "x": "AA", "y": "AA", "d": "secret-d"}},
            ["signing_key", "for example"],
        ),
        ({"feild_keys": {}}, ["feild_keys"]),
    ],
)
def test_a_wrong_file_names_itself_the_field_and_an_example(
    folder: Path, fields: dict[str, object], words: list[str]
) -> None:
    path = folder / "card-svc.json"
    change(path, **fields)
    with pytest.raises(KeysError) as caught:
        load_keys(path)
    message = str(caught.value)
    for word in [str(path), *words]:
        assert word in message
    assert "secret-" not in message.replace(str(path), "")
    assert "short-pas" not in message


def test_a_wrong_file_is_never_written_over(folder: Path) -> None:
    path = folder / "card-svc.json"
    path.write_text("{not json")
    with pytest.raises(KeysError, match=r"card-svc\.json is wrong"):
        write_key_files(folder)
    assert path.read_text() == "{not json"


def test_what_is_absent_is_named_when_it_is_asked_for(folder: Path) -> None:
    workflows = read(folder, "workflows")
    for ask, field in (
        (workflows.field_cipher, "field_key_current"),
        (workflows.keyed_hash, "hash_key_current"),
        (workflows.transport_sealer, "reader_keys"),
        (workflows.transport_opener, "transport_keys"),
        (workflows.database_passwords, "database_password"),
        (workflows.token_signing_key, "signing_key"),
        (workflows.published_keys, "signing_key"),
    ):
        with pytest.raises(KeysError, match=f"workflows: {field} is missing; for example"):
            ask()


def test_no_secret_shows_when_keys_are_printed(folder: Path) -> None:
    for service in SERVICES:
        keys = read(folder, service)
        printed = repr(keys)
        assert keys.database_password is None or keys.database_password not in printed
        assert all(repr(key) not in printed for key in [*keys.field_keys.values(), *keys.transport_keys.values()])
        assert all(secret not in printed for secret in keys.partner_secrets.values())
