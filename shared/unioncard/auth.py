"""Who is asking: bearer tokens, roles, and the part of the tree that each may see.

Tokens are short-lived JWTs signed by member-svc; the other services know its public keys (JWKS), cached. A token
carries the organisation's id and never its path: what lies below an organisation is looked up when it is asked for.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.principal import Principal as Principal
from unioncard.principal import Role as Role
from unioncard.problems import Problem, not_found

ISSUER = "member-svc"
AUDIENCE = "unioncard"
ALGORITHM = "ES256"
KEYS_FRESH_S = 300.0
REFETCH_S = 5.0
# How far the clocks of two machines may differ.
LEEWAY_S = 5


def _missing() -> Problem:
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(401, "token-missing", "请先登录", "请求中没有登录令牌，请登录后重试。", headers=headers)


def _expired() -> Problem:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "token-invalid", "登录已失效，请重新登录", "令牌已过期或不是本平台签发的。", headers=headers)


class TokenCheck:
    """Checks bearer tokens against public keys that ``fetch`` gives (a JWKS document)."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._fetch = fetch
        self._keys: KeySet | None = None
        self._tried_at = -KEYS_FRESH_S
        self._fetched_at = -KEYS_FRESH_S
        self._lock = asyncio.Lock()

    async def principal(self, token: str) -> Principal:
        """The account a token speaks for, or a 401 problem."""
        claims = _verified(token, await self._fresh_keys())
        if claims is None:
            # The keys may have been rotated since; an unknown key is worth one more look.
            claims = _verified(token, await self._fresh_keys(newer_than_s=REFETCH_S))
        if claims is None:
            raise _expired()
        return _principal(claims)

    async def _fresh_keys(self, newer_than_s: float = KEYS_FRESH_S) -> KeySet:
        async with self._lock:
            now = time.monotonic()
            # While member-svc is away one request in five seconds pays for the attempt; the others use what we have.
            due = now - self._fetched_at > newer_than_s and now - self._tried_at > REFETCH_S
            if self._keys is None or due:
                self._tried_at = now
                try:
                    self._keys = KeySet.import_key_set(await self._fetch())  # type: ignore[arg-type]  # a dict as fetched
                    self._fetched_at = now
                except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
                    if self._keys is None:
                        raise Problem(503, "keys-unavailable", "登录服务暂时不可用，请稍后重试") from None
            return self._keys


def _verified(token: str, keys: KeySet) -> dict[str, Any] | None:
    """The claims of a token that one of these keys signed, else None, whatever the token is."""
    try:
        return jwt.decode(token, keys, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _principal(claims: dict[str, Any]) -> Principal:
    try:
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            leeway=LEEWAY_S,
        ).validate(claims)
        return Principal(int(claims["sub"]), Role(claims["role"]), int(claims["org"]), claims.get("member"))
    except (JoseError, KeyError, ValueError, TypeError):
        raise _expired() from None


def jwks_from(member_url: str) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Fetches member-svc's public keys: the one call between services that is allowed."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=5.0) as client:
            response = await client.get(f"{member_url}/.well-known/jwks.json")
            response.raise_for_status()
            return dict(response.json())

    return fetch


_bearer = HTTPBearer(auto_error=False, description="令牌由 member-svc 的 POST /tokens 签发")


async def current_principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The caller, or 401. The service's :class:`TokenCheck` is at ``app.state.tokens``."""
    if credentials is None:
        raise _missing()
    check: TokenCheck = request.app.state.tokens
    return await check.principal(credentials.credentials)


class Allow:
    """Dependency: the caller if it has one of these roles, else 403. ``app.routes`` can be asked for ``roles``."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, principal: Annotated[Principal, Depends(current_principal)]) -> Principal:
        if principal.role not in self.roles:
            raise Problem(403, "role-not-allowed", "您的账号无权进行此项操作", "请由有相应权限的经办人办理。")
        return principal


STAFF = (
    Role.UNION,
    Role.SECOND_LEVEL,
    Role.DISTRICT,
    Role.CENTRE_REVIEWER,
    Role.CENTRE_PAYER,
    Role.FEDERATION,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the tree a caller may see: its own organisation and everything below, never sideways.

    Who acts as a union sees its own organisation alone: a district that applies through the unions' entrance has
    another scope there than at its own (domain 1; G19 2).
    """

    path: str
    below: bool = True

    @property
    def pattern(self) -> str:
        """What the paths inside are LIKE. Paths hold digits and slashes only."""
        return f"{self.path}%" if self.below else self.path

    def covers(self, path: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """The one filter under every list, count, export and lookup."""
        return path.like(self.pattern)

    def holds(self, path: str) -> bool:
        """The same for a path in hand."""
        return path.startswith(self.path) if self.below else path == self.path


async def scope_of(conn: AsyncConnection, organisations: sa.Table, principal: Principal) -> Scope:
    """The caller's scope as the tree stands at this moment; an organisation unknown here sees nothing."""
    columns = organisations.c
    path = await conn.scalar(sa.select(columns.path).where(columns.id == principal.organisation_id))
    if path is None:
        raise not_found("您所属的组织")
    return Scope(path, below=principal.role is not Role.UNION)


def within_reach(organisations: sa.Table, *, below: bool) -> sa.ColumnElement[bool]:
    """The same scope as a condition on ``organisations.path``, for statements that look one thing up.

    ``:organisation`` is the caller's, ``below`` false for a union: so a statement is made once and not for each call.
    """
    own = organisations.alias("own")
    seen = sa.select(own.c.path).where(own.c.id == sa.bindparam("organisation", type_=sa.BigInteger)).scalar_subquery()
    path = organisations.c.path
    return sa.func.starts_with(path, seen) if below else path == seen
