"""``load-legacy policies.csv``: undated policies of the previous system, in chunks that count once."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from unioncard.bulk import Counts, Loaded
from unioncard.bulk_by_member import FileOf, Kept, Named, load_file
from unioncard.chunks import Reject
from unioncard.service import Context
from unioncard.unit_of_work import Transaction

COLUMNS = ("policy_number",)
_NUMBER = re.compile(r"[A-Za-z0-9._/-]{1,40}")

_INSERT = sa.text("""
    INSERT INTO legacy_policies (number, member_id)
    SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:members AS bigint[]))
    ON CONFLICT (number) DO NOTHING RETURNING number
""")
_HOLDERS = sa.text("SELECT number, member_id FROM legacy_policies WHERE number = ANY(:numbers)")


async def load_policies(
    context: Context,
    path: Path,
    rejects_folder: Path,
    *,
    wait_s: float = 60.0,
    say: Callable[[Counts], None] = lambda _: None,
) -> Loaded:
    """Load the file; members that are not there yet are waited for while any arrive."""
    return await load_file(context, FileOf(COLUMNS, read_line, _keep), path, rejects_folder, wait_s=wait_s, say=say)


def read_line(line: int, cells: Mapping[str, str]) -> str | Reject:
    """The policy's number, or what is wrong with the line."""
    number = cells["policy_number"].strip()
    if not _NUMBER.fullmatch(number):
        return Reject(line, "policy_number", "保单号为空或含有其他字符", "由 1 至 40 位字母、数字或 . _ / - 组成")
    return number


async def _keep(tx: Transaction, rows: list[Named[str]]) -> Kept:
    values = {"numbers": [row.value for row in rows], "members": [row.member_id for row in rows]}
    new = set((await tx.conn.execute(_INSERT, values)).scalars())
    found = await tx.conn.execute(_HOLDERS, {"numbers": values["numbers"]})
    holders: dict[str, int] = {row.number: row.member_id for row in found}
    known, rejects = 0, list[Reject]()
    for row in rows:
        if row.value in new and holders[row.value] == row.member_id:
            new.remove(row.value)
        elif holders[row.value] == row.member_id:
            known += 1
        else:
            rejects.append(Reject(row.line, "policy_number", "保单号已属于另一会员", "请核对保单号和会员编号"))
    return Kept(len(rows) - known - len(rejects), known, rejects)
