"""Rosters of people who do not exist, and workbooks of them as operators might send."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import xlsxwriter

HEADERS = (
    "姓名",
    "证件类型",
    "证件号码",
    "性别",
    "出生日期",
    "联系地址",
    "移动电话",
    "学历",
    "户籍类型",
    "技术等级",
    "工会职务",
    "证件到期日",
    "国籍",
)

Cell = str | int | float | date | None
Row = dict[str, Cell]

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_number(serial: int) -> str:
    """A valid resident identity number (GB 11643), another for each serial; odd serials are men."""
    born = date(1970, 1, 1) + timedelta(days=serial // 500)
    first = f"310101{born:%Y%m%d}{serial % 500 * 2 + serial % 2:03d}"
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, _WEIGHTS, strict=True)) % 11]


def person(serial: int, **cells: Cell) -> Row:
    """A sound row; ``cells`` by header replace what should differ."""
    number = identity_number(serial)
    row: Row = {
        "姓名": "测" + "甲乙丙丁戊己庚辛壬癸"[serial % 10] + "一二三四五六七八九十"[serial // 10 % 10],
        "证件类型": "居民身份证",
        "证件号码": number,
        "性别": "男" if serial % 2 else "女",
        "出生日期": f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        "联系地址": f"上海市示例路{serial}号",
        "移动电话": f"139{serial:08d}",
        "学历": "本科",
        "户籍类型": "非农业",
        "技术等级": "无",
        "工会职务": "工会会员",
        "证件到期日": "长期",
        "国籍": "中国",
    }
    return row | cells


def people(count: int, start: int = 1) -> list[Row]:
    """Sound rows with serials from ``start``."""
    return [person(serial) for serial in range(start, start + count)]


def workbook(rows: Sequence[Mapping[str, Cell]], headers: Sequence[str] | None = None) -> bytes:
    """An .xlsx file: headers in line 1, texts as text, numbers as numbers, dates as dates."""
    names = list(headers if headers is not None else (rows[0] if rows else HEADERS))
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    # The same rows are the same bytes, whatever the time.
    book.set_properties({"created": datetime(2020, 1, 1, tzinfo=UTC)})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("会员信息")
    for column, name in enumerate(names):
        sheet.write_string(0, column, name)
        for line, row in enumerate(rows, start=1):
            cell = row.get(name)
            if isinstance(cell, date):
                sheet.write_datetime(line, column, cell, day)
            elif isinstance(cell, str):
                sheet.write_string(line, column, cell)
            elif cell is not None:
                sheet.write_number(line, column, cell)
    book.close()
    return buffer.getvalue()
