"""The list of members as a sheet: text cells only, so that nothing in it can run."""

import os
import tempfile
from collections.abc import Sequence

import xlsxwriter

from member_svc.members.models import member_fields
from member_svc.members.sealing import Sealing
from member_svc.metadata import Row
from unioncard.contracts.cards import CardState
from unioncard.contracts.members import MemberState

MAX_EXPORT = 100_000

STATES = {
    MemberState.PENDING: "待审核",
    MemberState.NORMAL: "正常",
    MemberState.IN_TRANSFER: "转移中",
    MemberState.WITHOUT_UNION: "无所属工会",
}
CARD_STATES = {
    CardState.NONE: "未办卡",
    CardState.TO_DO: "待办中",
    CardState.IN_BATCH: "办理中",
    CardState.ISSUED: "已办卡",
    CardState.FAILED: "办卡失败",
}
HEADERS = (
    "会员编号",
    "姓名",
    "性别",
    "证件类型",
    "证件号码",
    "联系地址",
    "移动电话",
    "所属工会",
    "用户状态",
    "已办会员卡",
    "办卡状态",
    "修改审核中",
)
# A cell that begins so would become a formula where the sheet is saved as CSV and opened again.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


class ExportFile:
    """Written row by row to a temporary file, so that memory stays flat."""

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(prefix="members-", suffix=".xlsx")
        os.close(handle)
        self.rows = 0
        self._book = xlsxwriter.Workbook(self.path, {"constant_memory": True})
        self._text = self._book.add_format({"num_format": "@"})
        self._quoted = self._book.add_format({"num_format": "@", "quote_prefix": True})
        self._sheet = self._book.add_worksheet("会员名单")
        self._sheet.set_column(0, len(HEADERS) - 1, 16, self._text)
        self._write(HEADERS, 0)

    def add(self, rows: Sequence[Row], sealing: Sealing) -> None:
        """Append members."""
        for row in rows:
            self.rows += 1
            self._write(_cells(member_fields(row, sealing)), self.rows)

    def _write(self, cells: Sequence[str], line: int) -> None:
        for column, cell in enumerate(cells):
            quoted = cell.startswith(_DANGEROUS)
            self._sheet.write_string(line, column, cell, self._quoted if quoted else self._text)

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def remove(self) -> None:
        """Delete it, when it has been sent."""
        os.unlink(self.path)


def _cells(member: Row) -> tuple[str, ...]:
    return (
        member["number"] or "",
        member["name"],
        member["sex"],
        member["document_type"],
        member["document_number"],
        member["address"],
        member["mobile"],
        member["union_name"],
        STATES[MemberState(member["state"])],
        "是" if member["has_card"] else "否",
        CARD_STATES[CardState(member["card_state"])],
        "是" if member["under_review"] else "否",
    )
