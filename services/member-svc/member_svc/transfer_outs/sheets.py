"""The template for a sheet of members to let go, and the result sheet (批量转出结果)."""

import functools
from collections.abc import Sequence
from io import BytesIO

import xlsxwriter

from member_svc.imports.rules import MAX_ROWS
from member_svc.imports.template import template_of
from member_svc.members.sealing import Sealing
from member_svc.metadata import Row
from member_svc.transfer_outs.columns import LAYOUT, OutReason
from unioncard.dates import SHANGHAI
from unioncard.documents import mask_document

_RULES = (
    "请在“转出会员”工作表中从第 2 行开始填写，每行一名会员；表头不要修改，列的顺序可以调整。",
    f"每份文件不超过 {MAX_ROWS} 行。姓名和证件号码须与系统登记的一致。",
    "转出立即生效：会员不再属于任何工会，会员卡和已生效的保障不受影响。",
    "误转出的会员可以重新导入，或由会员所在工会办理转入，经上级工会审核后恢复。",
    "不要使用公式和合并单元格；证件号码、会员编号请保持文本格式。",
    "系统先检查整份文件：只要有一行有误就不转出任何会员，并一次列出所有需要修改的行。",
)
_HEADERS = ("行号", "会员编号", "姓名", "证件号码", "转出原因", "说明", "转出时间", "结果")


@functools.cache
def template() -> bytes:
    """The template as bytes; the same each time."""
    return template_of(LAYOUT, "转出会员", _RULES)


def result_sheet(transfer_out: Row, items: Sequence[Row], sealing: Sealing) -> bytes:
    """Who was let go, masked as on screen; text cells only, so that nothing in it can run."""
    at = f"{transfer_out['asked_at'].astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    text = book.add_format({"num_format": "@"})
    bold = book.add_format({"num_format": "@", "bold": True})
    sheet = book.add_worksheet("转出结果")
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(_HEADERS) - 1, 18, text)
    for column, header in enumerate(_HEADERS):
        sheet.write_string(0, column, header, bold)
    for place, item in enumerate(items, start=1):
        for column, cell in enumerate(_cells(item, at, sealing)):
            sheet.write_string(place, column, cell, text)
    book.close()
    return buffer.getvalue()


def _cells(item: Row, at: str, sealing: Sealing) -> tuple[str, ...]:
    plain = sealing.open(item["member_id"], item)
    document = mask_document(plain["document_number"])
    reason = OutReason(item["reason"]).label
    return str(item["line"]), item["number"], plain["name"], document, reason, item["note"] or "", at, "已转出"
