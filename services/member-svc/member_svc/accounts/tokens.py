"""Access tokens: ES256, short-lived, with the organisation's id and never its path (*Safety*)."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt

from member_svc.accounts.rules import TOKEN_LIFE
from unioncard.auth import ALGORITHM, AUDIENCE, ISSUER
from unioncard.keys import Keys
from unioncard.principal import Principal


class Signer:
    """Signs tokens with the service's current key."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.token_signing_key()
        self._header = {"alg": ALGORITHM, "kid": str(self._key.kid)}

    def token(self, principal: Principal) -> str:
        """A token for this account, valid for 15 minutes of wall time."""
        now = datetime.now(UTC)
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(principal.account_id),
            "role": principal.role.value,
            "org": principal.organisation_id,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "jti": secrets.token_urlsafe(16),
        }
        if principal.member_id is not None:
            claims["member"] = principal.member_id
        return jwt.encode(self._header, claims, self._key)


def own_jwks(keys: Keys) -> Callable[[], Awaitable[dict[str, Any]]]:
    """The public keys without a call: this service publishes them itself."""

    async def fetch() -> dict[str, Any]:
        return dict(keys.published_keys())

    return fetch
