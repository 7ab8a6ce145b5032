"""All SQL on accounts and login attempts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.accounts.tables import ACCOUNTS, LOGIN_ATTEMPTS
from member_svc.organisations.tables import ORGANISATIONS

_SAVE = sa.text("""
    INSERT INTO accounts AS a (login, password_hash, role, organisation_id, member_id)
    SELECT * FROM unnest(CAST(:login AS text[]), CAST(:password_hash AS text[]), CAST(:role AS text[]),
                         CAST(:organisation_id AS bigint[]), CAST(:member_id AS bigint[]))
    ON CONFLICT (login) DO UPDATE SET
        password_hash = excluded.password_hash, role = excluded.role,
        organisation_id = excluded.organisation_id, member_id = excluded.member_id,
        password_changed_at = CASE WHEN a.password_hash = excluded.password_hash THEN a.password_changed_at
                                   ELSE clock_timestamp() END
    WHERE (a.password_hash, a.role, a.organisation_id, a.member_id)
        IS DISTINCT FROM (excluded.password_hash, excluded.role, excluded.organisation_id, excluded.member_id)
    RETURNING id
""")


async def by_login(conn: AsyncConnection, login: str) -> sa.RowMapping | None:
    """The account with this login."""
    return (await conn.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.login == login))).mappings().one_or_none()


async def by_logins(conn: AsyncConnection, logins: Sequence[str]) -> dict[str, sa.RowMapping]:
    """Those of these accounts that exist."""
    rows = (await conn.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.login.in_(logins)))).mappings()
    return {row["login"]: row for row in rows}


async def by_id(conn: AsyncConnection, account_id: int) -> sa.RowMapping | None:
    """The account with its organisation's name and path."""
    o = ORGANISATIONS.c
    query = (
        sa.select(ACCOUNTS, o.name.label("organisation_name"), o.path, o.level)
        .join(ORGANISATIONS, o.id == ACCOUNTS.c.organisation_id)
        .where(ACCOUNTS.c.id == account_id)
    )
    return (await conn.execute(query)).mappings().one_or_none()


async def save(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert and update accounts with one statement; returns how many are new or changed."""
    columns = ("login", "password_hash", "role", "organisation_id", "member_id")
    result = await conn.execute(_SAVE, {name: [row[name] for row in rows] for name in columns})
    return len(result.all())


async def change_password(conn: AsyncConnection, account_id: int, old_hash: str, new_hash: str) -> bool:
    """Set the new hash if the old one still stands."""
    c = ACCOUNTS.c
    result = await conn.execute(
        sa.update(ACCOUNTS)
        .where(c.id == account_id, c.password_hash == old_hash)
        .values(password_hash=new_hash, password_changed_at=sa.func.clock_timestamp())
    )
    return result.rowcount == 1


async def attempts(conn: AsyncConnection, login_hash: str) -> tuple[int, datetime | None]:
    """Wrong tries in a row, and until when the login is locked."""
    c = LOGIN_ATTEMPTS.c
    row = (await conn.execute(sa.select(c.failed, c.locked_until).where(c.login_hash == login_hash))).one_or_none()
    return (row.failed, row.locked_until) if row else (0, None)


async def note_failure(conn: AsyncConnection, login_hash: str, now: datetime) -> int:
    """Count a wrong try; returns how many in a row. An old lock that has passed starts the count anew."""
    c = LOGIN_ATTEMPTS.c
    statement = insert(LOGIN_ATTEMPTS).values(login_hash=login_hash, failed=1, last_failed_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=[c.login_hash],
        set_={
            "failed": sa.case((c.locked_until <= now, 1), else_=c.failed + 1),
            "last_failed_at": now,
            "locked_until": None,
        },
    )
    return int(await conn.scalar(statement.returning(c.failed)) or 0)


async def lock(conn: AsyncConnection, login_hash: str, until: datetime) -> None:
    """Lock a login."""
    c = LOGIN_ATTEMPTS.c
    await conn.execute(sa.update(LOGIN_ATTEMPTS).where(c.login_hash == login_hash).values(locked_until=until))


async def forget_attempts(conn: AsyncConnection, login_hash: str) -> None:
    """After a right login."""
    await conn.execute(sa.delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.login_hash == login_hash))


async def purge_attempts(conn: AsyncConnection, before: datetime) -> int:
    """Forget wrong tries from before this moment."""
    return (await conn.execute(sa.delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.last_failed_at < before))).rowcount
