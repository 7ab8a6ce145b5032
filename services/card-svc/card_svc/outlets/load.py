"""``python -m card_svc load-outlets FILE.csv``: the directory of outlets, as a whole.

Columns by header, UTF-8 (also with BOM): 网点编号 (code, unique, up to 32 letters, digits and hyphens), 发卡支行
(branch), 经办网点 (outlet), 网点地址 (address), 联系电话 (phone, may be empty). An outlet that is missing from the
file stays for the batches that name it and is no longer offered.
"""

import csv
import re
from io import StringIO

from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.outlets import store

HEADERS = {"网点编号": "code", "发卡支行": "branch", "经办网点": "name", "网点地址": "address", "联系电话": "phone"}
_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")


class DirectoryError(Exception):
    """The file cannot be taken; one line for each fault, with its line number."""


def parse(content: bytes) -> list[dict[str, str]]:
    """The outlets in the file, or :class:`DirectoryError` naming every bad row."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise DirectoryError("文件不是 UTF-8 编码，请另存为 UTF-8 的 CSV 后重试") from None
    missing = [name for name in HEADERS if name not in (reader.fieldnames or [])]
    if missing:
        raise DirectoryError(f"缺少列：{'、'.join(missing)}")
    rows: list[dict[str, str]] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for line, raw in enumerate(reader, start=2):
        row = {field: (raw[header] or "").strip() for header, field in HEADERS.items()}
        fault = _fault(row, seen)
        if fault:
            faults.append(f"第 {line} 行：{fault}")
        seen.setdefault(row["code"], line)
        rows.append(row)
    if not rows:
        faults.append("文件中没有网点")
    if faults:
        raise DirectoryError("\n".join(faults))
    return rows


def _fault(row: dict[str, str], seen: dict[str, int]) -> str | None:
    if not _CODE.fullmatch(row["code"]):
        return "网点编号应为 1 至 32 位字母、数字或连字符"
    if row["code"] in seen:
        return f"网点编号与第 {seen[row['code']]} 行重复"
    empty = [header for header, field in HEADERS.items() if not row[field] and field != "phone"]
    return f"{'、'.join(empty)}为空" if empty else None


async def load(conn: AsyncConnection, content: bytes) -> int:
    """Replace the directory by the file's; returns how many outlets it has. Safe to repeat."""
    rows = parse(content)
    await store.replace(conn, rows)
    return len(rows)
