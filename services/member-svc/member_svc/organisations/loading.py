"""``load-organisations FILE.csv``: the tree from a file, whole or not at all, any number of times."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from member_svc.csv_files import BadFile, read_csv
from member_svc.organisations import store
from member_svc.organisations.events import publish_organisations
from member_svc.organisations.rules import COLUMNS, BadLine, OrganisationLine, read_line
from unioncard.crypto import FieldCipher, KeyedHash
from unioncard.service import Context
from unioncard.unit_of_work import Transaction

_CHUNK = 5000

# Column, reason and remedy of what only the whole tree can tell.
_TREE_PROBLEMS = {
    "two-roots": ("level", "只能有一个市总工会（federation）", "请删除多余的一行，或沿用系统中已有的编码"),
    "no-parent": ("parent_code", "找不到上级组织", "请核对 parent_code，或把上级组织加入文件"),
    "parent-level": (
        "parent_code",
        "上级组织的级别不对",
        "区局在市总之下，二级工会在区局之下，基层在区局或二级工会之下",
    ),
    "district-code-taken": ("district_code", "区局编号已被其他区局使用", "请填写该区局自己的三位编号"),
    "level-changed": ("level", "已有组织的级别不能改变", "请新建一个组织，编码另取"),
    "district-code-changed": ("district_code", "区局编号不能改变，会员编号以它开头", "请恢复原来的区局编号"),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did."""

    lines: int
    changed: int
    messages: int


async def load_organisations(context: Context, path: Path) -> Loaded:
    """Apply the file and tell readers what changed; raises :class:`BadFile` and applies nothing."""
    cipher, hashes = context.keys.field_cipher(), context.keys.keyed_hash()
    async with context.work.begin("command:load-organisations") as tx:
        await store.open_staging(tx.conn)
        lines, bad = await _stage(tx, path, cipher, hashes)
        if not bad:
            bad = await _check_tree(tx, lines)
        if bad:
            raise BadFile(sorted(bad, key=lambda one: one.line))
        changed = await store.apply_staged(tx.conn)
        messages = publish_organisations(tx, changed)
        tx.audit("organisations.load", "organisations:file", after={"lines": lines, "changed": len(changed)})
    return Loaded(lines, len(changed), messages)


async def _stage(tx: Transaction, path: Path, cipher: FieldCipher, hashes: KeyedHash) -> tuple[int, list[BadLine]]:
    lines = 0
    bad: list[BadLine] = []
    source = read_csv(path, COLUMNS)
    while chunk := list(islice(source, _CHUNK)):
        rows: list[dict[str, Any]] = []
        for number, cells in chunk:
            lines += 1
            found, wrong = read_line(number, cells)
            bad.extend(wrong)
            if found is not None:
                rows.append(_row(found, cipher, hashes))
        await store.stage(tx.conn, rows)
    return lines, bad


def _row(line: OrganisationLine, cipher: FieldCipher, hashes: KeyedHash) -> dict[str, Any]:
    """The staged row. The head is bound to the code, since a new organisation has no id yet."""
    head = f"{line.head_name or ''}|{line.head_phone or ''}"
    return {
        "line": line.line,
        "code": line.code,
        "parent_code": line.parent_code,
        "level": line.level.value,
        "kind": line.kind.value if line.kind else None,
        "district_code": line.district_code,
        "name": line.name,
        "marked_central": line.marked_central,
        "credit_code": line.credit_code,
        "head_name_enc": cipher.encrypt("head_name", line.code, line.head_name) if line.head_name else None,
        "head_phone_enc": cipher.encrypt("head_phone", line.code, line.head_phone) if line.head_phone else None,
        "head_hash": hashes.hash("organisation-head", head) if head != "|" else None,
    }


async def _check_tree(tx: Transaction, lines: int) -> list[BadLine]:
    if not lines:
        return [BadLine(1, COLUMNS[0], "文件中没有组织", "请从第 2 行开始填写")]
    duplicates = [
        BadLine(line, "code", f"组织编码与第 {first} 行重复", "请删除其中一行或改正编码")
        for line, first in await store.staged_duplicates(tx.conn)
    ]
    if duplicates:
        return duplicates
    problems = [BadLine(line, *_TREE_PROBLEMS[problem]) for line, problem in await store.staged_problems(tx.conn)]
    if not problems and (loose := await store.unplaced(tx.conn)):
        remedy = "请检查上级关系是否成环，或缺少市总工会一行"
        return [BadLine(1, "parent_code", f"有 {loose} 个组织没有连到市总工会", remedy)]
    return problems
