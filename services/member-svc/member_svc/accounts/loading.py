"""``load-accounts FILE.csv``: accounts from a file, whole or not at all, any number of times."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from member_svc.accounts import store
from member_svc.accounts.passwords import AT_ONCE, generated_password, hash_password, password_matches
from member_svc.accounts.rules import LEVELS, LOGIN, normalise_login, password_weakness
from member_svc.csv_files import BadFile, read_csv
from member_svc.members import store as members
from member_svc.organisations import store as organisations
from member_svc.organisations.rules import BadLine
from unioncard.contracts.members import OrganisationLevel
from unioncard.principal import Role
from unioncard.service import Context

COLUMNS = ("login", "password", "role", "organisation_code", "member_number")


@dataclass(frozen=True, slots=True)
class AccountLine:
    """A line of the file; an empty password means: keep it, or make one for a new account."""

    line: int
    login: str
    password: str
    role: Role
    organisation_code: str
    member_number: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did; ``generated`` has login and password of accounts that got a new password here."""

    lines: int
    changed: int
    generated: list[tuple[str, str]]


async def load_accounts(context: Context, path: Path) -> Loaded:
    """Apply the file; raises :class:`BadFile` and applies nothing."""
    lines, bad = _read(path)
    async with context.work.begin("command:load-accounts") as tx:
        places = await organisations.ids_by_code(tx.conn, [one.organisation_code for one in lines])
        people = await members.ids_by_number(tx.conn, [one.member_number for one in lines if one.member_number])
        bad += [wrong for one in lines if (wrong := _misplaced(one, places, people))]
        if bad:
            raise BadFile(sorted(bad, key=lambda one: one.line))
        known = await store.by_logins(tx.conn, [one.login for one in lines])
        hashes, generated = await _hashes(lines, known)
        rows: list[dict[str, Any]] = [
            {
                "login": one.login,
                "password_hash": hashed,
                "role": one.role.value,
                "organisation_id": places[one.organisation_code][0],
                "member_id": people[one.member_number][0] if one.member_number else None,
            }
            for one, hashed in zip(lines, hashes, strict=True)
        ]
        changed = await store.save(tx.conn, rows)
        tx.audit("accounts.load", "accounts:file", after={"lines": len(lines), "changed": changed})
    return Loaded(len(lines), changed, generated)


def _read(path: Path) -> tuple[list[AccountLine], list[BadLine]]:
    lines: list[AccountLine] = []
    bad: list[BadLine] = []
    seen: dict[str, int] = {}
    for number, cells in read_csv(path, COLUMNS):
        text = {name: (cells.get(name) or "").strip() for name in COLUMNS}
        login = normalise_login(text["login"])
        if not LOGIN.fullmatch(login):
            bad.append(BadLine(number, "login", "登录名不是邮箱地址", "请填写经办人的邮箱"))
        elif login in seen:
            bad.append(BadLine(number, "login", f"登录名与第 {seen[login]} 行重复", "请删除其中一行"))
        if text["password"] and (weakness := password_weakness(text["password"], login)):
            bad.append(BadLine(number, "password", weakness, "请改用更强的密码，或留空由系统生成"))
        if text["role"] not in set(Role):
            bad.append(BadLine(number, "role", "角色不正确", f"请填写以下之一：{'、'.join(Role)}"))
            continue
        seen.setdefault(login, number)
        role = Role(text["role"])
        lines.append(
            AccountLine(number, login, text["password"], role, text["organisation_code"], text["member_number"])
        )
    if not lines and not bad:
        bad.append(BadLine(1, "login", "文件中没有账号", "请从第 2 行开始填写"))
    return lines, bad


def _misplaced(
    one: AccountLine, places: dict[str, tuple[int, str]], people: dict[str, tuple[int, int | None]]
) -> BadLine | None:
    place = places.get(one.organisation_code)
    if place is None:
        return BadLine(one.line, "organisation_code", "没有这个组织", "请核对组织编码，或先加载组织")
    if OrganisationLevel(place[1]) not in LEVELS[one.role]:
        levels = "、".join(LEVELS[one.role])
        return BadLine(one.line, "role", "该角色与组织的级别不符", f"该角色只能属于级别为 {levels} 的组织")
    if (one.role is Role.MEMBER) != bool(one.member_number):
        return BadLine(one.line, "member_number", "会员编号与角色不符", "角色 member 必须填写会员编号，其他角色留空")
    if one.member_number and people.get(one.member_number, (0, None))[1] != place[0]:
        return BadLine(one.line, "member_number", "该组织没有这个会员编号", "请核对会员编号和组织编码")
    return None


async def _hashes(
    lines: Sequence[AccountLine], known: dict[str, sa.RowMapping]
) -> tuple[list[str], list[tuple[str, str]]]:
    """The hash of each line, the old one where the password is the same; and the passwords made here."""
    generated: list[tuple[str, str]] = []
    turns = asyncio.Semaphore(AT_ONCE)

    async def hashed(one: AccountLine) -> str:
        old = known.get(one.login)
        password = one.password
        async with turns:
            if old is not None and (not password or await password_matches(old["password_hash"], password)):
                return str(old["password_hash"])
            if not password:
                password = generated_password()
                generated.append((one.login, password))
            return await hash_password(password)

    return list(await asyncio.gather(*(hashed(one) for one in lines))), sorted(generated)
