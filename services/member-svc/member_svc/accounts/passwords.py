"""argon2id, off the event loop: a hash takes tens of milliseconds and 64 MB."""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()

AT_ONCE = 2


async def hash_password(password: str) -> str:
    """The password's hash, salted."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; takes as long when there is none."""
    return await asyncio.to_thread(_matches, stored, password) and stored is not None


@cache
def _nobody() -> str:
    """Checked when there is no account, so that an unknown login takes as long as a known one."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _matches(stored: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False


def generated_password() -> str:
    """A password to hand out: 16 characters, letters and digits for sure."""
    while True:
        password = secrets.token_urlsafe(12)
        if any(c.isdigit() for c in password) and any(c.isalpha() for c in password):
            return password
