"""The key file of a process: a JSON file with everything that process must keep secret, and nothing of others.

``unioncard keys init DIR`` makes one for each service (:func:`write_key_files`); ``unioncard keys rotate DIR`` adds
new keys and keeps the old ones for reading (:func:`rotate_keys`).
"""

import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from unioncard.crypto import KEY_BYTES, FieldCipher, KeyedHash, TransportOpener, TransportSealer

EXAMPLES = {
    "service": '"card-svc"',
    "field_keys": '{"f20260101": "<43 characters: 32 bytes in base64url>"}',
    "field_key_current": '"f20260101"',
    "hash_keys": '{"h20260101": "<43 characters: 32 bytes in base64url>"}',
    "hash_key_current": '"h20260101"',
    "transport_keys": '{"t20260101": "<43 characters: 32 bytes in base64url>"}',
    "transport_key_current": '"t20260101"',
    "reader_keys": '{"card-svc": {"id": "t20260101", "key": "<43 characters: 32 bytes in base64url>"}}',
    "partner_secrets": '{"bank": "<at least 32 characters>"}',
    "database_password": '"<at least 16 characters>"',
    "database_owner_password": '"<at least 16 characters>"',
    "signing_key": '{"kty": "EC", "crv": "P-256", "x": "...", "y": "...", "d": "...", "kid": "s20260101"}',
    "retired_signing_keys": '[{"kty": "EC", "crv": "P-256", "x": "...", "y": "...", "kid": "s20250101"}]',
}


class KeysError(Exception):
    """A key file is missing or wrong. Names the file and the field, with an example; never a value."""


def _key_from_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        raw = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        raise ValueError("is not base64url") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"is {len(raw)} bytes instead of {KEY_BYTES}")
    return raw


def _key_to_text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
KeyBytes = Annotated[bytes, BeforeValidator(_key_from_text), PlainSerializer(_key_to_text)]
Password = Annotated[str, StringConstraints(min_length=16)]
PartnerSecret = Annotated[str, StringConstraints(min_length=32)]


