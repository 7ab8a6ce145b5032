"""Encryption of single fields, keyed hashes, and sealing of messages for several readers.

AES-256-GCM throughout. The field's name and its subject's id are associated data, so a ciphertext moved to another
column or another person does not open. No exception here ever carries a value, a key or a ciphertext.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class CryptoError(Exception):
    """Something could not be encrypted or opened; the message names the field and the key id, never the value."""


class InvalidKey(CryptoError):
    """A key is not 32 bytes, its id has other characters than letters, digits, ``_`` and ``-``, or none is current."""


class UnknownKey(CryptoError):
    """The value was written with a key that this process does not have (or no longer has)."""


class MalformedValue(CryptoError):
    """The text is not of the form this module writes."""


class NotAuthentic(CryptoError):
    """Wrong key, another field or subject than it was written for, or the value was changed."""


class NotForThisReader(CryptoError):
    """The message was not sealed for the reader that tries to open it."""


def _check_keys(keys: Mapping[str, bytes], current: str | None) -> None:
    for key_id, key in keys.items():
        if not KEY_ID.fullmatch(key_id):
            raise InvalidKey(f"key id {key_id!r} must be letters, digits, '_' or '-', at most 32")
        if len(key) != KEY_BYTES:
            raise InvalidKey(f"key {key_id} has {len(key)} bytes instead of {KEY_BYTES}")
    if current is not None and current not in keys:
        raise InvalidKey(f"the current key {current} is not among the keys")


def _encode(aes: AESGCM, plain: bytes, associated: bytes) -> str:
    # Random nonces are safe up to 2**32 values a key: some hundred times all members with all their fields.
    nonce = urandom(NONCE_BYTES)
    return urlsafe_b64encode(nonce + aes.encrypt(nonce, plain, associated)).decode("ascii")


def _decode(aes: AESGCM, text: str, associated: bytes, what: str) -> bytes:
    try:
        raw = urlsafe_b64decode(text)
    except (NotBase64, ValueError):
        raise MalformedValue(f"{what}: not base64") from None
    if len(raw) < NONCE_BYTES + TAG_BYTES:
        raise MalformedValue(f"{what}: too short")
    try:
        return aes.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], associated)
    except InvalidTag:
        raise NotAuthentic(f"{what}: wrong key, field or subject, or changed") from None


def _associated(field: str, subject_id: int | str) -> bytes:
    # NUL cannot be part of a field's name, so no two pairs give the same bytes.
    return f"{field}\0{subject_id}".encode()


def _key_id_of(value: str, what: str) -> tuple[str, str]:
    parts = value.split(".")
    if len(parts) != 3 or parts[0] != "v1":
        raise MalformedValue(f"{what}: not of the form v1.<key id>.<value>")
    return parts[1], parts[2]


class FieldCipher:
    """Encrypts a service's own columns; values look like ``v1.<key id>.<base64url>``.

    ``keys`` maps key id → 32 bytes; ``current`` is the one that writes, the others only read (rotation).
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        _check_keys(keys, current)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = self._ciphers[current]
        self._prefix = f"v1.{current}."

    def encrypt(self, field: str, subject_id: int | str, value: str) -> str:
        """``value`` for the column ``field`` of the subject; another text each time."""
        return self._prefix + _encode(self._current, value.encode(), _associated(field, subject_id))

    def decrypt(self, field: str, subject_id: int | str, value: str) -> str:
        """The plain text. Raises MalformedValue, UnknownKey or NotAuthentic."""
        key_id, text = _key_id_of(value, field)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(f"{field}: no field key {key_id[:32]!r}")
        return _decode(cipher, text, _associated(field, subject_id), field).decode()

    def encrypt_bytes(self, field: str, subject_id: int | str, content: bytes) -> bytes:
        """A file for the object store: the prefix of a column's value, nonce and ciphertext as they are."""
        nonce = urandom(NONCE_BYTES)
        return self._prefix.encode() + nonce + self._current.encrypt(nonce, content, _associated(field, subject_id))

    def decrypt_bytes(self, field: str, subject_id: int | str, content: bytes) -> bytes:
        """The file. Raises MalformedValue, UnknownKey or NotAuthentic."""
        version, _, rest = content.partition(b".")
        name, _, raw = rest.partition(b".")
        key_id = name[:32].decode("ascii", "replace")
        if version != b"v1" or len(raw) < NONCE_BYTES + TAG_BYTES:
            raise MalformedValue(f"{field}: not of the form v1.<key id>.<content>")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(f"{field}: no field key {key_id!r}")
        try:
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _associated(field, subject_id))
        except InvalidTag:
            raise NotAuthentic(f"{field}: wrong key, field or subject, or changed") from None

    def needs_rotation(self, value: str) -> bool:
        """Whether the value was written with a key other than the current one."""
        return not value.startswith(self._prefix)


