"""Checking a login: locked after five wrong tries, and no answer tells whether a login exists."""

import asyncio
from datetime import UTC, datetime

import sqlalchemy as sa

from member_svc.accounts import store
from member_svc.accounts.passwords import AT_ONCE, password_matches
from member_svc.accounts.rules import locked_until
from unioncard.problems import Problem
from unioncard.service import Context

_WRONG = ("login-failed", "登录名或密码不正确", "请核对后重试；忘记密码请联系市总工会系统管理员重置。")


class Login:
    """Checks passwords, a few at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hashes = context.keys.keyed_hash()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def account(self, login: str, password: str) -> sa.RowMapping:
        """The account behind login and password, or a 401 problem, or 429 while the login is locked.

        Each try waits for its turn before it looks whether the login is locked: many tries at once gain nothing.
        """
        key = self._hashes.hash("login", login)
        async with self._turns:
            async with self._context.engine.connect() as conn:
                _, locked = await store.attempts(conn, key)
                found = await store.by_login(conn, login)
            if locked is not None and locked > datetime.now(UTC):
                raise _locked(locked)
            right = await password_matches(found["password_hash"] if found else None, password)
            async with self._context.engine.begin() as conn:
                if right and found is not None:
                    await store.forget_attempts(conn, key)
                    return found
                now = datetime.now(UTC)
                until = locked_until(await store.note_failure(conn, key, now), now)
                if until is not None:
                    await store.lock(conn, key, until)
        raise _locked(until) if until else Problem(401, *_WRONG)


def _locked(until: datetime) -> Problem:
    seconds = max(1, int((until - datetime.now(UTC)).total_seconds()))
    detail = f"连续输错 5 次，请于 {seconds // 60 + 1} 分钟后重试；忘记密码请联系市总工会系统管理员重置。"
    return Problem(429, "login-locked", "登录已暂时锁定", detail, headers={"Retry-After": str(seconds)})
