"""Which role an account may have where, and when a login is locked (domain 1; G19 1-9)."""

import re
from datetime import datetime, timedelta

from unioncard.contracts.members import OrganisationLevel
from unioncard.principal import Role

# A district may also apply like a grass-roots union, through the unions' entrance (G19 2).
LEVELS: dict[Role, tuple[OrganisationLevel, ...]] = {
    Role.UNION: (OrganisationLevel.UNION, OrganisationLevel.DISTRICT),
    Role.SECOND_LEVEL: (OrganisationLevel.SECOND_LEVEL,),
    Role.DISTRICT: (OrganisationLevel.DISTRICT,),
    Role.CENTRE_REVIEWER: (OrganisationLevel.FEDERATION,),
    Role.CENTRE_PAYER: (OrganisationLevel.FEDERATION,),
    Role.FEDERATION: (OrganisationLevel.FEDERATION,),
    Role.MEMBER: (OrganisationLevel.UNION, OrganisationLevel.DISTRICT),
    Role.BANK: (OrganisationLevel.FEDERATION,),
}

LOGIN = re.compile(r"[a-z0-9._%+-]{1,64}@[a-z0-9.-]{1,120}\.[a-z]{2,20}")
PASSWORD_LENGTH = (10, 200)

TOKEN_LIFE = timedelta(minutes=15)
WRONG_TRIES = 5
LOCKED_FOR = timedelta(minutes=15)


def normalise_login(text: str) -> str:
    """Logins are e-mail addresses and know no capitals (G19 6)."""
    return text.strip().lower()


def password_weakness(password: str, login: str) -> str | None:
    """Why a password cannot be taken, in Chinese, or None."""
    shortest, longest = PASSWORD_LENGTH
    if not shortest <= len(password) <= longest:
        return f"密码长度应为 {shortest} 至 {longest} 个字符"
    if "\x00" in password:
        return "密码含有不允许的字符"
    kinds = sum(bool(re.search(kind, password)) for kind in ("[0-9]", "[A-Za-z]", "[^0-9A-Za-z]"))
    if kinds < 2:
        return "密码应至少包含数字、字母、符号中的两种"
    if login.partition("@")[0] in password.lower():
        return "密码不能包含登录名"
    return None


def locked_until(failed: int, now: datetime) -> datetime | None:
    """Until when a login is locked after this many wrong tries in a row."""
    return now + LOCKED_FOR if failed >= WRONG_TRIES else None
