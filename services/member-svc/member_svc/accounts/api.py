"""Logging in, who am I, changing one's password, and the public keys."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from member_svc.accounts import store
from member_svc.accounts.login import Login
from member_svc.accounts.passwords import hash_password
from member_svc.accounts.rules import TOKEN_LIFE, normalise_login, password_weakness
from member_svc.accounts.tokens import Signer
from member_svc.organisations import store as organisations
from unioncard.auth import Allow
from unioncard.contracts.members import OrganisationLevel
from unioncard.database import reading
from unioncard.principal import Principal, Role
from unioncard.problems import conflict, invalid, not_found
from unioncard.service import Context
from unioncard.web.app import problem_responses

router = APIRouter(tags=["账号"])

Password = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class Credentials(BaseModel):
    """What an operator types to log in."""

    login: Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=r"^[^\x00]*$")] = Field(
        description="登录名（邮箱）", examples=["operator@example.org"]
    )
    password: Password


class Token(BaseModel):
    """An access token (RFC 6750)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the scheme's name, not a secret
    expires_in: int = Field(description="有效秒数")


class PublicKey(BaseModel):
    """A public key (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    alg: str
    use: str


class PublicKeys(BaseModel):
    """The keys that tokens are checked with; older ones stay until their last token has expired."""

    keys: list[PublicKey]


class OrganisationName(BaseModel):
    """An organisation by name."""

    id: int
    name: str


class Me(BaseModel):
    """The account behind the token."""

    account_id: int
    login: str
    role: Role
    organisation: OrganisationName
    superior: OrganisationName | None = Field(description="直属上级工会")
    first_level: OrganisationName | None = Field(description="一级工会（区局）")
    member_id: int | None


class NewPassword(BaseModel):
    """A change of password needs the old one (G19 8, 9)."""

    old_password: Password
    new_password: Password


class Done(BaseModel):
    """It is done."""

    done: Literal[True] = True


@router.post("/tokens", status_code=201, summary="登录", responses=problem_responses(401, 429))
async def log_in(request: Request, credentials: Credentials) -> Token:
    """A token for 15 minutes. Five wrong tries lock the login for 15 minutes."""
    login: Login = request.app.state.login
    signer: Signer = request.app.state.signer
    row = await login.account(normalise_login(credentials.login), credentials.password.get_secret_value())
    principal = Principal(row["id"], Role(row["role"]), row["organisation_id"], row["member_id"])
    return Token(access_token=signer.token(principal), expires_in=int(TOKEN_LIFE.total_seconds()))


@router.get("/.well-known/jwks.json", summary="令牌公钥")
async def public_keys(request: Request) -> PublicKeys:
    """The public keys (JWKS)."""
    context: Context = request.app.state.context
    return PublicKeys.model_validate(context.keys.published_keys())


@router.get("/me", summary="当前账号", responses=problem_responses(401, 403, 404))
async def me(request: Request, principal: Annotated[Principal, Depends(Allow(*Role))]) -> Me:
    """Who the token speaks for, its organisation and what is above it (G19 27)."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        row = await store.by_id(conn, principal.account_id)
        if row is None:
            raise not_found("您的账号")
        above = await organisations.superiors(conn, row["path"])
    names = [OrganisationName(id=id_, name=name) for id_, name, _ in above]
    first = [n for n, (_, _, level) in zip(names, above, strict=True) if level == OrganisationLevel.DISTRICT]
    return Me(
        account_id=row["id"],
        login=row["login"],
        role=row["role"],
        organisation=OrganisationName(id=row["organisation_id"], name=row["organisation_name"]),
        superior=names[-1] if names else None,
        first_level=first[0] if first else None,
        member_id=row["member_id"],
    )


@router.post("/password", summary="修改密码", responses=problem_responses(401, 403, 404, 409, 429))
async def change_password(
    request: Request, principal: Annotated[Principal, Depends(Allow(*Role))], passwords: NewPassword
) -> Done:
    """Change one's own password with the old one; wrong ones count like wrong logins."""
    context: Context = request.app.state.context
    login: Login = request.app.state.login
    new = passwords.new_password.get_secret_value()
    async with reading(context.engine) as conn:
        row = await store.by_id(conn, principal.account_id)
    if row is None:
        raise not_found("您的账号")
    if weakness := password_weakness(new, row["login"]):
        raise invalid("password-weak", "新密码不符合要求", weakness)
    found = await login.account(row["login"], passwords.old_password.get_secret_value())
    new_hash = await hash_password(new)
    async with context.work.begin(principal.actor) as tx:
        if not await store.change_password(tx.conn, found["id"], found["password_hash"], new_hash):
            raise conflict("password-changed-meanwhile", "密码刚刚已被修改", "请用新密码重新登录。")
        tx.audit("account.password", f"account:{found['id']}", organisation_id=principal.organisation_id)
    return Done()