class KeyedHash:
    """HMAC-SHA256 for equality and uniqueness of encrypted fields: ``h1:<key version>:<base64url>``.

    The purpose (``document-number``, ``mobile`` …) goes into the hash, so equal values in different columns do not
    show. Callers normalise first: what is not the same text is not the same hash.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        _check_keys(keys, current)
        self._keys = {current: keys[current], **keys}
        self._current = keys[current]
        self._prefix = f"h1:{current}:"

    def hash(self, purpose: str, value: str) -> str:
        """The hash with the current key; the same text each time."""
        return self._prefix + self._digest(self._current, purpose, value)

    def all_versions(self, purpose: str, value: str) -> list[str]:
        """The hashes with every key, the current one first: what a lookup must ask for while keys rotate."""
        return [f"h1:{version}:{self._digest(key, purpose, value)}" for version, key in self._keys.items()]

    def needs_rotation(self, hashed: str) -> bool:
        """Whether the hash was made with a key other than the current one."""
        return not hashed.startswith(self._prefix)

    @staticmethod
    def _digest(key: bytes, purpose: str, value: str) -> str:
        return urlsafe_b64encode(hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256"))[:43].decode("ascii")


class Seal:
    """One message's random data key. ``header`` goes into the message once, ``encrypt`` serves each field."""

    __slots__ = ("_cipher", "header")

    def __init__(self, data_key: bytes, header: dict[str, str]) -> None:
        self._cipher = AESGCM(data_key)
        self.header = header

    def encrypt(self, field: str, subject_id: int | str, value: str) -> str:
        """``value`` as base64url, bound to the field and the subject."""
        return _encode(self._cipher, value.encode(), _associated(field, subject_id))


class OpenedSeal:
    """A message whose data key this reader could unwrap."""

    __slots__ = ("_cipher",)

    def __init__(self, data_key: bytes) -> None:
        self._cipher = AESGCM(data_key)

    def decrypt(self, field: str, subject_id: int | str, value: str) -> str:
        """The plain text. Raises MalformedValue or NotAuthentic."""
        return _decode(self._cipher, value, _associated(field, subject_id), field).decode()


class TransportSealer:
    """Seals messages for several readers: a random data key a message, wrapped with each reader's transport key.

    ``reader_keys`` maps reader (``card-svc``) → (key id, 32 bytes).
    """

    def __init__(self, reader_keys: Mapping[str, tuple[str, bytes]]) -> None:
        self._readers: list[tuple[str, str, AESGCM]] = []
        for reader, (key_id, key) in reader_keys.items():
            _check_keys({key_id: key}, None)
            self._readers.append((reader, f"v1.{key_id}.", AESGCM(key)))

    def new_message(self) -> Seal:
        """A fresh seal; never use one for two messages."""
        data_key = urandom(KEY_BYTES)
        header = {
            reader: prefix + _encode(cipher, data_key, _associated("data-key", reader))
            for reader, prefix, cipher in self._readers
        }
        return Seal(data_key, header)


class TransportOpener:
    """Opens messages sealed for ``reader`` with any of its transport keys (key id → 32 bytes)."""

    def __init__(self, reader: str, keys: Mapping[str, bytes]) -> None:
        _check_keys(keys, None)
        self._reader = reader
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def open(self, header: Mapping[str, str]) -> OpenedSeal:
        """The message's seal. Raises NotForThisReader, UnknownKey, MalformedValue or NotAuthentic."""
        wrapped = header.get(self._reader)
        if wrapped is None:
            raise NotForThisReader(f"the message is not sealed for {self._reader}")
        key_id, text = _key_id_of(wrapped, "data-key")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(f"no transport key {key_id[:32]!r} of {self._reader}")
        data_key = _decode(cipher, text, _associated("data-key", self._reader), "data-key")
        if len(data_key) != KEY_BYTES:
            raise MalformedValue("data-key: wrong length")
        return OpenedSeal(data_key)
