"""Field encryption, keyed hashes and sealed messages: what opens, what does not, and that errors keep silent."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from unioncard.crypto import (
    CryptoError,
    FieldCipher,
    InvalidKey,
    KeyedHash,
    MalformedValue,
    NotAuthentic,
    NotForThisReader,
    TransportOpener,
    TransportSealer,
    UnknownKey,
)

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
NUMBER = "310101198001010018"


def test_a_value_opens_for_its_own_field_and_subject() -> None:
    cipher = FieldCipher({"k1": NEW}, "k1")
    value = cipher.encrypt("document_number", 42, NUMBER)
    assert value.startswith("v1.k1.")
    assert NUMBER not in value
    assert cipher.decrypt("document_number", 42, value) == NUMBER
    assert cipher.encrypt("document_number", 42, NUMBER) != value


def test_the_stored_form_is_plain_aes_gcm() -> None:
    value = FieldCipher({"k1": NEW}, "k1").encrypt("name", 7, "张三")
    raw = urlsafe_b64decode(value.removeprefix("v1.k1."))
    assert AESGCM(NEW).decrypt(raw[:12], raw[12:], b"name\x007") == "张三".encode()


@given(st.text(), st.text(st.characters(exclude_characters="\0"), max_size=20), st.integers(0, 2**63))
def test_every_text_comes_back(value: str, field: str, subject: int) -> None:
    try:
        value.encode()
        field.encode()
    except UnicodeEncodeError:
        return
    cipher = FieldCipher({"k1": NEW}, "k1")
    assert cipher.decrypt(field, subject, cipher.encrypt(field, subject, value)) == value


def test_a_value_moved_to_another_field_or_person_does_not_open() -> None:
    cipher = FieldCipher({"k1": NEW}, "k1")
    value = cipher.encrypt("mobile", 42, "13812345678")
    for field, subject in (("address", 42), ("mobile", 43), ("mobile", "042")):
        with pytest.raises(NotAuthentic):
            cipher.decrypt(field, subject, value)
    with pytest.raises(NotAuthentic):
        FieldCipher({"k1": OTHER}, "k1").decrypt("mobile", 42, value)


def test_a_changed_value_does_not_open() -> None:
    cipher = FieldCipher({"k1": NEW}, "k1")
    value = cipher.encrypt("mobile", 42, "13812345678")
    raw = bytearray(urlsafe_b64decode(value.removeprefix("v1.k1.")))
    for place in (0, 12, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(NotAuthentic):
            cipher.decrypt("mobile", 42, "v1.k1." + urlsafe_b64encode(changed).decode())


def test_keys_rotate() -> None:
    before = FieldCipher({"k1": OLD}, "k1")
    value = before.encrypt("name", 1, "张三")
    after = FieldCipher({"k1": OLD, "k2": NEW}, "k2")
    assert after.decrypt("name", 1, value) == "张三"
    assert after.needs_rotation(value)
    renewed = after.encrypt("name", 1, after.decrypt("name", 1, value))
    assert renewed.startswith("v1.k2.")
    assert not after.needs_rotation(renewed)
    with pytest.raises(UnknownKey, match="k2"):
        before.decrypt("name", 1, renewed)


@pytest.mark.parametrize(
    "value", ["", "v1.k1", "v2.k1.AAAA", "v1.k1.", "v1.k1.AAAA", "v1.k1.A", "张三", "v1.k1.张", "a.b.c.d"]
)
def test_text_of_another_form_is_named_as_such(value: str) -> None:
    with pytest.raises(MalformedValue):
        FieldCipher({"k1": NEW}, "k1").decrypt("name", 1, value)


@given(st.text(max_size=80))
def test_no_text_raises_anything_else_and_none_is_repeated(text: str) -> None:
    cipher = FieldCipher({"k1": NEW}, "k1")
    for value in (text, f"v1.k1.{text}"):
        with pytest.raises(CryptoError) as caught:
            cipher.decrypt("name", 1, value)
        assert len(text) < 12 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "current"),
    [({}, "k1"), ({"k1": b"short"}, "k1"), ({"k1": NEW}, "k2"), ({"k.1": NEW}, "k.1"), ({"": NEW}, "")],
)
def test_wrong_keys_are_refused_at_the_start(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(InvalidKey):
        FieldCipher(keys, current)
    with pytest.raises(InvalidKey):
        KeyedHash(keys, current)


def test_a_keyed_hash_is_hmac_sha256_over_purpose_and_value() -> None:
    digest = hmac.new(NEW, b"document-number\x00" + NUMBER.encode(), hashlib.sha256).digest()
    expected = "h1:k1:" + urlsafe_b64encode(digest).decode().rstrip("=")
    assert KeyedHash({"k1": NEW}, "k1").hash("document-number", NUMBER) == expected


def test_equal_values_in_different_columns_do_not_show() -> None:
    hashes = KeyedHash({"k1": NEW}, "k1")
    assert hashes.hash("mobile", "1") == hashes.hash("mobile", "1")
    assert len({hashes.hash("mobile", "1"), hashes.hash("name", "1"), hashes.hash("mobile", "2")}) == 3
    assert hashes.hash("mobile", "1") != KeyedHash({"k1": OLD}, "k1").hash("mobile", "1")


def test_lookups_during_a_rotation_ask_for_both_versions() -> None:
    before, after = KeyedHash({"k1": OLD}, "k1"), KeyedHash({"k1": OLD, "k2": NEW}, "k2")
    old, new = before.hash("mobile", "1"), after.hash("mobile", "1")
    assert after.all_versions("mobile", "1") == [new, old]
    assert before.all_versions("mobile", "1") == [old]
    assert after.needs_rotation(old)
    assert not after.needs_rotation(new)


def test_a_file_opens_for_its_own_field_and_subject_alone() -> None:
    content = b"\x89PNG\r\n" + bytes(range(256))
    cipher, rotated = FieldCipher({"k1": OLD}, "k1"), FieldCipher({"k1": OLD, "k2": NEW}, "k2")
    sealed = cipher.encrypt_bytes("paper", "claims/1/abc", content)
    assert sealed.startswith(b"v1.k1.")
    assert content not in sealed
    assert sealed != cipher.encrypt_bytes("paper", "claims/1/abc", content)
    assert rotated.decrypt_bytes("paper", "claims/1/abc", sealed) == content
    for field, subject in (("paper", "claims/2/abc"), ("other", "claims/1/abc")):
        with pytest.raises(NotAuthentic):
            cipher.decrypt_bytes(field, subject, sealed)
    with pytest.raises(NotAuthentic):
        cipher.decrypt_bytes("paper", "claims/1/abc", sealed[:-1] + b"x")
    with pytest.raises(UnknownKey, match="k2"):
        cipher.decrypt_bytes("paper", "x", rotated.encrypt_bytes("paper", "x", content))
    for broken in (b"", content, b"v1.k1.short"):
        with pytest.raises(MalformedValue):
            cipher.decrypt_bytes("paper", "x", broken)


def test_a_message_opens_for_each_of_its_readers() -> None:
    sealer = TransportSealer({"card-svc": ("c1", OLD), "insurance-svc": ("i1", NEW)})
    seal = sealer.new_message()
    name, mobile = seal.encrypt("name", 1, "张三"), seal.encrypt("mobile", 1, "13812345678")
    assert set(seal.header) == {"card-svc", "insurance-svc"}
    for reader, keys in (("card-svc", {"c0": OTHER, "c1": OLD}), ("insurance-svc", {"i1": NEW})):
        opened = TransportOpener(reader, keys).open(seal.header)
        assert opened.decrypt("name", 1, name) == "张三"
        assert opened.decrypt("mobile", 1, mobile) == "13812345678"
        with pytest.raises(NotAuthentic):
            opened.decrypt("name", 2, name)
        with pytest.raises(MalformedValue):
            opened.decrypt("name", 1, "张三")


def test_each_message_has_its_own_key() -> None:
    sealer = TransportSealer({"card-svc": ("c1", OLD)})
    one, other = sealer.new_message(), sealer.new_message()
    opened = TransportOpener("card-svc", {"c1": OLD}).open(other.header)
    with pytest.raises(NotAuthentic):
        opened.decrypt("name", 1, one.encrypt("name", 1, "张三"))


def test_a_message_that_is_not_for_this_reader() -> None:
    header = TransportSealer({"card-svc": ("c1", OLD)}).new_message().header
    with pytest.raises(NotForThisReader, match="insurance-svc"):
        TransportOpener("insurance-svc", {"c1": OLD}).open(header)
    with pytest.raises(UnknownKey, match="c1"):
        TransportOpener("card-svc", {"c2": OLD}).open(header)
    with pytest.raises(NotAuthentic):
        TransportOpener("card-svc", {"c1": OTHER}).open(header)
    # A header entry cannot be passed on to another reader, even one with the same key.
    with pytest.raises(NotAuthentic):
        TransportOpener("claims-svc", {"c1": OLD}).open({"claims-svc": header["card-svc"]})
    with pytest.raises(MalformedValue):
        TransportOpener("card-svc", {"c1": OLD}).open({"card-svc": "nothing"})