class ReaderKey(BaseModel):
    """The current transport key of another service that reads what this one writes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: KeyId
    key: KeyBytes = Field(repr=False)


class Keys(BaseModel):
    """One process's secrets. Those it has no use for are absent; asking for them raises :class:`KeysError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    service: str = Field(min_length=1, description="whose file this is: member-svc, card-svc, workflows, sandbox")
    field_keys: dict[KeyId, KeyBytes] = Field(default_factory=dict, repr=False, description="columns at rest")
    field_key_current: str | None = None
    hash_keys: dict[KeyId, KeyBytes] = Field(default_factory=dict, repr=False, description="keyed hashes")
    hash_key_current: str | None = None
    transport_keys: dict[KeyId, KeyBytes] = Field(default_factory=dict, repr=False, description="to read messages")
    transport_key_current: str | None = None
    reader_keys: dict[str, ReaderKey] = Field(default_factory=dict, repr=False, description="to write messages")
    partner_secrets: dict[str, PartnerSecret] = Field(
        default_factory=dict, repr=False, description="by partner, for signed callbacks"
    )
    database_password: Password | None = Field(None, repr=False, description="of the application role")
    database_owner_password: Password | None = Field(None, repr=False, description="of the role that migrates")
    signing_key: dict[str, Any] | None = Field(None, repr=False, description="private JWK (ES256) for tokens")
    retired_signing_keys: list[dict[str, Any]] = Field(
        default_factory=list, repr=False, description="public JWKs of older signing keys, still published"
    )

    @field_validator("signing_key")
    @classmethod
    def _private_jwk(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if not value.get("kid") or value.get("crv") != "P-256" or "d" not in value:
            raise ValueError("is not a private P-256 JWK with a kid")
        try:
            ECKey.import_key(value)
        except (JoseError, ValueError, TypeError):
            raise ValueError("is not a valid P-256 JWK") from None
        return value

    @model_validator(mode="after")
    def _current_exists(self) -> "Keys":
        for kind in ("field", "hash", "transport"):
            current = getattr(self, f"{kind}_key_current")
            known = getattr(self, f"{kind}_keys")
            if known and current not in known:
                raise ValueError(f"{kind}_key_current is not among {kind}_keys")
            if current is not None and not known:
                raise ValueError(f"{kind}_keys is empty but {kind}_key_current is set")
        return self

    def field_cipher(self) -> FieldCipher:
        """Encryption of the service's own columns."""
        return FieldCipher(self.field_keys, self._need("field_key_current"))

    def keyed_hash(self) -> KeyedHash:
        """Hashes for equality and uniqueness of encrypted columns."""
        return KeyedHash(self.hash_keys, self._need("hash_key_current"))

    def transport_sealer(self) -> TransportSealer:
        """Sealing of messages for all readers this service writes to."""
        self._need("reader_keys")
        return TransportSealer({reader: (key.id, key.key) for reader, key in self.reader_keys.items()})

    def transport_opener(self) -> TransportOpener:
        """Opening of messages that others sealed for this service."""
        self._need("transport_keys")
        return TransportOpener(self.service, self.transport_keys)

    def partner_secret(self, partner: str) -> str:
        """The secret shared with a partner (``bank``), for :mod:`unioncard.signatures`."""
        secret = self.partner_secrets.get(partner)
        if secret is None:
            raise _missing(self.service, "partner_secrets", f"has no '{partner}'")
        return secret

    def database_passwords(self) -> tuple[str, str]:
        """(application role's, owner role's)."""
        return self._need("database_password"), self._need("database_owner_password")

    def token_signing_key(self) -> ECKey:
        """The private key that signs tokens (ES256); ``kid`` names it."""
        signing_key: dict[str, Any] = self._need("signing_key")
        return ECKey.import_key(signing_key)

    def published_keys(self) -> dict[str, list[dict[str, Any]]]:
        """The JWKS to publish: the current public key first, then the retired ones. Never a private part."""
        public = _public(self._need("signing_key"))
        return {"keys": [public, *(_public(key) for key in self.retired_signing_keys)]}

    def _need(self, field: str) -> Any:
        value = getattr(self, field)
        if not value:
            raise _missing(self.service, field, "is missing")
        return value


def _missing(service: str, field: str, what: str) -> KeysError:
    return KeysError(f"key file of {service}: {field} {what}; for example {EXAMPLES[field]}")


def _public(jwk: dict[str, Any]) -> dict[str, Any]:
    public: dict[str, Any] = {name: jwk[name] for name in ("kty", "crv", "x", "y", "kid") if name in jwk}
    return public | {"alg": "ES256", "use": "sig"}


def load_keys(path: Path) -> Keys:
    """The keys in ``path``, or :class:`KeysError` that names the file, each wrong field and an example."""
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        raise KeysError(f"no key file {path}; make it with: unioncard keys init {path.parent}") from None
    except OSError as error:
        raise KeysError(f"key file {path} cannot be read: {error.strerror}") from None
    try:
        return Keys.model_validate_json(body)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors(include_input=False, include_url=False)]
        raise KeysError(f"key file {path} is wrong:\n" + "\n".join(lines)) from None


