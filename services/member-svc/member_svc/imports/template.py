"""Templates to fill in: headers, text columns, drop-down lists, and a sheet that explains."""

import functools
from collections.abc import Sequence
from io import BytesIO

import xlsxwriter

from member_svc.imports.columns import ROSTER, F, Layout
from member_svc.imports.rules import MAX_ROWS

_RULES = (
    "请在“会员信息”工作表中从第 2 行开始填写，每行一名会员；表头不要修改，列的顺序可以调整。",
    f"每份文件不超过 {MAX_ROWS} 行。同一工会一次只能有一个导入，待上级工会审核后才能继续导入。",
    "新会员与修改已有会员可以放在同一份文件中：证件号码已在本工会登记的，按修改处理。",
    "修改证件号码时须填写会员编号；已办卡或正在办卡的会员不能修改证件号码。",
    "已在其他工会登记的会员须先由原工会办理会员转出，转出后再在此导入。",
    "不要使用公式和合并单元格；证件号码、移动电话、会员编号请保持文本格式。",
    "系统先检查整份文件：只要有一行有误就不导入任何会员，并一次列出所有需要修改的行。",
)


@functools.cache
def template() -> bytes:
    """The roster's template as bytes; the same each time."""
    return template_of(ROSTER, "会员信息", _RULES)


def template_of(layout: Layout[F], title: str, rules: Sequence[str]) -> bytes:
    """A template for sheets of this layout; ``rules`` stand on the sheet that explains."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    head = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "num_format": "@"})
    must = book.add_format({"bold": True, "bg_color": "#FCE4D6", "border": 1, "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    plain = book.add_format()
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    for position, column in enumerate(layout.columns):
        # Dates stay text as well: what Excel makes of them depends on the machine's language.
        sheet.set_column(position, position, column.width, plain if column.choices else text)
        sheet.write_string(0, position, column.header, must if column.required else head)
        if column.choices:
            rule = {
                "validate": "list",
                "source": list(column.choices),
                "error_title": column.header,
                "error_message": "请从列表中选择",
            }
            sheet.data_validation(1, position, MAX_ROWS, position, rule)
        elif column.note:
            rule = {"validate": "any", "input_title": column.header, "input_message": column.note}
            sheet.data_validation(1, position, MAX_ROWS, position, rule)
    guide = book.add_worksheet("填写说明")
    _explain(guide, layout, rules, head, text)
    book.close()
    return buffer.getvalue()


def _explain(
    guide: xlsxwriter.worksheet.Worksheet, layout: Layout[F], rules: Sequence[str], head: object, text: object
) -> None:
    guide.set_column(0, 0, 14)
    guide.set_column(1, 1, 8)
    guide.set_column(2, 2, 24)
    guide.set_column(3, 3, 100)
    for line, rule in enumerate(rules):
        guide.write_string(line, 0, f"{line + 1}. {rule}")
    start = len(rules) + 1
    for position, title in enumerate(("列", "必填", "示例", "说明")):
        guide.write_string(start, position, title, head)
    for line, column in enumerate(layout.columns, start=start + 1):
        note = "、".join(column.choices) if column.choices else column.note
        if column.field in layout.text:
            note = note or "文本格式"
        if column.synonyms:
            note += f"（表头也可写作：{'、'.join(column.synonyms)}）"
        cells = (column.header, "是" if column.required else "否", column.example, note)
        for position, cell in enumerate(cells):
            guide.write_string(line, position, cell, text)