def _explain(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        field = next((name for name in EXAMPLES if message.startswith(name + " ")), None)
        return f"  {message}" + (f"; for example {EXAMPLES[field]}" if field else "")
    field = str(problem["loc"][0])
    where = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    example = f"; for example {EXAMPLES[field]}" if field in EXAMPLES else ""
    return f"  {where}: {message}{example}"


# Who keeps what. Writers seal for the readers named; the bank secret is shared by card-svc, claims-svc and
# the sandbox.
SERVICES: tuple[str, ...] = ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows", "sandbox")
STORES_PERSONAL_DATA: frozenset[str] = frozenset({"member-svc", "card-svc", "insurance-svc", "claims-svc"})
READERS_OF: dict[str, tuple[str, ...]] = {
    "member-svc": ("card-svc", "insurance-svc", "claims-svc"),
    "card-svc": ("claims-svc",),
}
PARTNERS_OF: dict[str, tuple[str, ...]] = {
    "card-svc": ("bank",),
    "claims-svc": ("bank",),
    "sandbox": ("bank",),
}
SIGNS_TOKENS = "member-svc"

RotatedKey = Literal["field", "hash", "transport", "signing"]


def write_key_files(folder: Path) -> None:
    """Make ``<service>.json`` for every service, mode 0600, and nothing twice.

    Files that exist keep every key they have; only what is missing is added, and each writer gets its readers'
    current transport keys. So it may be killed at any line and run again. Raises :class:`KeysError` when a file that
    exists is wrong: it is never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {name: load_keys(_file(folder, name)) for name in SERVICES if _file(folder, name).exists()}
    _write_all(folder, found, {name: found.get(name) or _new_keys(name) for name in SERVICES})


def rotate_keys(folder: Path, kinds: set[RotatedKey], now: datetime) -> None:
    """Add a new current key of each kind to every file that has that kind; the old ones stay for reading.

    ``now`` names the new keys (``f20260101T080000``). After a transport rotation restart readers before writers: a
    reader that has not yet read its new key cannot open what is written with it.
    """
    found = {name: load_keys(_file(folder, name)) for name in SERVICES}
    _write_all(folder, found, {name: _rotated(keys, kinds, now) for name, keys in found.items()})


def _write_all(folder: Path, found: dict[str, Keys], wanted: dict[str, Keys]) -> None:
    shared_secrets = _partner_secrets(wanted)
    readers_first = sorted(SERVICES, key=lambda name: name in READERS_OF)
    for name in readers_first:
        own = {partner: shared_secrets[partner] for partner in PARTNERS_OF.get(name, ())}
        keys = wanted[name].model_copy(
            update={
                "reader_keys": {**wanted[name].reader_keys, **_reader_keys(name, wanted)},
                "partner_secrets": {**wanted[name].partner_secrets, **own},
            }
        )
        if keys != found.get(name):
            _write(_file(folder, name), keys)


def _partner_secrets(wanted: dict[str, Keys]) -> dict[str, str]:
    """The secret of each partner: the one that some file already holds, or a new one."""
    known: dict[str, str] = {}
    for keys in wanted.values():
        known = {**keys.partner_secrets, **known}
    partners = {partner for names in PARTNERS_OF.values() for partner in names}
    return {partner: known.get(partner) or secrets.token_urlsafe(32) for partner in partners}


def _reader_keys(writer: str, wanted: dict[str, Keys]) -> dict[str, ReaderKey]:
    result = {}
    for reader in READERS_OF.get(writer, ()):
        current = wanted[reader].transport_key_current
        if current is None:
            raise _missing(reader, "transport_key_current", "is missing")
        result[reader] = ReaderKey(id=current, key=wanted[reader].transport_keys[current])
    return result


def _new_keys(service: str) -> Keys:
    empty = Keys(service=service)
    if service not in STORES_PERSONAL_DATA:
        return empty
    kinds: set[RotatedKey] = {"field", "hash", "transport"}
    if service == SIGNS_TOKENS:
        kinds.add("signing")
    passwords = {name: secrets.token_urlsafe(24) for name in ("database_password", "database_owner_password")}
    return _with_new(empty, kinds, datetime.now(UTC)).model_copy(update=passwords)


def _rotated(keys: Keys, kinds: set[RotatedKey], now: datetime) -> Keys:
    has: set[RotatedKey] = {kind for kind in kinds if kind != "signing" and getattr(keys, f"{kind}_keys")}
    if "signing" in kinds and keys.signing_key:
        has.add("signing")
    return _with_new(keys, has, now)


def _with_new(keys: Keys, kinds: set[RotatedKey], now: datetime) -> Keys:
    """``keys`` with a fresh current key of each kind beside the old ones."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    update: dict[str, Any] = {}
    for kind in kinds:
        key_id = kind[0] + stamp
        if kind == "signing":
            retired = [_public(keys.signing_key), *keys.retired_signing_keys] if keys.signing_key else []
            new = ECKey.generate_key("P-256", {"kid": key_id, "use": "sig", "alg": "ES256"}, private=True)
            update |= {"signing_key": dict(new.as_dict(private=True)), "retired_signing_keys": retired}
            continue
        known: dict[str, bytes] = getattr(keys, f"{kind}_keys")
        if key_id in known:
            raise KeysError(f"key file of {keys.service}: {kind}_keys already has {key_id}; try again in a second")
        update |= {f"{kind}_keys": {**known, key_id: secrets.token_bytes(KEY_BYTES)}, f"{kind}_key_current": key_id}
    return keys.model_copy(update=update)


def _file(folder: Path, service: str) -> Path:
    return folder / f"{service}.json"


def _write(path: Path, keys: Keys) -> None:
    """The whole file or none of it, readable by its owner alone from the first byte."""
    body = json.dumps(keys.model_dump(mode="json", exclude_defaults=True), indent=2, ensure_ascii=False) + "\n"
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(fresh, 0o600)
    os.replace(fresh, path)
